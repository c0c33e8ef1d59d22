//! The wide format: one row per time, a column per channel.

use std::borrow::Cow;

use aster_base::Clock;
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::categories::one_hot;
use crate::read::options::LoadOptions;
use crate::read::parts::{Channels, Parts, labels};
use crate::read::roles::Roles;
use crate::read::rows::{Rows, ordered};
use crate::read::table::Table;
use crate::read::times::Times;

/// The channels of a table with one row per time.
pub(crate) fn wide<'a>(
    table: &'a Table,
    roles: &Roles,
    (rows, time): (Rows, Option<(&str, &Times, &Clock)>),
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
    let read = |at: &usize| -> Result<(String, Cow<'a, [f64]>), DataError> {
        let column = &table.columns[*at];
        let numbers = column.numbers(&table.place).map_err(|error| match error {
            DataError::Cell { .. } => roles.fault(table, *at).unwrap_or(error),
            error => error,
        })?;
        let numbers = match &rows {
            Rows::All(_) => numbers,
            rows => rows.pick(&numbers).into(),
        };
        Ok((column.name.clone(), numbers))
    };
    // Collected before it is searched for errors, so that the first column's is told.
    let channels: Vec<Result<_, DataError>> = roles.features.par_iter().map(read).collect();
    let mut channels: Channels = channels.into_iter().collect::<Result<_, _>>()?;
    for (at, categorical) in &roles.categorical {
        channels.extend(one_hot(table, *at, &rows, categorical)?);
    }
    let labels = roles.label.map(|at| labels(table, at, &rows, options)).transpose()?;
    Ok(Parts { channels, times, labels, dropped, reordered })
}
