//! Series from files and from what programs hold.

#[cfg(feature = "arrow")]
mod arrow;
mod assemble;
mod categories;
mod columns;
#[cfg(feature = "csv")]
mod csv;
mod csv_found;
mod found;
#[cfg(feature = "polars")]
mod frame;
mod load;
mod long;
mod matrix;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod open;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod report;
mod roles;
mod rows;
mod table;
mod times;
mod wide;
mod zone;

pub use assemble::Loaded;
pub use columns::{Categorical, Columns};
#[cfg(feature = "csv")]
pub use csv::CsvFormat;
#[cfg(feature = "files")]
pub(crate) use csv::read as read_csv;
pub use csv_found::CsvFound;
#[cfg(feature = "parquet")]
pub(crate) use open::open;
pub use options::LoadOptions;
#[cfg(feature = "parquet")]
pub(crate) use parquet::guarded;
#[cfg(feature = "files")]
pub(crate) use parquet::read as read_parquet;
#[cfg(feature = "parquet")]
pub use parquet::{ParquetRows, RowBlock};
pub use report::{
    ChannelFound, ChannelKind, LeftOut, LoadReport, LoadWarning, TimeFound, WhyLeftOut,
};
pub use rows::{DuplicateTimes, RowOrder};
pub use times::{DateOrder, EpochUnit, TimeForm};
