//! What a series costs: a core to score it and to tell its alarms, bytes of its state, and the time to store
//! it and to take it over.
//!
//! `cargo run --release --example costs`

use std::sync::Arc;
use std::time::Instant;

use aster_nats::aster::data::{SyntheticConfig, TimeSeries};
use aster_nats::aster::detect::{AlarmEvent, Row, StreamConfig, Streams};
use aster_nats::aster::eval::DriftConfig;
use aster_nats::aster::{AsterConfig, Detector, DeviceChoice, device};

/// States that are stored and taken over for a mean.
const TIMES: u32 = 20;

/// Series that are scored side by side, and the rows of each.
const SERIES: usize = 100;
const ROWS: usize = 1200;

fn main() -> anyhow::Result<()> {
    let synthetic = |test_rows, anomalies| {
        SyntheticConfig { train_rows: 2000, test_rows, anomalies, ..Default::default() }.generate()
    };
    let split = synthetic(12_000, 6)?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let started = Instant::now();
    let detector = aster_nats::aster::fit(&config, &split.train, &device(DeviceChoice::Auto)?)?;
    println!(
        "{} channels, trained in {:.1} s, detector {} kB",
        detector.channels().len(),
        started.elapsed().as_secs_f64(),
        detector.to_bytes()?.len() / 1000
    );
    let shared = Arc::new(detector.clone());
    let (few, some) = scored(&shared, &synthetic(12_000, 0)?.test)?;
    let (many, alarms) = scored(&shared, &synthetic(12_000, 120)?.test)?;
    println!("one thread: {few:.1} us a row with {some} alarms, {many:.1} us with {alarms}");
    let rows = (SERIES * ROWS) as f64;
    let alarm = (many - few) * rows / (alarms as f64 - some as f64) / 1e3;
    println!("an alarm {alarm:.1} ms, a row {:.1} us", few - some as f64 * alarm * 1e3 / rows);

    println!("\nas configured: 10 000 scores are kept for the threshold");
    states(shared, &split.test)?;
    let mut drift = DriftConfig::default();
    (drift.memory, drift.longest) = (1000, 1000);
    println!("\nwith 1000 scores, drift.memory and drift.longest");
    states(detector.with_drift(Some(drift))?.into(), &split.test)
}

/// Microseconds a row on one thread, and the alarms that opened, for parts of a series as series.
fn scored(detector: &Arc<Detector>, test: &TimeSeries) -> anyhow::Result<(f64, usize)> {
    let mut streams = Streams::new(detector.clone(), StreamConfig::default())?.with_threads(1)?;
    let names: Vec<String> = (0..SERIES).map(|it| format!("pump {it}")).collect();
    let mut opened = 0;
    let started = Instant::now();
    for rows in (0..ROWS).collect::<Vec<_>>().chunks(40) {
        let of = |(at, name)| {
            let row =
                move |row: &usize| Row::new(*row as i64, test.row((row + 107 * at) % test.rows()));
            rows.iter().map(move |it| (name, row(it)))
        };
        let names = names.iter().map(String::as_str).enumerate();
        let outputs = streams.push(&names.flat_map(of).collect::<Vec<_>>())?;
        let events = outputs.values().flat_map(|output| &output.events);
        opened += events.filter(|event| matches!(event, AlarmEvent::Opened(_))).count();
    }
    Ok((started.elapsed().as_secs_f64() * 1e6 / (SERIES * ROWS) as f64, opened))
}

/// Prints what the state of a series costs.
fn states(detector: Arc<Detector>, test: &TimeSeries) -> anyhow::Result<()> {
    println!("| rows | kB in memory | kB packed | kB stored | ms to store | ms to take over |");
    println!("|---|---|---|---|---|---|");
    let mut streams = Streams::new(detector.clone(), StreamConfig::default())?;
    let mut rows = 0;
    for until in [100, 1000, 12_000] {
        let more = (rows..until).map(|row| Row::new(row as i64, test.row(row % test.rows())));
        let more: Vec<_> = more.map(|row| ("pump", row)).collect();
        streams.push(&more)?;
        rows = until;
        let (mut packed, mut stored) = (vec![], vec![]);
        let started = Instant::now();
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
