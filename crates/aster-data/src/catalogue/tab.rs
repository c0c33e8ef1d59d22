//! TAB layout: a long CSV, or Parquet, `date,data,cols`, one block of rows per column, the
//! last block named `label`.

use std::path::Path;

use super::{DatasetId, Task, list, stem, task};
use crate::error::DataError;
use crate::read::{Columns, CsvFormat, read_csv, read_parquet};
use crate::series::TimeSeries;

/// Total and training rows of CATSv2's four series.
const CATSV2: [(usize, usize); 4] =
    [(100_000, 16_568), (195_000, 5_592), (195_000, 41_727), (200_000, 50_000)];

pub(super) fn catsv2(folder: &Path) -> Result<Vec<Task>, DataError> {
    let is_part = |name: &str| name.to_lowercase().contains("cats") && name.ends_with(".csv");
    list(DatasetId::Catsv2.name(), folder, "CATSv2_1.csv to CATSv2_4.csv in TAB layout", is_part)?
        .iter()
        .zip(CATSV2)
        .map(|(path, (total, train))| {
            // A file of another length is split at the same share.
            read(path, |rows| (rows as f64 * train as f64 / total as f64).round() as usize)
        })
        .collect()
}

pub(super) fn read(path: &Path, train_rows: impl Fn(usize) -> usize) -> Result<Task, DataError> {
    let table = match path.extension().is_some_and(|extension| extension == "parquet") {
        true => read_parquet(path, &Columns::default())?,
        false => read_csv(path, &CsvFormat::default(), &Columns::default())?,
    };
    let (data, blocks) = (table.find("data")?, table.find("cols")?);
    let data = table.numbers(data)?;
    let blocks = table.texts(blocks)?;
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for (name, value) in blocks.iter().zip(data.iter()) {
        let name = name.unwrap_or_default();
        if columns.last().is_none_or(|(last, _)| last != name) {
            columns.push((name.to_string(), Vec::new()));
        }
        if let Some((_, block)) = columns.last_mut() {
            block.push(*value);
        }
    }
    let labels = columns
        .pop_if(|(name, _)| name == "label")
        .ok_or_else(|| DataError::UnknownColumn {
            column: "label (as the last block of `cols`)".into(),
            available: columns.iter().map(|(name, _)| name.clone()).collect(),
        })?
        .1;
    for (_, block) in &columns {
        if block.len() != labels.len() {
            return Err(DataError::Length {
                what: "rows of a TAB block",
                expected: labels.len(),
                got: block.len(),
            });
        }
    }
    let rows = labels.len();
    let label = |(row, value): (usize, &f64)| match *value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        value => Err(DataError::BadLabel { place: format!("row {row}"), got: value.to_string() }),
    };
    let labels = labels.iter().enumerate().map(label).collect::<Result<_, _>>()?;
    let series = TimeSeries::from_columns(columns)?.with_labels(labels)?;
    let cut = train_rows(rows).min(rows);
    task(stem(path), series.slice(0..cut)?, series.slice(cut..rows)?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::catalogue::Dataset;

    #[test]
    fn blocks_become_channels_and_the_last_one_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.csv");
        let text = "date,data,cols\n1,0.5,a\n2,1.5,a\n3,2.5,a\n1,7,b\n2,8,b\n3,9,b\n\
                    1,0,label\n2,0,label\n3,1,label\n";
        std::fs::write(&path, text).unwrap();
        let dataset = Dataset::open_tab(&path, 2).unwrap();
        let task = &dataset.tasks[0];
        assert_eq!(
            (dataset.name.as_str(), task.train.values()),
            ("tiny", &[0.5, 7.0, 1.5, 8.0][..])
        );
        assert_eq!(task.tests[0].series.labels(), Some(&[true][..]));
        let names = ["a", "a", "a", "b", "b", "b", "label", "label", "label"];
        let data = [0.5, 1.5, 2.5, 7.0, 8.0, 9.0, 0.0, 0.0, 1.0];
        let batch = RecordBatch::try_from_iter([
            ("data", Arc::new(Float64Array::from_iter_values(data)) as ArrayRef),
            ("cols", Arc::new(StringArray::from_iter_values(names))),
        ]);
        let (batch, parquet) = (batch.unwrap(), path.with_extension("parquet"));
        let file = File::create(&parquet).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(Dataset::open_tab(&parquet, 2).unwrap().tasks, dataset.tasks);
        std::fs::write(&path, "date,data,cols\n1,0.5,a\n2,1.5,a\n1,0,label\n").unwrap();
        let uneven = Dataset::open_tab(&path, 1);
        assert!(matches!(uneven, Err(DataError::Length { expected: 1, got: 2, .. })));
    }
}
