//! Series and scores as files.

#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod scores;

#[cfg(feature = "parquet")]
pub use scores::ScoreTable;
