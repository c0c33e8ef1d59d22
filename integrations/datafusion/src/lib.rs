#![cfg_attr(doctest, doc = include_str!("../README.md"))]
//! Anomaly detection with ASTER in SQL: `aster_score` as a window function and `aster_train` as an
//! aggregate function of DataFusion, on one machine or on a Ballista cluster.
//!
//! ```no_run
//! use aster_datafusion::Functions;
//! use datafusion::prelude::*;
//!
//! # async fn run() -> datafusion::error::Result<()> {
//! let context = Functions::default().context()?;
//! context.register_parquet("pumps", "pumps.parquet", ParquetReadOptions::default()).await?;
//! let scored = context
//!     .sql("SELECT pump, time, aster_score('pump.aster', flow, pressure)
//!               OVER (PARTITION BY pump ORDER BY time) AS s FROM pumps")
//!     .await?;
//! scored.filter(col("s").field("alarm"))?.show().await?;
//! # Ok(())
//! # }
//! # use datafusion::functions::core::expr_ext::FieldAccessor;
//! ```

#[cfg(feature = "cluster")]
pub mod cluster;
mod detectors;
mod error;
mod functions;
mod put;
mod score;
mod series;
mod stores;
mod train;

pub use aster;
pub use datafusion;
pub use detectors::Detectors;
pub use error::SqlError;
pub use functions::Functions;
pub use stores::Stores;
