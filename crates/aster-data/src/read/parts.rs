//! What a series is made of.

use std::borrow::Cow;

use aster_base::SettingError;

use crate::error::DataError;
use crate::read::options::LoadOptions;
use crate::read::rows::Rows;
use crate::read::table::{Cells, Table};

/// Named channels, their values with NaN where missing.
pub(crate) type Channels<'a> = Vec<(String, Cow<'a, [f64]>)>;

/// A series before its gaps are filled.
pub(crate) struct Parts<'a> {
    pub(crate) channels: Channels<'a>,
    pub(crate) times: Option<Vec<i64>>,
    pub(crate) labels: Option<Vec<bool>>,
    pub(crate) dropped: usize,
    pub(crate) reordered: usize,
}

/// Labels of some rows.
pub(crate) fn labels(
    table: &Table,
    at: usize,
    rows: &Rows,
    options: &LoadOptions,
) -> Result<Vec<bool>, DataError> {
    let column = &table.columns[at];
    let wrong = |row: usize, got: String| DataError::BadLabel { place: table.place.of(row), got };
    let Some(normal) = &options.columns.normal else {
        if let Ok(cells) = table.texts(at)
            && matches!(column.cells, Cells::Texts(_))
        {
            let row = rows.iter().find(|row| !["0", "1"].contains(&cells.get(*row).unwrap_or("")));
            if let Some(row) = row {
                return Err(wrong(row, cells.get(row).unwrap_or("none").into()));
            }
        }
        let numbers = table.numbers(at)?;
        return rows
            .iter()
            .map(|row| match numbers[row] {
                0.0 => Ok(false),
                1.0 => Ok(true),
                value if value.is_nan() => Err(wrong(row, "none".into())),
                value => Err(wrong(row, value.to_string())),
            })
            .collect();
    };
    let (cells, normal) = (table.texts(at)?, normal.trim());
    let number: Option<f64> = normal.parse().ok();
    let says_normal = |cell: &str| {
        cell.trim().eq_ignore_ascii_case(normal)
            || number.is_some_and(|number| cell.trim().parse() == Ok(number))
    };
    if !cells.iter().flatten().any(says_normal) {
        let expected = format!("a cell of column {:?}", column.name);
        return Err(SettingError::new("columns.normal", expected, normal).into());
    }
    rows.iter()
        .map(|row| match cells.get(row) {
            Some(cell) => Ok(!says_normal(cell)),
            None => Err(wrong(row, "none".into())),
        })
        .collect()
}
