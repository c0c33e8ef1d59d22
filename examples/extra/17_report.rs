//! A report of what a detector found: a page to look at, and plots as pictures.
//!
//! `cargo run --release -p aster-examples-extra --example report -- [--rows 1000000]`

use std::path::Path;

use aster::prelude::*;
use aster::report::{Plot, Report, ReportConfig};
use clap::Parser;

/// Report on a synthetic series.
#[derive(Parser)]
struct Arguments {
    /// Rows of the synthetic series.
    #[arg(long, default_value_t = 6000)]
    rows: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments { rows } = Arguments::parse();
    let anomalies = (rows / 2000).max(12);
    let split = SyntheticConfig { test_rows: rows, anomalies, ..Default::default() }.generate()?;
    // A row per minute, from 2026-01-01.
    let minutes = |row| 1_767_225_600_000 + 60_000 * row as i64;
    let times = (0..split.test.rows()).map(minutes).collect();
    let test = split.test.with_timestamps(times)?;
    let detector = fit(&AsterConfig::default(), &split.train, &device(DeviceChoice::Auto)?)?;

    let config = ReportConfig::with(|it| it.title = "Synthetic channels".into());
    let report = Report::new(&detector, &test, &config)?;
    let folder = Path::new("report-output");
    std::fs::create_dir_all(folder)?;
    report.html(folder.join("report.html"))?;
    for plot in Plot::ALL {
        let name = plot.name();
        report.svg(plot, folder.join(&name).with_extension("svg"))?;
        report.png(plot, folder.join(&name).with_extension("png"))?;
    }
    for alarm in report.alarms().iter().take(3) {
        let channels: Vec<&str> =
            alarm.contributions.iter().map(|it| &*it.channel).take(2).collect();
        let rows = alarm.alarm.rows();
        println!("rows {rows:?}: severity {:.0}, {}", alarm.alarm.severity, channels.join(", "));
    }
    println!("open {}", folder.join("report.html").display());
    Ok(())
}
