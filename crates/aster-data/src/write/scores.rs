use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, RecordBatch};
use aster_base::Clock;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::DataError;
use crate::read::{guarded, open};
use crate::write::parquet::{Writer, arrow, time_column};

/// Table of scores, one per row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreTable {
    /// Times, one per row, where the rows have them.
    pub times: Option<Vec<i64>>,
    /// What the times count.
    pub clock: Clock,
    /// Higher = more anomalous.
    pub scores: Vec<f32>,
    /// Thresholds that the scores are compared with.
    pub thresholds: Vec<f32>,
    /// Alarm flags, one per row.
    pub alarms: Vec<bool>,
}

impl ScoreTable {
    /// Writes columns `time` (where there are times; timestamps, of UTC where their zone is known,
    /// or counts), `score`, `threshold` and `alarm`.
    ///
    /// # Errors
    /// Columns of different lengths, a file that cannot be written.
    pub fn write_parquet(self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let Self { times, clock, scores, thresholds, alarms } = self;
        let time = times.map(|times| time_column(times, &clock));
        let rest: [(&str, ArrayRef); 3] = [
            ("score", Arc::new(Float32Array::from(scores))),
            ("threshold", Arc::new(Float32Array::from(thresholds))),
            ("alarm", Arc::new(BooleanArray::from(alarms))),
        ];
        let columns = time.into_iter().map(|time| ("time", time)).chain(rest);
        let rows: Vec<usize> = columns.clone().map(|(_, column)| column.len()).collect();
        if let Some(got) = rows.iter().copied().find(|got| *got != rows[0]) {
            return Err(DataError::Length { what: "rows of a column", expected: rows[0], got });
        }
        let batch = RecordBatch::try_from_iter(columns).map_err(arrow(path))?;
        let mut writer = Writer::create(path, &batch)?;
        writer.write(&batch)?;
        writer.finish()
    }

    /// Makes one file of several, in their order, with one of them in memory at a time.
    ///
    /// # Errors
    /// No parts, parts of different columns, a file that cannot be read or written.
    pub fn join_parquet(parts: &[PathBuf], path: impl AsRef<Path>) -> Result<(), DataError> {
        let mut writer = None;
        for part in parts {
            let reader = guarded(part, || {
                Ok(ParquetRecordBatchReaderBuilder::try_new(open(part)?)?.build()?)
            })?;
            for batch in reader {
                let batch = batch.map_err(arrow(part))?;
                let writer = match &mut writer {
                    Some(writer) => writer,
                    none => none.insert(Writer::create(path.as_ref(), &batch)?),
                };
                writer.write(&batch)?;
            }
        }
        let writer = writer.ok_or(DataError::Empty { what: "the parts to join".into() })?;
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use aster_base::OffsetChange;

    use super::*;
    use crate::read::{Columns, ParquetRows, RowBlock};

    fn table(from: i64, clock: &Clock) -> ScoreTable {
        ScoreTable {
            times: Some(vec![from, from + 1]),
            clock: clock.clone(),
            scores: vec![from as f32, 0.5],
            thresholds: vec![1.0, 1.0],
            alarms: vec![true, false],
        }
    }

    fn joined(folder: &Path, clock: &Clock) -> RowBlock {
        let parts: Vec<PathBuf> = [0, 2].map(|from| folder.join(from.to_string())).into();
        for (part, from) in parts.iter().zip([0, 2]) {
            table(from, clock).write_parquet(part).unwrap();
        }
        let whole = folder.join("whole");
        ScoreTable::join_parquet(&parts, &whole).unwrap();
        let columns = Columns { time: Some("time".into()), ..Default::default() };
        let channels = ["score", "alarm"].map(String::from);
        ParquetRows::open(&whole, &channels, &columns).unwrap().read(0..4).unwrap()
    }

    #[test]
    fn joined_tables_keep_their_rows_and_clock() {
        let folder = tempfile::tempdir().unwrap();
        let block = joined(folder.path(), &Clock::Counts);
        assert_eq!((block.times, block.clock), (Some(vec![0, 1, 2, 3]), Clock::Counts));
        assert_eq!(block.values, [0.0, 1.0, 0.5, 0.0, 2.0, 1.0, 0.5, 0.0]);
        assert_eq!(joined(folder.path(), &Clock::Local).clock, Clock::Local);
        let block = joined(folder.path(), &Clock::UTC);
        let utc = OffsetChange { from: 0, seconds: 0 };
        assert_eq!((block.times, block.clock), (Some(vec![0, 1, 2, 3]), Clock::Zoned(vec![utc])));
        let whole = folder.path().join("whole");
        assert!(matches!(ScoreTable::join_parquet(&[], &whole), Err(DataError::Empty { .. })));
        let uneven = ScoreTable { alarms: vec![], ..table(0, &Clock::Counts) };
        assert!(matches!(uneven.write_parquet(&whole), Err(DataError::Length { .. })));
    }
}
