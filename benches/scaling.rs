//! How time and memory grow with the rows: prints Markdown.
//!
//! `cargo run --release -p aster-benches --example scaling`

use std::error::Error;
use std::time::Instant;

use aster::data::SyntheticConfig;
use aster::{AsterConfig, DeviceChoice, device, fit};
use aster_benches::memory_mb;

fn main() -> Result<(), Box<dyn Error>> {
    let device = device(DeviceChoice::Auto)?;
    println!("| rows | series MB | training s | training MB | scoring s | scoring us/row |");
    println!("|---|---|---|---|---|---|");
    for rows in [10_000, 100_000, 1_000_000] {
        let data = SyntheticConfig { train_rows: rows, test_rows: rows, ..Default::default() };
        let split = data.generate()?;
        // Linux forgets the peak so far.
        let _unsupported = std::fs::write("/proc/self/clear_refs", "5");
        let before = memory_mb("VmRSS");
        let started = Instant::now();
        let detector = fit(&AsterConfig::default(), &split.train, &device)?;
        let training = started.elapsed().as_secs_f64();
        let memory = memory_mb("VmHWM").saturating_sub(before);
        let started = Instant::now();
        detector.score(&split.test)?;
        let scoring = started.elapsed().as_secs_f64();
        let series = (split.train.values().len() * 4) >> 20;
        let per_row = scoring * 1e6 / rows as f64;
        println!("| {rows} | {series} | {training:.1} | {memory} | {scoring:.2} | {per_row:.1} |");
    }
    Ok(())
}
