//! CSV files as people have them.

mod blanks;
mod decimal;
mod dialect;
mod encoding;
mod format;
mod number;
mod other;
mod part;
mod plain;
mod table;

pub use format::CsvFormat;
pub(crate) use table::read;
