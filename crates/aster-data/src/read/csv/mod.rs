//! CSV files as people have them.

mod decimal;
mod dialect;
mod encoding;
mod format;
mod number;
mod part;
mod plain;
mod table;

pub use format::CsvFormat;
pub(crate) use table::read;
