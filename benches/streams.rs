//! Rows per second, the latency of pushes and the memory of streams: prints Markdown.
//!
//! `cargo run --release -p aster-benches --example streams`

use std::alloc::System;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use aster::data::SyntheticConfig;
use aster::detect::{Row, StreamConfig, StreamingDetector, Streams};
use aster::{AsterConfig, Detector, DeviceChoice, device, fit};
use aster_benches::CHANNELS;
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    let data = SyntheticConfig {
        train_rows: 4000,
        test_rows: 100_000,
        channels: CHANNELS,
        ..Default::default()
    };
    let split = data.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let detector = Arc::new(fit(&AsterConfig::default(), &split.train, &device)?);
    let rows: Vec<Row> =
        (0..split.test.rows()).map(|row| Row::new(None, split.test.row(row))).collect();

    println!("{CHANNELS} channels; a score is final {} rows later at most\n", detector.latency());
    println!("| a finished series | rows/s |\n|---|---|");
    let started = Instant::now();
    detector.score(&split.test)?;
    println!("| `Detector::score` | {:.0} |", rows.len() as f64 / started.elapsed().as_secs_f64());

    println!("\n| rows per push | rows/s | p50 us | p99 us | p99.9 us | longest us |");
    println!("|---|---|---|---|---|---|");
    for count in [1, 8, 64, 4096] {
        let mut stream = StreamingDetector::new(detector.clone(), StreamConfig::default())?;
        let mut times = vec![];
        let some = &rows[..(20_000 * count).min(rows.len())];
        for rows in some.chunks(count) {
            let started = Instant::now();
            stream.push(rows)?;
            times.push(started.elapsed().as_secs_f64());
        }
        let rate = some.len() as f64 / times.iter().sum::<f64>();
        let [p50, p99, p999, longest] = percentiles(times);
        println!("| {count} | {rate:.0} | {p50:.0} | {p99:.0} | {p999:.0} | {longest:.0} |");
    }

    println!("\n| streams, one row per push | rows/s | p50 us | p99 us | p99.9 us | longest us |");
    println!("|---|---|---|---|---|---|");
    for count in [1, 100, 1000] {
        let (times, _) = many(&detector, &rows, count, 300_000 / count, 1)?;
        let rate = times.len() as f64 / times.iter().sum::<f64>();
        let [p50, p99, p999, longest] = percentiles(times);
        println!("| {count} | {rate:.0} | {p50:.0} | {p99:.0} | {p999:.0} | {longest:.0} |");
    }

    println!(
        "\n| streams, a row each per push | rows/s | p50 us | p99 us | p99.9 us | kB a stream |"
    );
    println!("|---|---|---|---|---|---|");
    // The memory of the drift is full after 10 000 rows.
    for (count, turns) in [(1, 10_500), (100, 10_500), (1000, 1000)] {
        let (times, kilobytes) = many(&detector, &rows, count, turns, count)?;
        let rate = (turns * count) as f64 / times.iter().sum::<f64>();
        let [p50, p99, p999, _] = percentiles(times);
        println!("| {count} | {rate:.0} | {p50:.0} | {p99:.0} | {p999:.0} | {kilobytes:.0} |");
    }
    let bound = detector.stream_memory(&StreamConfig::default()) as f64 / 1000.0;
    println!("\nA stream takes {bound:.0} kB at most.");
    Ok(())
}

/// Pushes a row of each of so many streams in each of so many turns, so many rows at a time; returns the
/// seconds of each push, and the kilobytes that a stream then takes.
fn many(
    detector: &Arc<Detector>,
    rows: &[Row],
    count: usize,
    turns: usize,
    at_once: usize,
) -> Result<(Vec<f64>, f64), Box<dyn Error>> {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    let before = ALLOCATOR.allocated();
    let mut streams = Streams::new(detector.clone(), StreamConfig::default())?;
    let mut times = Vec::with_capacity(turns * count / at_once);
    let own = size_of::<f64>() * times.capacity();
    for turn in 0..turns {
        let row =
            |(number, name): (usize, _)| (name, rows[(turn + 97 * number) % rows.len()].clone());
        let rows: Vec<_> = names.iter().map(String::as_str).enumerate().map(row).collect();
        for rows in rows.chunks(at_once) {
            let started = Instant::now();
            drop(streams.push(rows)?);
            times.push(started.elapsed().as_secs_f64());
        }
    }
    let kilobytes = (ALLOCATOR.allocated() - before - own) as f64 / 1000.0 / count as f64;
    Ok((times, kilobytes))
}

/// The median, two percentiles and the longest of times in seconds, in microseconds.
fn percentiles(mut times: Vec<f64>) -> [f64; 4] {
    times.sort_by(f64::total_cmp);
    [0.5, 0.99, 0.999, 1.0].map(|share| 1e6 * times[((times.len() - 1) as f64 * share) as usize])
}
