//! Categories as channels.

use std::collections::BTreeSet;

use aster_base::SettingError;

use crate::error::DataError;
use crate::read::columns::Categorical;
use crate::read::parts::Channels;
use crate::read::rows::Rows;
use crate::read::table::Table;

/// Categories that a file may have without naming them: more are names, not states.
const MOST: usize = 64;

/// One channel per category, named `column=category`: 1 in the rows that hold it, NaN where the
/// cell is missing.
pub(crate) fn one_hot(
    table: &Table,
    at: usize,
    rows: &Rows,
    categorical: &Categorical,
) -> Result<Channels<'static>, DataError> {
    let cells = table.texts(at)?;
    let categories: Vec<String> = match &categorical.categories {
        Some(categories) => categories.clone(),
        None => {
            // Those of the table, so that each of its series has the same.
            let found: BTreeSet<&str> = cells.iter().flatten().collect();
            if found.len() > MOST {
                let expected = format!("at most {MOST} categories, or their names in `categories`");
                let got = format!("{} in {:?}", found.len(), categorical.column);
                return Err(SettingError::new("columns.categorical", expected, got).into());
            }
            found.into_iter().map(String::from).collect()
        }
    };
    let unknown = |row: &usize| {
        cells.get(*row).is_some_and(|cell| !categories.iter().any(|category| category == cell))
    };
    if let Some(row) = rows.iter().find(unknown) {
        return Err(DataError::UnknownCategory {
            place: table.place.of(row),
            column: categorical.column.clone(),
            cell: cells.get(row).unwrap_or_default().into(),
            categories,
        });
    }
    let channel = |category: &String| {
        let value = |row| cells.get(row).map_or(f64::NAN, |cell| f64::from(cell == category));
        let name = format!("{}={category}", categorical.column);
        (name, rows.iter().map(value).collect::<Vec<f64>>().into())
    };
    Ok(categories.iter().map(channel).collect())
}
