//! Series from files and from what programs hold.

#[cfg(feature = "arrow")]
mod arrow;
mod columns;
#[cfg(feature = "files")]
mod csv;
#[cfg(feature = "files")]
mod load;
#[cfg(feature = "files")]
mod open;
#[cfg(feature = "files")]
mod parquet;
#[cfg(feature = "files")]
mod time;
#[cfg(feature = "ndarray")]
mod view;

pub use columns::Columns;
#[cfg(feature = "files")]
pub use csv::CsvFormat;
#[cfg(feature = "files")]
pub use load::LoadOptions;
#[cfg(feature = "files")]
pub(crate) use load::{binary, column, column_names, label_from_status, read_csv, read_parquet};
#[cfg(feature = "files")]
pub use parquet::{ParquetRows, RowBlock, ScoreTable};
