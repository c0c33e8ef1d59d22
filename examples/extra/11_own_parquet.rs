//! Your own Parquet file in the layout of the TAB benchmark: columns `date`, `data` and `cols`,
//! one block of rows per channel, the labels last.
//!
//! `cargo run --release -p aster-examples-extra --example own_parquet -- [--parquet <file> --train-rows <rows>]`
//!
//! Without a file it writes one to try it on.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use aster::data::polars::prelude::{Column, DataFrame, ParquetWriter};
use aster::data::{Dataset, Task};
use aster::eval::margins;
use aster::prelude::*;
use clap::Parser;

/// Train on the first rows of a file in TAB layout, score the rest, judge by its labels.
#[derive(Parser)]
struct Arguments {
    /// A file in TAB layout, Parquet or CSV.
    #[arg(long, requires = "train_rows")]
    parquet: Option<PathBuf>,
    /// First rows of the file that are normal and train.
    #[arg(long)]
    train_rows: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (path, train_rows) = match (arguments.parquet, arguments.train_rows) {
        (Some(path), Some(rows)) => (path, rows),
        _ => write_one()?,
    };
    let Task { name, train, tests } = &Dataset::open_tab(&path, train_rows)?.tasks[0];
    let test = &tests[0].series;
    println!("{name}: {} rows train, {} are scored", train.rows(), test.rows());

    let detector = fit(&AsterConfig::default(), train, &device(DeviceChoice::Auto)?)?;
    let detection = detector.detect(test)?;
    println!("{} alarms", detection.intervals.len());
    let (scores, labels) = (&detection.scores, test.labels().context("no labels")?);
    println!("AUROC {:.3}, AUPR {:.3}", auroc(scores, labels)?, average_precision(scores, labels)?);
    let margins = margins(scores, &detection.thresholds)?;
    println!("F1 {:.3} at the detector's own thresholds", f1_at(&margins, labels, 0.0)?.f1);
    Ok(())
}

/// A file of synthetic channels, and how many of its rows train.
fn write_one() -> anyhow::Result<(PathBuf, usize)> {
    let split = SyntheticConfig { train_rows: 3000, ..Default::default() }.generate()?;
    let (train, test) = (&*split.train, &split.test);
    let rows = train.rows() + test.rows();
    let (mut date, mut data, mut cols) = (vec![], vec![], vec![]);
    let mut block = |name: &str, values: &mut dyn Iterator<Item = f64>| {
        data.extend(values);
        date.extend(0..rows as i64);
        cols.extend(std::iter::repeat_n(name.to_string(), rows));
    };
    for (number, name) in train.channels().iter().enumerate() {
        block(name, &mut train.channel(number).chain(test.channel(number)));
    }
    let labels = test.labels().unwrap_or_default().iter();
    let normal = std::iter::repeat_n(0.0, train.rows());
    block("label", &mut normal.chain(labels.map(|label| f64::from(u8::from(*label)))));
    let columns = vec![
        Column::new("date".into(), date),
        Column::new("data".into(), data),
        Column::new("cols".into(), cols),
    ];
    let path = std::env::temp_dir().join("aster-example.parquet");
    let mut frame = DataFrame::new(rows * (train.channel_count() + 1), columns)?;
    ParquetWriter::new(File::create(&path)?).finish(&mut frame)?;
    Ok((path, train.rows()))
}
