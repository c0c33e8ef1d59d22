use serde::{Deserialize, Serialize};

/// Format of a CSV file. What is not set is found from the file's first lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CsvFormat {
    /// Label of the encoding, such as `latin1` or `utf-16le`. Default: by the byte-order mark, else
    /// UTF-8 where the file is that, else UTF-16 by its zeros, else Windows-1252.
    pub encoding: Option<String>,
    /// Column delimiter. A blank stands for any number of blanks and tabs. Default: the one of `;`, tab, `|`
    /// and `,` that cuts lines alike, else blanks if they do.
    pub delimiter: Option<char>,
    /// Decimal comma: `1,5`, with thousands as `1.000`. Default: where cells are written so.
    pub decimal_comma: Option<bool>,
    /// Whether the first line of the table names the columns. Default: unless it holds numbers.
    pub header: Option<bool>,
    /// Lines before the table. Default: those of another number of fields, and comments.
    pub skip_lines: Option<usize>,
    /// Beginning of lines that are comments. Default: `#`.
    pub comment: Option<char>,
    /// Whether the line after the header tells units. Default: whether it holds words where the
    /// next one holds numbers.
    pub units_row: Option<bool>,
    /// Cells that stand for a missing value, whatever their case; an empty one always does.
    /// Default: `NA`, `nan`, `null`, `-`, `?`, `Bad`, `No Data`, `#DIV/0!` and their like.
    pub missing: Vec<String>,
    /// Whether numbers may be followed by a percent sign or a unit, which is cut. Default:
    /// `false`.
    pub units: bool,
}

/// Markers of missing values that historians, spreadsheets and home automation write.
const MISSING: [&str; 27] = [
    "NA",
    "N/A",
    "<NA>",
    "#N/A",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
    "#NUM!",
    "#NAME?",
    "#NULL!",
    "nan",
    "null",
    "(null)",
    "none",
    "nil",
    "-",
    "--",
    "?",
    "bad",
    "bad input",
    "no data",
    "nodata",
    "i/o timeout",
    "missing",
    "undefined",
    "unavailable",
    "unknown",
];

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            encoding: None,
            delimiter: None,
            decimal_comma: None,
            header: None,
            skip_lines: None,
            comment: Some('#'),
            units_row: None,
            missing: MISSING.map(String::from).to_vec(),
            units: false,
        }
    }
}
