//! Parquet files: whole and in parts.

mod file;
mod rows;

pub(crate) use file::{guarded, read};
pub use rows::{ParquetRows, RowBlock};
