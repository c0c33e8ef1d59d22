//! Your own CSV file: train on its beginning, look for anomalies in the rest, say which
//! channels they are in, and show it all on a page.
//!
//! `cargo run --release -p aster-examples-extra --example own_csv -- [--csv <file>] [--time <column>] [--train <share>]`
//!
//! `--help` lists what else can be said of the file; what is not said is found. Without a file it
//! writes one to try it on.

use std::io::Write;
use std::path::{Path, PathBuf};

use aster::detect::Contribution;
use aster::prelude::*;
use aster::report::{Report, ReportConfig};
use clap::Parser;

/// Train on the beginning of a CSV file and look for anomalies in the rest.
#[derive(Parser)]
struct Arguments {
    /// A CSV file.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Column of times. Default: the one of dates, if there is one.
    #[arg(long)]
    time: Option<String>,
    /// Column of the time of day, where the times are dates alone.
    #[arg(long)]
    time_of_day: Option<String>,
    /// Form of the times, such as %d/%m/%Y %H:%M.
    #[arg(long)]
    time_format: Option<String>,
    /// Column of labels, to judge by.
    #[arg(long)]
    label: Option<String>,
    /// Channels, separated by commas. Default: every other column.
    #[arg(long, value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// Delimiter of columns.
    #[arg(long)]
    delimiter: Option<char>,
    /// Decimals are written 1,5.
    #[arg(long)]
    decimal_comma: bool,
    /// Lines before the table.
    #[arg(long)]
    skip_lines: Option<usize>,
    /// More cells that stand for a missing value, separated by commas.
    #[arg(long, value_delimiter = ',')]
    missing: Vec<String>,
    /// Numbers have a unit or a percent sign behind them.
    #[arg(long)]
    units: bool,
    /// Share of the rows, the first in time, that are normal and train.
    #[arg(long, default_value_t = 0.6)]
    train: f64,
}

impl Arguments {
    fn options(&self) -> LoadOptions {
        LoadOptions::with(|it| {
            it.missing = MissingPolicy::ForwardFill;
            (it.columns.time, it.columns.label) = (self.time.clone(), self.label.clone());
            it.columns.time_of_day = self.time_of_day.clone();
            it.columns.time_format = self.time_format.clone();
            it.columns.features = self.features.clone();
            (it.csv.delimiter, it.csv.skip_lines) = (self.delimiter, self.skip_lines);
            it.csv.decimal_comma = self.decimal_comma.then_some(true);
            it.csv.missing.extend(self.missing.iter().cloned());
            it.csv.units = self.units;
        })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let csv = arguments.csv.clone().map_or_else(write_one, Ok)?;
    let series = TimeSeries::from_csv(&csv, &arguments.options())?;
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
