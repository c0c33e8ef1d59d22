use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, TimestampNanosecondArray,
};
use aster_base::Clock;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::error::DataError;
use crate::series::TimeSeries;

impl TimeSeries {
    /// Writes a Parquet file that [`TimeSeries::from_parquet`] reads: a column `time` where the
    /// series has times (timestamps, of UTC where their zone is known, or counts), one per channel,
    /// a column `label` where it has labels.
    ///
    /// # Errors
    /// A channel that is named `time` or `label` as another column is, a file that cannot be
    /// written.
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let time = self.timestamps().map(|times| time_column(times.to_vec(), self.clock()));
        let channel = |channel: usize| -> ArrayRef {
            Arc::new(self.channel(channel).collect::<Float64Array>())
        };
        let label = self
            .labels()
            .map(|labels| -> ArrayRef { Arc::new(BooleanArray::from(labels.to_vec())) });
        let columns = time.into_iter().chain((0..self.channel_count()).map(channel)).chain(label);
        let batch = RecordBatch::try_from_iter(self.column_names()?.into_iter().zip(columns));
        let batch = batch.map_err(arrow(path))?;
        let mut writer = Writer::create(path, &batch)?;
        writer.write(&batch)?;
        writer.finish()
    }
}

/// Timestamps as a column that tells what they count.
pub(crate) fn time_column(times: Vec<i64>, clock: &Clock) -> ArrayRef {
    match clock {
        Clock::Counts => Arc::new(Int64Array::from(times)),
        Clock::Local => Arc::new(TimestampNanosecondArray::from(times)),
        _ => Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC")),
    }
}

/// Writer of a file, which lies on the disk once it is done.
pub(crate) struct Writer<'a> {
    path: &'a Path,
    writer: ArrowWriter<File>,
}

impl<'a> Writer<'a> {
    pub(crate) fn create(path: &'a Path, batch: &RecordBatch) -> Result<Self, DataError> {
        let file = File::create(path).map_err(io(path))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(file, batch.schema(), Some(properties));
        Ok(Self { path, writer: writer.map_err(parquet(path))? })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), DataError> {
        self.writer.write(batch).map_err(parquet(self.path))
    }

    pub(crate) fn finish(self) -> Result<(), DataError> {
        let file = self.writer.into_inner().map_err(parquet(self.path))?;
        file.sync_all().map_err(io(self.path))
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DataError {
    move |source| DataError::Io { path: path.into(), source }
}

fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> DataError {
    move |source| DataError::Parquet { path: path.into(), source }
}

pub(crate) fn arrow(path: &Path) -> impl FnOnce(arrow_schema::ArrowError) -> DataError {
    move |source| DataError::Parquet { path: path.into(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use aster_base::OffsetChange;

    use super::*;
    use crate::read::{Columns, LoadOptions};

    #[test]
    fn a_series_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let series = TimeSeries::from_slice(&[1.5, 2.0, -0.25, 1e300], 2).unwrap();
        let series = series.with_timestamps(vec![1_700_000_000_123_456_789; 2]).unwrap();
        let series = series.with_labels(vec![true, false]).unwrap();
        let utc = Clock::Zoned(vec![OffsetChange { from: 1_700_000_000_123_456_789, seconds: 0 }]);
        let columns = Columns { label: Some("label".into()), ..Default::default() };
        let options = LoadOptions { columns, ..Default::default() };
        for clock in [Clock::Local, utc] {
            let series = series.clone().with_clock(clock);
            let parquet = folder.path().join("x.parquet");
            series.write_parquet(&parquet).unwrap();
            let read = TimeSeries::from_parquet(&parquet, &options).unwrap();
            assert_eq!(read.timestamps(), series.timestamps());
            assert_eq!((read.time(0), read.labels()), (series.time(0), series.labels()));
            assert_eq!(read.values(), series.values());
            #[cfg(feature = "csv")]
            {
                let csv = folder.path().join("x.csv");
                series.write_csv(&csv).unwrap();
                assert_eq!(TimeSeries::from_csv(&csv, &options).unwrap(), read);
            }
        }
        let clash = TimeSeries::new(vec!["label".into()], vec![1.0, 2.0]).unwrap();
        let clash = clash.with_labels(vec![true, false]).unwrap();
        let error = clash.write_parquet(folder.path().join("y"));
        assert!(matches!(error, Err(DataError::DuplicateChannel { name }) if name == "label"));
    }
}
