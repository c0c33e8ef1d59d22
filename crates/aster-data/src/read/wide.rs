//! The wide format: one row per time, a column per channel.

use rayon::prelude::*;

use crate::error::DataError;
use crate::read::categories::one_hot;
use crate::read::options::LoadOptions;
use crate::read::parts::{Channels, Parts, labels};
use crate::read::roles::Roles;
use crate::read::rows::{Rows, Timed, ordered};
use crate::read::table::Table;

/// The channels of a table with one row per time.
pub(crate) fn wide<'a>(
    table: &'a Table,
    roles: &Roles,
    (rows, time): (Rows, Option<Timed>),
    options: &LoadOptions,
) -> Result<Parts<'a>, DataError> {
    let policies = (options.order, options.duplicates);
    let (mut rows, mut times, mut dropped, mut reordered) = (rows, None, 0, 0);
    if let Some(time) = time {
        let ordered = ordered(rows, time, policies, &table.place)?;
        (rows, times) = (ordered.rows, Some(ordered.times));
        (dropped, reordered) = (ordered.dropped, ordered.reordered);
    } else if options.order != Default::default() || options.duplicates != Default::default() {
        return Err(DataError::NoTimestamps);
    }
    let mut channels: Channels = vec![];
    // All are read before the first error is looked for, so that the first column's is told.
    for (at, numbers) in roles.features.iter().zip(table.all_numbers(&roles.features)) {
        let numbers = numbers.map_err(|error| match error {
            DataError::Cell { .. } => roles.fault(table, *at).unwrap_or(error),
            error => error,
        })?;
        channels.push((table.columns[*at].name.clone(), numbers));
    }
    if let Rows::Some(_) = rows {
        channels.par_iter_mut().for_each(|(_, numbers)| *numbers = rows.pick(numbers).into());
    }
    for (at, categorical) in &roles.categorical {
        channels.extend(one_hot(table, *at, &rows, categorical)?);
    }
    let labels = roles.label.map(|at| labels(table, at, &rows, options)).transpose()?;
    Ok(Parts { channels, times, labels, dropped, reordered })
}
