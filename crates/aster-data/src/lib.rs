//! Multivariate time series for anomaly detection: loading, imputation, scaling, windows.
//!
//! Everything here is plain CPU memory; no tensor library is involved. The invariant that the
//! rest of ASTER leans on: a [`TimeSeries`] holds finite values only, whatever the file it came
//! from held.
//!
//! Reading CSV and Parquet files needs feature `files`, which compiles polars.
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

#[cfg(feature = "files")]
mod catalogue;
mod error;
mod missing;
mod read;
mod resample;
mod scale;
mod scaled;
mod series;
mod synthetic;
mod windows;

#[cfg(feature = "files")]
pub use catalogue::{Dataset, DatasetId, Task, TestSeries};
pub use error::DataError;
pub use missing::MissingPolicy;
pub use read::Columns;
#[cfg(feature = "files")]
pub use read::{CsvFormat, LoadOptions, ParquetRows, ScoreTable};
pub use scale::{Scaler, ScalerConfig, ScalerKind};
pub use scaled::ScaledSeries;
pub use series::{TimeSeries, TrainSeries};
pub use synthetic::{AnomalyKind, Injection, SyntheticConfig, SyntheticSplit};
pub use windows::Windows;

// For other crates of this workspace.
#[doc(hidden)]
#[cfg(feature = "files")]
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
#[cfg(feature = "files")]
pub use polars;
