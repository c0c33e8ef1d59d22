//! Your own CSV file: train on its beginning, look for anomalies in the rest, say which
//! channels they are in, and show it all on a page.
//!
//! `cargo run --release -p aster-examples-extra --example own_csv -- [--csv <file>] [--time <column>] [--train <share>]`
//!
//! Without a file it writes one to try it on.

use std::io::Write;
use std::path::{Path, PathBuf};

use aster::detect::Contribution;
use aster::prelude::*;
use aster::report::{Report, ReportConfig};
use clap::Parser;

/// Train on the beginning of a CSV file and look for anomalies in the rest.
#[derive(Parser)]
struct Arguments {
    /// A CSV file with a header; every column but the time is a channel.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// The column of times. Default: the one of dates, if there is one.
    #[arg(long)]
    time: Option<String>,
    /// Share of the rows, the first in time, that are normal and train.
    #[arg(long, default_value_t = 0.6)]
    train: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let csv = arguments.csv.map_or_else(write_one, Ok)?;
    let columns = Columns::with(|it| it.time = arguments.time);
    let options =
        LoadOptions::with(|it| (it.columns, it.missing) = (columns, MissingPolicy::ForwardFill));
    let series = TimeSeries::from_csv(&csv, &options)?;
    let cut = (series.rows() as f64 * arguments.train) as usize;
    let (train, test) = (series.slice(0..cut)?.into_train(), series.slice(cut..series.rows())?);
    println!("{}: {cut} rows train, {} are searched", csv.display(), test.rows());

    let strategy = Strategy::Single(device(DeviceChoice::Auto)?.autodiff());
    let trainer = Trainer::new(AsterConfig::default(), strategy).with_progress_bar();
    let detector = trainer.with_cancel_token(CancelToken::on_ctrl_c()?).fit(&train)?;

    let folder = Path::new("own-csv-output");
    detector.save(folder.join("detector"))?;
    let report = Report::new(&detector, &test, &ReportConfig::default())?;
    report.html(folder.join("report.html"))?;
    report.detection().write_alarms(std::fs::File::create(folder.join("alarms.jsonl"))?)?;
    for alarm in report.alarms() {
        let contributions = alarm.contributions.iter().take(3);
        let worst: Vec<String> = contributions.map(Contribution::to_string).collect();
        let rows = cut + alarm.interval.start..cut + alarm.interval.end;
        println!("rows {rows:?}: severity {:.1}, {}", alarm.interval.severity, worst.join(", "));
    }
    println!("open {}", folder.join("report.html").display());
    println!("detector/ and alarms.jsonl are there too");
    Ok(())
}

/// A file of synthetic channels, a second apart, anomalous towards the end.
fn write_one() -> anyhow::Result<PathBuf> {
    let split = SyntheticConfig { train_rows: 3000, ..Default::default() }.generate()?;
    let path = std::env::temp_dir().join("aster-example.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    writeln!(file, "time,{}", split.test.channels().join(","))?;
    let rows = |series: &TimeSeries| -> Vec<String> {
        let row = |row: usize| series.row(row).iter().map(f64::to_string).collect::<Vec<_>>();
        (0..series.rows()).map(|number| row(number).join(",")).collect()
    };
    for (second, row) in rows(&split.train).iter().chain(&rows(&split.test)).enumerate() {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        writeln!(file, "2026-01-01 {hour:02}:{minute:02}:{second:02},{row}")?;
    }
    file.flush()?;
    Ok(path)
}
