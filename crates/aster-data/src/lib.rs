//! Multivariate time series for anomaly detection: loading, scaling, windows.
//!
//! Everything here is plain CPU memory; no tensor library is involved. The
//! invariant that the rest of ASTER leans on: a [`TimeSeries`] holds finite
//! values only, whatever the file it came from held.
//!
//! ```
//! use aster_data::{ScalerConfig, Scaler, SyntheticConfig, Windows};
//!
//! let split = SyntheticConfig::default().generate()?;
//! let scaler = Scaler::fit(&ScalerConfig::default(), &split.train);
//! let scaled = scaler.transform(&split.test)?;
//! let windows = Windows::new(scaled.rows(), 32, 8)?;
//! let mut buffer = Vec::new();
//! windows.gather(&scaled, &[0, 1], &mut buffer); // [2, 32, C], row-major
//! assert_eq!(buffer.len(), 2 * 32 * scaled.channel_count());
//! # Ok::<(), aster_data::DataError>(())
//! ```

mod catalogue;
mod error;
mod load;
mod missing;
mod parquet;
mod resample;
mod scale;
mod series;
mod synthetic;
mod windows;

pub use catalogue::{Dataset, DatasetId, Task, TestSeries};
pub use error::DataError;
pub use load::{Columns, CsvFormat, LoadOptions};
pub use missing::MissingPolicy;
pub use parquet::{ParquetRows, RowBlock, ScoreTable};
pub use scale::{Scaler, ScalerConfig, ScalerKind};
pub use series::{TimeSeries, TrainSeries};
pub use synthetic::{AnomalyKind, Injection, SyntheticConfig, SyntheticSplit};
pub use windows::{RowFold, WindowFold, Windows};
