//! Your own CSV or Parquet file: train on its beginning, or on a file of its own, look for
//! anomalies in the rest, say which channels they are in, and show it all on a page.
//!
//! `cargo run --release -p aster-examples-extra --example own_file -- [<file>] [--time <column>] [--train <share>]`
//!
//! `--help` lists what else can be said of the file; what is not said is found, and printed. Without
//! a file it writes one to try it on.

mod options;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aster::data::OffsetChange;
use aster::detect::Contribution;
use aster::eval::margins;
use aster::prelude::*;
use aster::report::{Report, ReportConfig};
use clap::Parser;

use options::FileOptions;

/// Train on the beginning of a file and look for anomalies in the rest.
#[derive(Parser)]
struct Arguments {
    /// A CSV file, or a Parquet file, which is told by its extension.
    file: Option<PathBuf>,
    /// Share of the rows, the first in time, that are normal and train.
    #[arg(long, default_value_t = 0.6)]
    train: f64,
    /// Another file, whose rows are normal and train; those of the first are searched, all of them.
    #[arg(long, conflicts_with = "train")]
    train_file: Option<PathBuf>,
    /// Step in seconds that rows are averaged to, and gaps filled at.
    #[arg(long)]
    resample: Option<f64>,
    #[command(flatten)]
    options: FileOptions,
}

impl Arguments {
    /// Reads a file, and prints what was found in it.
    fn load(&self, path: &Path) -> anyhow::Result<Loaded> {
        let mut loaded = self.options.load(path)?;
        println!("{}\n", loaded.report);
        if let Some(seconds) = self.resample {
            let step = (seconds * 1e9) as i64;
            loaded.series = loaded.series.resample(step, MissingPolicy::ForwardFill)?;
        }
        Ok(loaded)
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let file = arguments.file.clone().map_or_else(write_one, Ok)?;
    let Loaded { series, report: found, .. } = arguments.load(&file)?;
    // Rows are counted from the beginning of the file, in all that is printed.
    let (train, searched) = match &arguments.train_file {
        Some(other) => (arguments.load(other)?.series.into_train(), 0),
        None => {
            let cut = (series.rows() as f64 * arguments.train) as usize;
            (series.slice(0..cut)?.into_train(), cut)
        }
    };
    let test = series.slice(searched..series.rows())?;
    println!("{} rows train, {} are searched", train.rows(), test.rows());

    let strategy = Strategy::Single(device(DeviceChoice::Auto)?.autodiff());
    let trainer = Trainer::new(AsterConfig::default(), strategy).with_progress_bar();
    let detector = trainer.with_cancel_token(CancelToken::on_ctrl_c()?).fit(&train)?;

    let folder = Path::new("own-file-output");
    detector.save(folder.join("detector"))?;
    let config = ReportConfig::with(|it| it.first_row = searched);
    let report = Report::new(&detector, &test, &config)?.with_note(&found);
    report.html(folder.join("report.html"))?;
    let mut detection = report.detection().clone();
    detection.alarms = detection.alarms.into_iter().map(|it| it.shifted(searched)).collect();
    detection.write_alarms(File::create(folder.join("alarms.jsonl"))?)?;
    for alarm in report.alarms() {
        let contributions = alarm.contributions.iter().take(3);
        let worst: Vec<String> = contributions.map(Contribution::to_string).collect();
        println!("{}: {}", alarm.alarm.interval.shifted(searched), worst.join(", "));
    }
    if let Some(labels) = test.labels().filter(|labels| labels.contains(&true)) {
        let scores = &detection.scores;
        let margins = margins(scores, &detection.thresholds)?;
        println!(
            "by the labels: AUROC {:.3}, AUPR {:.3}, F1 {:.3}",
            auroc(scores, labels)?,
            average_precision(scores, labels)?,
            f1_at(&margins, labels, 0.0)?.f1
        );
    }
    println!("open {}", folder.join("report.html").display());
    println!("detector/ and alarms.jsonl are there too");
    Ok(())
}

/// A file of synthetic channels, a second apart, anomalous towards the end.
fn write_one() -> anyhow::Result<PathBuf> {
    const FIRST: i64 = 1_767_225_600; // 2026-01-01
    let split = SyntheticConfig { train_rows: 3000, ..Default::default() }.generate()?;
    let values = [split.train.values(), split.test.values()].concat();
    let series = TimeSeries::new(split.test.channels().to_vec(), values)?;
    let seconds = (0..series.rows() as i64).map(|row| (FIRST + row) * 1_000_000_000);
    let berlin = Clock::Zoned(vec![OffsetChange { from: 0, seconds: 3600 }]);
    let series = series.with_timestamps(seconds.collect())?.with_clock(berlin);
    let path = std::env::temp_dir().join("aster-example.csv");
    series.write_csv(&path).context("no example file")?;
    Ok(path)
}
