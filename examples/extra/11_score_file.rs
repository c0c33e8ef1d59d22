//! Scores of a Parquet file that need not fit into memory, as another Parquet file.
//!
//! `cargo run --release -p aster-examples-extra --example score_file -- [--detector <folder> --input <file> --time <column>]`
//!
//! The same call after an interruption goes on where it was. Without a detector it trains one, and
//! writes a file to try it on.

use std::path::PathBuf;
use std::sync::Arc;

use aster::detect::ScoreFileConfig;
use aster::prelude::*;
use clap::Parser;

/// Score a Parquet file with a detector.
#[derive(Parser)]
struct Arguments {
    /// A folder that holds a detector.
    #[arg(long, requires = "input")]
    detector: Option<PathBuf>,
    /// A Parquet file with its channels.
    #[arg(long, requires = "detector")]
    input: Option<PathBuf>,
    /// Column of times, which is copied.
    #[arg(long)]
    time: Option<String>,
    /// Parquet file of the scores.
    #[arg(long, default_value = "scores.parquet")]
    output: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Arguments { detector, input, time, output } = Arguments::parse();
    let device = device(DeviceChoice::Auto)?;
    let (detector, input, time) = match detector.zip(input) {
        Some((folder, input)) => (Detector::load(folder, &device)?, input, time),
        None => {
            let split = SyntheticConfig { train_rows: 3000, ..Default::default() }.generate()?;
            let input = std::env::temp_dir().join("aster-example.parquet");
            let times = (0..split.test.rows() as i64).collect();
            split.test.with_timestamps(times)?.write_parquet(&input)?;
            (fit(&AsterConfig::default(), &split.train, &device)?, input, Some("time".into()))
        }
    };
    let config = ScoreFileConfig::with(|it| it.columns.time = time);
    let scored = Arc::new(detector).score_parquet(&input, &output, &config)?;
    println!("{}: {} rows, {} alarm", output.display(), scored.rows, scored.alarms);
    Ok(())
}
