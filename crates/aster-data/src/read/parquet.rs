//! Parquet files that are larger than memory: rows in parts, and scores.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::error::DataError;
use crate::read::columns::Columns;
use crate::read::load::{column, floats, guarded, read_parquet, timestamps, with_gaps};
use crate::read::open::open;

/// The rows of a Parquet file, of which any part can be read without the rest.
#[derive(Debug, Clone)]
pub struct ParquetRows {
    path: PathBuf,
    channels: Vec<String>,
    time: Option<(String, Option<String>)>,
    rows: usize,
}

/// Block of rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct RowBlock {
    /// `[rows, C]`, NaN where missing.
    pub values: Vec<f64>,
    /// Times, one per row, where the file has them.
    pub times: Option<Vec<i64>>,
}

impl ParquetRows {
    /// Opens a file that has columns of these names, in any order; `columns` says which one holds
    /// the time.
    ///
    /// # Errors
    /// A missing, empty or malformed file, columns that it does not have.
    pub fn open(
        path: impl AsRef<Path>,
        channels: &[String],
        columns: &Columns,
    ) -> Result<Self, DataError> {
        columns.check_time_of_day()?;
        let path = path.as_ref();
        let rows = guarded(path, || Ok(ParquetReader::new(open(path)?).num_rows()?))?;
        let time = columns.time.clone().map(|name| (name, columns.time_format.clone()));
        let rows = Self { path: path.into(), channels: channels.to_vec(), time, rows };
        rows.frame(0..0)?;
        Ok(rows)
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn frame(&self, rows: Range<usize>) -> Result<DataFrame, DataError> {
        guarded(&self.path, || self.slice(rows))
    }

    fn slice(&self, rows: Range<usize>) -> Result<DataFrame, DataError> {
        let mut reader = ParquetReader::new(open(&self.path)?);
        let available: Vec<String> = reader.schema()?.iter_names().map(|n| n.to_string()).collect();
        let names: Vec<String> =
            self.channels.iter().chain(self.time.iter().map(|(name, _)| name)).cloned().collect();
        if let Some(column) = names.iter().find(|name| !available.contains(name)).cloned() {
            return Err(DataError::UnknownColumn { column, available });
        }
        let slice = Some((rows.start, rows.len()));
        Ok(reader.with_columns(Some(names)).with_slice(slice).finish()?)
    }

    /// Reads some of the rows.
    ///
    /// # Errors
    /// Rows that the file does not have, columns that are not numeric, a row without a time.
    pub fn read(&self, rows: Range<usize>) -> Result<RowBlock, DataError> {
        if rows.is_empty() || rows.end > self.rows {
            let what = "rows of the file";
            return Err(DataError::Length { what, expected: self.rows, got: rows.end });
        }
        let (count, frame) = (rows.len(), self.frame(rows)?);
        let mut values = vec![0.0; count * self.channels.len()];
        for (channel, name) in self.channels.iter().enumerate() {
            let of_channel = with_gaps(&floats(column(&frame, name)?)?);
            let places = values.iter_mut().skip(channel).step_by(self.channels.len());
            places.zip(of_channel).for_each(|(place, value)| *place = value);
        }
        let times = self
            .time
            .as_ref()
            .map(|(name, format)| timestamps(column(&frame, name)?, format.as_deref()));
        Ok(RowBlock { values, times: times.transpose()? })
    }
}

/// Table of scores, one per row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreTable {
    /// Times, one per row, where the rows have them.
    pub times: Option<Vec<i64>>,
    /// Higher = more anomalous.
    pub scores: Vec<f32>,
    /// Thresholds that the scores are compared with.
    pub thresholds: Vec<f32>,
    /// Alarm flags, one per row.
    pub alarms: Vec<bool>,
}

impl ScoreTable {
    /// Writes columns `time` (where there are times), `score`, `threshold` and `alarm`.
    ///
    /// # Errors
    /// Columns of different lengths, a file that cannot be written.
    pub fn write_parquet(self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let Self { times, scores, thresholds, alarms } = self;
        let time = times.map(|times| Column::new("time".into(), times));
        let rest = [
            Column::new("score".into(), scores),
            Column::new("threshold".into(), thresholds),
            Column::new("alarm".into(), alarms),
        ];
        let columns: Vec<Column> = time.into_iter().chain(rest).collect();
        let mut frame = DataFrame::new_infer_height(columns)?;
        let path = path.as_ref();
        let io = |source| DataError::Io { path: path.into(), source };
        let file = File::create(path).map_err(io)?;
        ParquetWriter::new(&file).finish(&mut frame)?;
        file.sync_all().map_err(io)
    }

    /// Makes one file of several, in their order, with one of them in memory at a time.
    ///
    /// # Errors
    /// No parts, parts of different columns, a file that cannot be read or written.
    pub fn join_parquet(parts: &[PathBuf], path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let io = |source| DataError::Io { path: path.into(), source };
        let file = File::create(path).map_err(io)?;
        let mut writer = None;
        for part in parts {
            let frame = read_parquet(part)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(ParquetWriter::new(&file).batched(frame.schema())?),
            };
            writer.write_batch(&frame)?;
        }
        let writer = writer.ok_or(DataError::Empty { what: "the parts to join".into() })?;
        writer.finish()?;
        file.sync_all().map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path) -> PathBuf {
        let path = folder.join("rows.parquet");
        let mut frame = df!(
            "b" => [Some(1.0f64), None, Some(3.0), Some(4.0), Some(5.0)],
            "t" => [10i64, 20, 30, 40, 50],
            "a" => [10i32, 20, 30, 40, 50],
            "text" => ["u", "v", "w", "x", "y"],
        )
        .unwrap();
        let writer = ParquetWriter::new(File::create(&path).unwrap());
        writer.with_row_group_size(Some(2)).finish(&mut frame).unwrap();
        path
    }

    fn open_with(
        path: &Path,
        channels: &[&str],
        time: Option<&str>,
    ) -> Result<ParquetRows, DataError> {
        let channels: Vec<String> = channels.iter().map(|name| (*name).into()).collect();
        let columns = Columns { time: time.map(Into::into), ..Default::default() };
        ParquetRows::open(path, &channels, &columns)
    }

    #[test]
    fn any_rows_can_be_read_across_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let rows = open_with(&file(folder.path()), &["a", "b"], Some("t")).unwrap();
        assert_eq!(rows.rows(), 5);
        let block = rows.read(1..4).unwrap();
        assert_eq!(block.times, Some(vec![20, 30, 40]));
        assert!(block.values[1].is_nan());
        assert_eq!((block.values[0], &block.values[2..]), (20.0, &[30.0, 3.0, 40.0, 4.0][..]));
        assert!(matches!(rows.read(4..6), Err(DataError::Length { expected: 5, got: 6, .. })));
    }

    #[test]
    fn what_the_file_does_not_hold_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        let missing = open_with(&path, &["a", "z"], None);
        assert!(matches!(missing, Err(DataError::UnknownColumn { column, .. }) if column == "z"));
        let text = open_with(&path, &["text"], None).unwrap().read(0..1);
        assert!(matches!(text, Err(DataError::NonNumeric { .. })));
        let absent = open_with(&folder.path().join("no"), &["a"], None);
        assert!(matches!(absent, Err(DataError::MissingFile { .. })));
    }

    #[test]
    fn joined_tables_keep_their_rows() {
        let folder = tempfile::tempdir().unwrap();
        let table = |from: i64| ScoreTable {
            times: Some(vec![from, from + 1]),
            scores: vec![from as f32, 0.5],
            thresholds: vec![1.0, 1.0],
            alarms: vec![true, false],
        };
        let parts: Vec<PathBuf> = [0, 2].map(|from| folder.path().join(from.to_string())).into();
        for (part, from) in parts.iter().zip([0, 2]) {
            table(from).write_parquet(part).unwrap();
        }
        let whole = folder.path().join("whole");
        ScoreTable::join_parquet(&parts, &whole).unwrap();
        let block =
            open_with(&whole, &["score", "alarm"], Some("time")).unwrap().read(0..4).unwrap();
        assert_eq!(block.times, Some(vec![0, 1, 2, 3]));
        assert_eq!(block.values, [0.0, 1.0, 0.5, 0.0, 2.0, 1.0, 0.5, 0.0]);
        assert!(matches!(ScoreTable::join_parquet(&[], &whole), Err(DataError::Empty { .. })));
    }
}
