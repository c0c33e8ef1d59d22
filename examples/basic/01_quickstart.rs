//! The main job on synthetic data: train, score, alarm, explain, save.
//!
//! `cargo run --release --example quickstart`

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use aster::eval::{margins, volume_under_surface};
use aster::prelude::*;

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
    let strategy = Strategy::Single(device.clone().autodiff());
    let trainer = Trainer::new(AsterConfig::default(), strategy).with_progress_bar();
    let started = Instant::now();
    let detector = trainer.fit(&split.train)?;
    let detection = detector.detect(&split.test)?;
    println!("trained and scored in {:.0} s", started.elapsed().as_secs_f64());

    println!("\n{} alarms, the most severe first:", detection.alarms.len());
    let mut alarms = detection.alarms.clone();
    alarms.sort_by(|a, b| b.cmp_severity(a));
    for alarm in alarms.iter().take(5) {
        println!("  {alarm}");
    }

    let (scores, labels) = (&detection.scores, split.test.labels().context("no labels")?);
    println!("\nagainst the labels, which nothing has read so far:");
    println!("  AUROC  {:.3}", auroc(scores, labels)?);
    println!("  AUPR   {:.3}", average_precision(scores, labels)?);
    println!("  VUS-PR {:.3}", volume_under_surface(scores, labels, 100)?.pr);
    let f1 = f1_at(&margins(scores, &detection.thresholds)?, labels, 0.0)?.f1;
    println!("  F1     {f1:.3} at the detector's own thresholds");
    println!("  F1     {:.3} at the best one (oracle)", best_f1(scores, labels)?.f1);

    let folder = Path::new("quickstart-output");
    detector.save(folder.join("detector"))?;
    let loaded = Detector::load(folder.join("detector"), &device)?;
    println!(
        "\nthe loaded detector gives the same scores: {}",
        loaded.score(&split.test)? == *scores
    );
    let mut file = std::fs::File::create(folder.join("scores.csv"))?;
    writeln!(file, "row,score,threshold")?;
    for (row, (score, threshold)) in scores.iter().zip(&detection.thresholds).enumerate() {
        writeln!(file, "{row},{score},{threshold}")?;
    }
    println!("detector/ and scores.csv are in {}", folder.display());
    println!("a page to look at: cargo run --release -p aster-examples-extra --example report");
    Ok(())
}
