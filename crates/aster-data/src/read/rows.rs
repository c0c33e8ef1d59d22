//! Rows in the order of their times.

use std::ops::Range;

use aster_base::{Clock, SECOND};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::read::table::Place;
use crate::read::times::{TimeForm, Times};

aster_base::words!(RowOrder, DuplicateTimes);

/// Policy for rows that are not in the order of their times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// Rows are in order; times that go back are an error.
    #[default]
    Keep,
    /// The newest row comes first: rows are read from the last one on.
    Reverse,
    /// Rows are sorted by time; rows of equal times stay as they are.
    Sort,
}

/// Policy for rows of equal times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DuplicateTimes {
    /// All rows are kept; in the long format, two values of one channel at a time are an error.
    #[default]
    Keep,
    /// Two rows of one time are an error.
    Error,
    /// The first one is kept.
    First,
    /// The last one is kept.
    Last,
}

/// Rows of a table that make a series, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rows {
    /// All of them.
    All(usize),
    /// These.
    Some(Vec<usize>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Some(rows) => rows.len(),
        }
    }

    /// The table's row of a row of the series.
    pub(crate) fn of(&self, row: usize) -> usize {
        match self {
            Self::All(_) => row,
            Self::Some(rows) => rows[row],
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..self.len()).map(|row| self.of(row))
    }

    /// These rows of cells.
    pub(crate) fn pick<T: Copy>(&self, cells: &[T]) -> Vec<T> {
        self.iter().map(|row| cells[row]).collect()
    }
}

/// Rows in order, with their times and what is to be told of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ordered {
    pub(crate) rows: Rows,
    pub(crate) times: Vec<i64>,
    pub(crate) dropped: usize,
    pub(crate) reordered: usize,
}

/// Times of a table: the columns that they are of, themselves, and what they count.
pub(crate) type Timed<'a> = (&'a [String], &'a Times, &'a Clock);

/// Puts rows in the order of their times, as the options say. Where rows of equal times are kept,
/// they stay in their order.
pub(crate) fn ordered(
    rows: Rows,
    (columns, times, clock): Timed,
    (order, duplicates): (RowOrder, DuplicateTimes),
    place: &Place,
) -> Result<Ordered, DataError> {
    let time = |row: usize| {
        let missing =
            || DataError::MissingTime { column: columns.join(", "), place: place.of(row) };
        times.values[row].ok_or_else(missing)
    };
    let mut known: Vec<i64> = rows.iter().map(time).collect::<Result<_, _>>()?;
    let before = rows.clone();
    let mut rows = rows;
    match order {
        RowOrder::Keep => (),
        RowOrder::Reverse => {
            known.reverse();
            rows = Rows::Some(rows.iter().rev().collect());
        }
        RowOrder::Sort if known.is_sorted() => (),
        RowOrder::Sort => {
            let mut at: Vec<usize> = (0..known.len()).collect();
            at.sort_by_key(|at| known[*at]);
            rows = Rows::Some(at.iter().map(|at| rows.of(*at)).collect());
            known.sort_unstable();
        }
    }
    if let Some(at) = known.windows(2).position(|pair| pair[1] < pair[0]) {
        let (previous, got) = (known[at], known[at + 1]);
        return Err(DataError::Unsorted {
            place: place.of(rows.of(at + 1)),
            previous: clock.at(previous),
            got: clock.at(got),
            hint: hint(&known, times.form),
        });
    }
    let reordered = before.iter().zip(rows.iter()).filter(|(a, b)| a != b).count();
    let count = known.len();
    match duplicates {
        DuplicateTimes::Keep => (),
        DuplicateTimes::Error => {
            if let Some(at) = known.windows(2).position(|pair| pair[1] == pair[0]) {
                let place = place.of(rows.of(at + 1));
                return Err(DataError::DuplicateTime { place, time: clock.at(known[at]) });
            }
        }
        DuplicateTimes::First | DuplicateTimes::Last => {
            let kept: Vec<usize> = runs(&known)
                .map(
                    |run| if duplicates == DuplicateTimes::First { run.start } else { run.end - 1 },
                )
                .collect();
            if kept.len() < count {
                known = kept.iter().map(|at| known[*at]).collect();
                rows = Rows::Some(kept.iter().map(|at| rows.of(*at)).collect());
            }
        }
    }
    Ok(Ordered { dropped: count - known.len(), rows, times: known, reordered })
}

/// Runs of equal times.
pub(crate) fn runs(times: &[i64]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    times.chunk_by(|a, b| a == b).map(move |run| {
        let from = start;
        start += run.len();
        from..start
    })
}

/// What helps where times go back.
fn hint(times: &[i64], form: TimeForm) -> &'static str {
    const HOURS: i64 = 2 * 3600 * SECOND;
    let back =
        times.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).filter(|back| *back > 0);
    let steps = times.len() - 1;
    match (back.clone().count(), form) {
        (count, _) if count * 2 > steps => {
            "the newest row comes first: LoadOptions::order reverses the rows"
        }
        (count, TimeForm::Local) if count <= 1 + steps / 1000 && back.max() <= Some(HOURS) => {
            "where a clock was set back, Columns::zone tells which; else LoadOptions::order sorts the rows"
        }
        _ => {
            "LoadOptions::order sorts the rows; a file of several series needs Columns::id or \
              Columns::channel"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(
        times: &[i64],
        order: RowOrder,
        duplicates: DuplicateTimes,
    ) -> Result<Ordered, DataError> {
        let times = Times::new(times.iter().copied().map(Some).collect(), TimeForm::Counts);
        let rows = Rows::All(times.values.len());
        let time = (&["t".to_string()][..], &times, &Clock::Counts);
        ordered(rows, time, (order, duplicates), &Place::default())
    }

    #[test]
    fn rows_are_kept_reversed_or_sorted() {
        let kept = order(&[1, 2, 2], RowOrder::Keep, DuplicateTimes::Keep).unwrap();
        assert_eq!((kept.rows, kept.reordered), (Rows::All(3), 0));
        let reversed = order(&[3, 2, 1], RowOrder::Reverse, DuplicateTimes::Keep).unwrap();
        assert_eq!(reversed.times, [1, 2, 3]);
        assert_eq!((reversed.rows, reversed.reordered), (Rows::Some(vec![2, 1, 0]), 2));
        let sorted = order(&[1, 3, 2, 2], RowOrder::Sort, DuplicateTimes::Keep).unwrap();
        assert_eq!(sorted.rows, Rows::Some(vec![0, 2, 3, 1]));
        let error = order(&[3, 2, 1], RowOrder::Keep, DuplicateTimes::Keep).unwrap_err();
        assert!(error.to_string().contains("newest row comes first"), "{error}");
    }

    #[test]
    fn one_row_of_each_time_or_an_error() {
        let one = |policy| order(&[1, 1, 2], RowOrder::Keep, policy);
        let first = one(DuplicateTimes::First).unwrap();
        assert_eq!((first.rows, first.dropped), (Rows::Some(vec![0, 2]), 1));
        assert_eq!(one(DuplicateTimes::Last).unwrap().rows, Rows::Some(vec![1, 2]));
        assert!(matches!(one(DuplicateTimes::Error), Err(DataError::DuplicateTime { .. })));
    }
}
