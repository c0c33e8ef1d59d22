//! A detector where there is no disk: as bytes in an object store, a database column or the
//! program itself.
//!
//! `cargo run --release --example no_disk`

use std::collections::HashMap;

use aster::prelude::*;

/// Stands for an object store, or a table of names and blobs.
type Store = HashMap<String, Vec<u8>>;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let mut store = Store::new();

    let detector = fit(&config, &split.train, &device)?;
    store.insert("pumps".into(), detector.to_bytes()?);
    println!("{} kB, fingerprint {}", store["pumps"].len() / 1000, detector.fingerprint());

    // Elsewhere. A detector in the program itself: `include_bytes!("pumps.tar")`.
    let there = Detector::from_bytes(&store["pumps"], &device)?;
    let same = there.detect(&split.test)? == detector.detect(&split.test)?;
    println!("it finds the same: {same}");

    // Its thresholds move without the training series, and the changed one goes back.
    let rarer = there.with_threshold(ThresholdRule::FalseAlarmRate { rate: 0.001 })?;
    store.insert("pumps".into(), rarer.to_bytes()?);
    println!("{}", Detector::from_bytes(&store["pumps"], &device)?.config().threshold);

    // What has come to harm on the way is an error.
    let Some(last) = store.get_mut("pumps") else { anyhow::bail!("the store has lost it") };
    let middle = last.len() / 2;
    last[middle] ^= 1;
    if let Err(error) = Detector::from_bytes(last, &device) {
        println!("damaged: {error}");
    }
    Ok(())
}
