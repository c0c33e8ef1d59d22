use serde::{Deserialize, Serialize};

use crate::missing::MissingPolicy;
use crate::read::columns::Columns;
#[cfg(feature = "csv")]
use crate::read::csv::CsvFormat;
use crate::read::rows::{DuplicateTimes, RowOrder};

/// Options of the loaders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Roles of the columns.
    pub columns: Columns,
    /// Format of the file; CSV only.
    #[cfg(feature = "csv")]
    pub csv: CsvFormat,
    /// Order of the rows in time. Default: an error where times go back.
    pub order: RowOrder,
    /// Rows of equal times. Default: kept, with a warning.
    pub duplicates: DuplicateTimes,
    /// Numbers that stand for a missing value, such as -9999. Default: none.
    pub sentinels: Vec<f64>,
    /// Imputation of missing values. Default: an error.
    pub missing: MissingPolicy,
}
