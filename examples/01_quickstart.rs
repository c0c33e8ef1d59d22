//! The main job on synthetic data: train, score, compare, save.
//!
//! `cargo run --release --example quickstart`

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use aster::prelude::*;
use aster::report::{Plot, Report, ReportConfig};
use aster_examples::baselines::Baseline;
use aster_examples::evaluate::{Metrics, Scored};
use polars::prelude::{Column, DataFrame, ParquetWriter};

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { test_rows: 6000, ..Default::default() }.generate()?;
    println!(
        "{} training rows, {} test rows with {} anomalies, {} channels",
        split.train.rows(),
        split.test.rows(),
        split.injections.len(),
        split.test.channel_count(),
    );

    let device = device(DeviceChoice::Auto)?;
    let mut config = AsterConfig::default();
    config.context.llm = LlmSource::Bundled;
    config.train.progress = true;
    let started = Instant::now();
    let detector = Detector::fit(&config, &split.train, &device)?;
    let found = detector.detect(&split.test)?;
    println!(
        "ASTER trained and scored in {:.0} s; {} alarms\n",
        started.elapsed().as_secs_f64(),
        found.intervals.len(),
    );

    println!("| method | {} |", Metrics::NAMES.join(" | "));
    println!("|---|{}", "---|".repeat(Metrics::NAMES.len()));
    let ours = Scored { scores: found.scores.clone(), thresholds: found.thresholds.clone() };
    print_row("aster", &Metrics::of(&ours, &split.test)?);
    for baseline in Baseline::few() {
        let scored = baseline.run(&split.train, &[&split.test], &config, 0)?;
        print_row(&baseline.to_string(), &Metrics::of(&scored[0], &split.test)?);
    }

    let folder = Path::new("quickstart-output");
    detector.save(folder.join("detector"))?;
    let loaded = Detector::load(folder.join("detector"), &device)?;
    let same = loaded.score(&split.test)? == found.scores;
    write_scores(&folder.join("scores.parquet"), &found.scores, &split.test)?;
    let report = Report::new(&detector, &split.test, &ReportConfig::default())?;
    report.svg(Plot::Scores, folder.join("scores.svg"))?;
    report.html(folder.join("report.html"))?;
    println!("\nopen {}", folder.join("report.html").display());
    println!("detector/, scores.parquet and scores.svg are there too");
    println!("the detector read back gives the same scores: {same}");
    Ok(())
}

fn print_row(name: &str, metrics: &Metrics) {
    let cells = metrics.values().map(|value| format!("{value:.3}"));
    println!("| {name} | {} |", cells.join(" | "));
}

fn write_scores(path: &Path, scores: &[f32], test: &TimeSeries) -> anyhow::Result<()> {
    let labels = test.labels().unwrap_or_default();
    let columns = vec![Column::new("score".into(), scores), Column::new("label".into(), labels)];
    let mut frame = DataFrame::new(scores.len(), columns)?;
    ParquetWriter::new(File::create(path)?).finish(&mut frame)?;
    Ok(())
}
