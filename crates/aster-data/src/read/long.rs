//! The long format: one value per row, whose channel the row names.

use std::collections::HashMap;

use crate::error::DataError;
use crate::read::options::LoadOptions;
use crate::read::parts::{Channels, Parts, labels};
use crate::read::roles::Roles;
use crate::read::rows::{DuplicateTimes, Rows, Timed};
use crate::read::table::Table;

/// Makes a row of the values of each time, in the order of times, and a channel of each name, in
/// the order of the features named or of first appearance. What has no value at a time is missing.
pub(crate) fn pivot(
    table: &Table,
    roles: &Roles,
    (rows, time): (Rows, Option<Timed>),
    (channel, value): (usize, usize),
    options: &LoadOptions,
) -> Result<Parts<'static>, DataError> {
    let (time_columns, times, clock) = time.ok_or(DataError::NoTimestamps)?;
    let names = table.texts(channel)?;
    let values = table.numbers(value)?;
    let wanted = options.columns.features.as_deref();
    let mut channels: Vec<String> = wanted.map(<[_]>::to_vec).unwrap_or_default();
    let mut place_of: HashMap<String, usize> =
        channels.iter().cloned().enumerate().map(|(at, name)| (name, at)).collect();
    let mut entries: Vec<(i64, usize, usize)> = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        let place = || table.place.of(row);
        let missing = || DataError::MissingTime { column: time_columns.join(", "), place: place() };
        let time = times.values[row].ok_or_else(missing)?;
        let column = || table.columns[channel].name.clone();
        let unnamed = || DataError::MissingId { column: column(), place: place() };
        let name = names.get(row).ok_or_else(unnamed)?;
        let at = match place_of.get(name) {
            Some(at) => *at,
            None if wanted.is_some() => continue,
            None => {
                place_of.insert(name.into(), channels.len());
                channels.push(name.into());
                channels.len() - 1
            }
        };
        entries.push((time, at, row));
    }
    // Stable, so that of two values of a channel at a time the first one comes first.
    entries.sort_by_key(|(time, ..)| *time);
    let mut known: Vec<i64> = entries.iter().map(|(time, ..)| *time).collect();
    known.dedup();
    let mut columns = vec![vec![f64::NAN; known.len()]; channels.len()];
    let mut seen = vec![vec![false; known.len()]; channels.len()];
    let labelled = match roles.label {
        Some(at) => Some(labels(table, at, &Rows::All(table.rows), options)?),
        None => None,
    };
    let mut of_times = vec![false; known.len()];
    let (mut row_of, mut dropped) = (0, 0);
    for (time, channel, row) in entries {
        while known[row_of] != time {
            row_of += 1;
        }
        of_times[row_of] |= labelled.as_ref().is_some_and(|labels| labels[row]);
        if seen[channel][row_of] {
            dropped += 1;
            match options.duplicates {
                DuplicateTimes::Keep | DuplicateTimes::Error => {
                    return Err(DataError::DuplicateTime {
                        place: format!("{}, channel {:?}", table.place.of(row), channels[channel]),
                        time: clock.at(time),
                    });
                }
                DuplicateTimes::First => continue,
                DuplicateTimes::Last => (),
            }
        }
        seen[channel][row_of] = true;
        columns[channel][row_of] = values[row];
    }
    if let Some(at) = seen.iter().position(|seen| !seen.contains(&true)) {
        return Err(DataError::UnknownColumn {
            column: channels[at].clone(),
            available: names.iter().flatten().map(String::from).take(100).fold(
                vec![],
                |mut all, name| {
                    if !all.contains(&name) {
                        all.push(name);
                    }
                    all
                },
            ),
        });
    }
    let columns: Channels<'static> =
        channels.into_iter().zip(columns).map(|(name, values)| (name, values.into())).collect();
    let labels = labelled.map(|_| of_times);
    Ok(Parts { channels: columns, times: Some(known), labels, dropped, reordered: 0 })
}
