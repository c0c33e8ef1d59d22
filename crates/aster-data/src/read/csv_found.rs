use serde::{Deserialize, Serialize};

/// Format of a CSV file that was found or given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CsvFound {
    /// Encoding.
    pub encoding: String,
    /// Delimiter of columns.
    pub delimiter: char,
    /// Whether decimals are written `1,5`.
    pub decimal_comma: bool,
    /// Whether a line names the columns.
    pub header: bool,
    /// Line of the first row, from 1.
    pub first_line: u64,
    /// Lines, from 1, of rows with fewer fields than the table has columns, whose other values are
    /// missing: the first few.
    pub short_lines: Vec<u64>,
}
