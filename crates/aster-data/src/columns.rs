use serde::{Deserialize, Serialize};

/// Roles of a table's columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Columns {
    /// Column of timestamps: date-times, which become nanoseconds since the Unix epoch, or
    /// numbers, which stay as they are. Default: the column of date-times, where there is exactly
    /// one and no features are named; else none.
    pub time: Option<String>,
    /// Explicit `strftime` format for a textual time column. Default: guessed.
    pub time_format: Option<String>,
    /// Column of labels (0 or 1). Default: none.
    pub label: Option<String>,
    /// Feature columns, in order. Default: every column but time and label.
    pub features: Option<Vec<String>>,
}
