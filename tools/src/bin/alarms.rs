//! Are promises of false alarms kept? Detectors on clean series, which alarm as often as they do.
//!
//! `cargo run --release -p aster-tools --bin alarms -- [--series 4 --rows 40000]`

use aster::detect::Detector;
use aster::prelude::*;
use aster_tools::evaluate::mean;
use aster_tools::stationary::Kind;
use clap::{Parser, ValueEnum};

/// Train a detector on series of every kind; print how many false alarms come of each promised.
#[derive(Parser)]
struct Arguments {
    /// Series of each kind.
    #[arg(long, default_value_t = 1)]
    series: u64,
    /// Rows to alarm on.
    #[arg(long, default_value_t = 4000)]
    rows: usize,
    /// Where to compute: auto, or a backend that is compiled in, such as cuda:1.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Promised false alarms in 10 000 rows.
const PROMISED: [f64; 3] = [1.0, 3.0, 10.0];

/// Training rows, of one series after the other.
const TRAINING: [usize; 4] = [3000, 6000, 10_000, 6000];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let device = device(arguments.device)?;
    println!("| series | training rows | of 1 | of 3 | of 10 |\n|---|---|---|---|---|");
    let mut kept = vec![];
    for kind in Kind::value_variants() {
        for (number, training) in (0..arguments.series).zip(TRAINING.into_iter().cycle()) {
            let all = kind.draw(training + arguments.rows, number)?;
            let detector =
                fit(&AsterConfig::default(), &all.slice(0..training)?.into_train(), &device)?;
            let test = all.slice(training..all.rows())?;
            let counts = realised(&detector, &test)?;
            let cells = counts.map(|count| format!("{count:.2}")).join(" | ");
            println!("| {kind:?} {number} | {training} | {cells} |");
            kept.push(counts);
        }
    }
    let of = |at: usize| kept.iter().map(|counts| counts[at] / PROMISED[at]).collect::<Vec<_>>();
    let line = |name: &str, of_all: &dyn Fn(&[f64]) -> f64| {
        let cells = [0, 1, 2].map(|at| format!("{:.2}", of_all(&of(at)))).join(" | ");
        println!("| {name} | | {cells} |");
    };
    line("mean share of the promise", &mean);
    line("most", &|shares| shares.iter().copied().fold(0.0, f64::max));
    line("least", &|shares| shares.iter().copied().fold(f64::MAX, f64::min));
    Ok(())
}

/// False alarms in 10 000 rows for each number promised.
fn realised(detector: &Detector, test: &TimeSeries) -> anyhow::Result<[f64; PROMISED.len()]> {
    let scores = detector.score(test)?;
    let mut counts = [0.0; PROMISED.len()];
    for (count, episodes) in counts.iter_mut().zip(PROMISED) {
        let rule = ThresholdRule::FalseAlarms { episodes, per: Per::Rows(10_000) };
        let found = detector.with_threshold(rule)?.alarm_rule().alarms(&scores)?;
        *count = 1e4 * found.intervals.len() as f64 / test.rows() as f64;
    }
    Ok(counts)
}
