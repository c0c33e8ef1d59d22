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

#[cfg(feature = "arrow")]
mod arrow;
#[cfg(feature = "files")]
mod catalogue;
mod columns;
#[cfg(feature = "files")]
mod csv;
mod error;
#[cfg(feature = "files")]
mod load;
mod missing;
#[cfg(feature = "files")]
mod open;
#[cfg(feature = "files")]
mod parquet;
mod resample;
mod scale;
mod scaled;
mod series;
mod synthetic;
#[cfg(feature = "files")]
mod time;
#[cfg(feature = "ndarray")]
mod view;
mod windows;

#[cfg(feature = "files")]
pub use catalogue::{Dataset, DatasetId, Task, TestSeries};
pub use columns::Columns;
#[cfg(feature = "files")]
pub use csv::CsvFormat;
pub use error::DataError;
#[cfg(feature = "files")]
pub use load::LoadOptions;
pub use missing::MissingPolicy;
#[cfg(feature = "files")]
pub use parquet::{ParquetRows, ScoreTable};
pub use scale::{Scaler, ScalerConfig, ScalerKind};
pub use scaled::ScaledSeries;
pub use series::{TimeSeries, TrainSeries};
pub use synthetic::{AnomalyKind, Injection, SyntheticConfig, SyntheticSplit};
pub use windows::Windows;

// For other crates of this workspace.
#[doc(hidden)]
#[cfg(feature = "files")]
pub use parquet::RowBlock;
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
