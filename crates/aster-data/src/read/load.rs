//! Series from files and from tables that programs hold.

#[cfg(any(feature = "csv", feature = "parquet"))]
use std::path::Path;

use crate::error::DataError;
use crate::read::assemble::Loaded;
use crate::read::options::LoadOptions;
use crate::series::TimeSeries;

impl Loaded {
    /// Reads a CSV file.
    ///
    /// # Errors
    /// A missing, empty or malformed file; a column that the options name and the file lacks, or
    /// that would have two roles; no channel; cells that are no numbers, times or labels; times that
    /// go back; gaps as the policy says.
    #[cfg(feature = "csv")]
    pub fn from_csv(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        let path = path.as_ref();
        Self::one(crate::read::csv::read(path, &options.csv, &options.columns)?, options)
    }

    /// Reads the series of a CSV file that [`Columns::id`](crate::Columns::id) tells apart, with
    /// their ids, in the order in which they begin.
    ///
    /// # Errors
    /// No column of ids; and as [`Loaded::from_csv`].
    #[cfg(feature = "csv")]
    pub fn each_from_csv(
        path: impl AsRef<Path>,
        options: &LoadOptions,
    ) -> Result<Vec<(String, Self)>, DataError> {
        let path = path.as_ref();
        Self::each(&crate::read::csv::read(path, &options.csv, &options.columns)?, options)
    }

    /// Reads a Parquet file.
    ///
    /// # Errors
    /// As [`Loaded::from_csv`].
    #[cfg(feature = "parquet")]
    pub fn from_parquet(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        Self::one(crate::read::parquet::read(path.as_ref(), &options.columns)?, options)
    }

    /// Reads the series of a Parquet file that [`Columns::id`](crate::Columns::id) tells apart,
    /// with their ids, in the order in which they begin.
    ///
    /// # Errors
    /// No column of ids; and as [`Loaded::from_csv`].
    #[cfg(feature = "parquet")]
    pub fn each_from_parquet(
        path: impl AsRef<Path>,
        options: &LoadOptions,
    ) -> Result<Vec<(String, Self)>, DataError> {
        Self::each(&crate::read::parquet::read(path.as_ref(), &options.columns)?, options)
    }

    /// Creates a series from an Arrow record batch: numbers, decimals and truth values become
    /// channels, nulls are missing, timestamps of any unit and zone become nanoseconds since the
    /// Unix epoch, text and dictionaries are what their values are.
    ///
    /// # Errors
    /// An empty batch; a column that the options name and the batch lacks, or that would have two
    /// roles; no channel; columns of lists or of another type; labels other than 0 and 1; times
    /// that are missing or go back; gaps as the policy says.
    #[cfg(feature = "arrow")]
    pub fn from_record_batch(
        batch: &arrow_array::RecordBatch,
        options: &LoadOptions,
    ) -> Result<Self, DataError> {
        Self::one(crate::read::arrow::table(batch)?, options)
    }

    /// Creates the series of an Arrow record batch that [`Columns::id`](crate::Columns::id) tells
    /// apart, with their ids, in the order in which they begin.
    ///
    /// # Errors
    /// No column of ids; and as [`Loaded::from_record_batch`].
    #[cfg(feature = "arrow")]
    pub fn each_from_record_batch(
        batch: &arrow_array::RecordBatch,
        options: &LoadOptions,
    ) -> Result<Vec<(String, Self)>, DataError> {
        Self::each(&crate::read::arrow::table(batch)?, options)
    }

    /// Builds a series from a data frame of polars: as [`Loaded::from_record_batch`].
    ///
    /// # Errors
    /// As [`Loaded::from_record_batch`].
    #[cfg(feature = "polars")]
    pub fn from_frame(
        frame: &polars::frame::DataFrame,
        options: &LoadOptions,
    ) -> Result<Self, DataError> {
        Self::one(crate::read::frame::table(frame)?, options)
    }

    /// Builds the series of a data frame of polars that [`Columns::id`](crate::Columns::id) tells
    /// apart, with their ids, in the order in which they begin.
    ///
    /// # Errors
    /// No column of ids; and as [`Loaded::from_record_batch`].
    #[cfg(feature = "polars")]
    pub fn each_from_frame(
        frame: &polars::frame::DataFrame,
        options: &LoadOptions,
    ) -> Result<Vec<(String, Self)>, DataError> {
        Self::each(&crate::read::frame::table(frame)?, options)
    }

    /// The series alone; its warnings become events of `tracing`.
    fn told(self) -> TimeSeries {
        for warning in &self.report.warnings {
            tracing::warn!(source = self.report.source, "{warning}");
        }
        self.series
    }
}

impl TimeSeries {
    /// Reads a CSV file. Warnings are events of `tracing`; [`Loaded::from_csv`] returns them.
    ///
    /// # Errors
    /// As [`Loaded::from_csv`].
    #[cfg(feature = "csv")]
    pub fn from_csv(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        Loaded::from_csv(path, options).map(Loaded::told)
    }

    /// Reads a Parquet file. Warnings are events of `tracing`; [`Loaded::from_parquet`] returns
    /// them.
    ///
    /// # Errors
    /// As [`Loaded::from_parquet`].
    #[cfg(feature = "parquet")]
    pub fn from_parquet(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        Loaded::from_parquet(path, options).map(Loaded::told)
    }

    /// Creates a series from an Arrow record batch: numbers and truth values become channels,
    /// nulls are missing, date-times become nanoseconds since the Unix epoch. Warnings are events
    /// of `tracing`; [`Loaded::from_record_batch`] returns them.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use aster_data::arrow_array::{Float64Array, RecordBatch, TimestampSecondArray};
    /// use aster_data::{LoadOptions, MissingPolicy, TimeSeries};
    ///
    /// let time = TimestampSecondArray::from(vec![60, 120]);
    /// let flow = Float64Array::from(vec![Some(1.5), None]);
    /// let batch =
    ///     RecordBatch::try_from_iter([("t", Arc::new(time) as _), ("flow", Arc::new(flow) as _)])?;
    /// let mut options = LoadOptions::default();
    /// options.missing = MissingPolicy::ForwardFill;
    /// let series = TimeSeries::from_record_batch(&batch, &options)?;
    /// assert_eq!(series.values(), [1.5, 1.5]);
    /// assert_eq!(series.timestamps(), Some(&[60_000_000_000, 120_000_000_000][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Loaded::from_record_batch`].
    #[cfg(feature = "arrow")]
    pub fn from_record_batch(
        batch: &arrow_array::RecordBatch,
        options: &LoadOptions,
    ) -> Result<Self, DataError> {
        Loaded::from_record_batch(batch, options).map(Loaded::told)
    }

    /// Builds a series from a data frame of polars. Warnings are events of `tracing`;
    /// [`Loaded::from_frame`] returns them.
    ///
    /// # Errors
    /// As [`Loaded::from_frame`].
    #[cfg(feature = "polars")]
    pub fn from_frame(
        frame: &polars::frame::DataFrame,
        options: &LoadOptions,
    ) -> Result<Self, DataError> {
        Loaded::from_frame(frame, options).map(Loaded::told)
    }
}
