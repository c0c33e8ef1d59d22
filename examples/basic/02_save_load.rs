//! Saves a detector and loads it again; trains a longer one with checkpoints, and goes on with
//! it where it was stopped.
//!
//! `cargo run --release --example save_load`
//!
//! Kill it during the second training: the same command goes on from its checkpoints.

use std::path::Path;

use aster::prelude::*;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let folder = Path::new("save-load-output");

    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let detector = fit(&config, &split.train, &device)?;
    detector.save(folder.join("detector"))?;
    let loaded = Detector::load(folder.join("detector"), &device)?;
    let same = loaded.score(&split.test)? == detector.score(&split.test)?;
    println!("the loaded detector gives the same scores: {same}");

    config.train.epochs = 8;
    let trainer = Trainer::new(config, Strategy::Single(device.autodiff()));
    let trainer = trainer.with_progress_bar().with_checkpoints(folder.join("checkpoints"));
    let longer = trainer.fit(&split.train)?;
    let record = longer.record();
    println!("{} epochs, of which {} was the best", record.epochs.len(), record.best_epoch);
    longer.save(folder.join("detector"))?;
    println!("it is in {}", folder.join("detector").display());
    Ok(())
}
