//! The main job on synthetic data: train, score, compare, save.
//!
//! `cargo run --release --example quickstart`

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use aster::prelude::*;
use aster_examples::Fallible;
use aster_examples::baselines::Baseline;
use aster_examples::evaluate::{Metrics, Scored};
use plotters::prelude::*;
use polars::prelude::{Column, DataFrame, ParquetWriter};

fn main() -> Fallible<()> {
    let split = SyntheticConfig::default().generate()?;
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
    plot(&folder.join("scores.svg"), &found, &split.test)?;
    println!("\n{} holds detector/, scores.parquet and scores.svg", folder.display());
    println!("the detector read back gives the same scores: {same}");
    Ok(())
}

fn print_row(name: &str, metrics: &Metrics) {
    let cells = metrics.values().map(|value| format!("{value:.3}"));
    println!("| {name} | {} |", cells.join(" | "));
}

fn write_scores(path: &Path, scores: &[f32], test: &TimeSeries) -> Fallible<()> {
    let labels = test.labels().unwrap_or_default();
    let columns = vec![Column::new("score".into(), scores), Column::new("label".into(), labels)];
    let mut frame = DataFrame::new(scores.len(), columns)?;
    ParquetWriter::new(File::create(path)?).finish(&mut frame)?;
    Ok(())
}

fn plot(path: &Path, found: &Detection, test: &TimeSeries) -> Fallible<()> {
    let Detection { scores, thresholds, .. } = found;
    let highest = scores.iter().chain(thresholds).copied().fold(0.0, f32::max);
    let root = SVGBackend::new(path, (1200, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Score, threshold (line) and labelled anomalies (shaded)", ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(0..scores.len(), 0f32..highest * 1.05)?;
    chart.configure_mesh().x_desc("timestamp").y_desc("score [nats]").draw()?;
    let labels = test.labels().unwrap_or_default();
    let shade = |row: usize| {
        let corners = [(row, 0.0), (row + 1, highest * 1.05)];
        Rectangle::new(corners, RED.mix(0.15).filled())
    };
    chart.draw_series(labels.iter().enumerate().filter(|(_, l)| **l).map(|(row, _)| shade(row)))?;
    chart.draw_series(LineSeries::new(scores.iter().copied().enumerate(), &BLUE))?;
    chart.draw_series(LineSeries::new(thresholds.iter().copied().enumerate(), &BLACK))?;
    root.present()?;
    Ok(())
}
