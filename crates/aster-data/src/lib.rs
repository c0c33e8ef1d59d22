//! Multivariate time series for anomaly detection: loading, imputation, scaling, windows.
//!
//! Everything here is plain CPU memory; no tensor library is involved. The invariant that the
//! rest of ASTER leans on: a [`TimeSeries`] holds finite values only, whatever the file it came
//! from held.
//!
//! Reading files needs features: `csv`, `parquet`, or `files` for both; `arrow` takes record
//! batches, `polars` data frames, `ndarray` arrays.
//!
//! ```
//! use aster_data::{Scaler, ScalerConfig, SyntheticConfig};
//!
//! let split = SyntheticConfig::default().generate()?;
//! let scaler = Scaler::fit(&ScalerConfig::default(), &split.train);
//! let scaled = scaler.transform(&split.test)?;
//! assert_eq!(scaled.rows(), split.test.rows());
//! # Ok::<(), aster_data::DataError>(())
//! ```

mod calendar;
#[cfg(feature = "files")]
mod catalogue;
mod check;
mod error;
mod missing;
mod preparation;
#[cfg(feature = "tables")]
mod read;
mod resample;
mod scale;
mod scaled;
mod series;
#[cfg(feature = "tables")]
mod span;
mod synthetic;
#[cfg(feature = "ndarray")]
mod view;
mod windows;
#[cfg(feature = "tables")]
mod write;

pub use aster_base::{Clock, OffsetChange, Time};
pub use calendar::CalendarFeature;
#[cfg(feature = "files")]
pub use catalogue::{Dataset, DatasetId, Task, TestSeries};
pub use check::{
    ChannelPolicies, ChannelPolicy, LevelChange, PeculiarChannel, Peculiarity, Suspects,
    TrainingReport,
};
pub use error::DataError;
pub use missing::MissingPolicy;
pub use preparation::Preparation;
#[cfg(feature = "csv")]
pub use read::CsvFormat;
#[cfg(feature = "parquet")]
pub use read::ParquetRows;
#[cfg(feature = "tables")]
pub use read::{
    Categorical, ChannelFound, ChannelKind, Columns, CsvFound, DateOrder, DuplicateTimes,
    EpochUnit, LeftOut, LoadOptions, LoadReport, LoadWarning, Loaded, RowOrder, TimeForm,
    TimeFound, WhyLeftOut,
};
pub use scale::{Scaler, ScalerConfig, ScalerKind};
pub use scaled::ScaledSeries;
pub use series::{TimeSeries, TrainSeries};
pub use synthetic::{AnomalyKind, Injection, SyntheticConfig, SyntheticSplit};
pub use windows::Windows;
#[cfg(feature = "parquet")]
pub use write::ScoreTable;

// For other crates of this workspace.
#[doc(hidden)]
#[cfg(feature = "parquet")]
pub use read::RowBlock;
#[doc(hidden)]
pub use windows::OverlapMean;

/// Arrow's arrays, as [`TimeSeries::from_record_batch`] takes them.
#[cfg(feature = "arrow")]
pub use arrow_array;
/// Arrays, as [`TimeSeries::from_view`] takes them.
#[cfg(feature = "ndarray")]
pub use ndarray;
/// Data frames, as [`TimeSeries::from_frame`] takes them.
#[cfg(feature = "polars")]
pub use polars;
