//! What a series costs: bytes of its state, and the time to store it and to take it over.
//!
//! `cargo run --release --example costs`

use std::sync::Arc;
use std::time::Instant;

use aster_nats::aster::data::SyntheticConfig;
use aster_nats::aster::detect::{Row, StreamConfig, Streams};
use aster_nats::aster::{AsterConfig, DeviceChoice, device};

/// States that are stored and taken over for a mean.
const TIMES: u32 = 20;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let mut config = AsterConfig::default();
    (config.train.epochs, config.train.steps_per_epoch) = (1, 10);
    let detector =
        Arc::new(aster_nats::aster::fit(&config, &split.train, &device(DeviceChoice::Auto)?)?);
    println!(
        "{} channels, detector {} kB",
        detector.channels().len(),
        detector.to_bytes()?.len() / 1000
    );
    println!("| rows | kB in memory | kB packed | kB stored | ms to store | ms to take over |");
    println!("|---|---|---|---|---|---|");
    let mut streams = Streams::new(detector.clone(), StreamConfig::default())?;
    let mut rows = 0;
    for until in [100, 1000, 12_000] {
        let more =
            (rows..until).map(|row| Row::new(row as i64, split.test.row(row % split.test.rows())));
        streams.push(&more.map(|row| ("pump", row)).collect::<Vec<_>>())?;
        rows = until;
        let started = Instant::now();
        let mut stored = vec![];
        let mut packed = vec![];
        for _ in 0..TIMES {
            packed = streams.to_bytes("pump")?.unwrap_or_default();
            stored = zstd::bulk::compress(&packed, 1)?;
        }
        let to_store = started.elapsed() / TIMES;
        let mut others = Streams::new(detector.clone(), StreamConfig::default())?;
        let started = Instant::now();
        for _ in 0..TIMES {
            others.insert("pump", &zstd::stream::decode_all(&stored[..])?)?;
        }
        let to_take = started.elapsed() / TIMES;
        println!(
            "| {rows} | {} | {} | {} | {:.2} | {:.2} |",
            streams.memory() / 1000,
            packed.len() / 1000,
            stored.len() / 1000,
            to_store.as_secs_f64() * 1e3,
            to_take.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}
