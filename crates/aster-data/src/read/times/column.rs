//! A column of times that has been read.

use aster_base::{Clock, OffsetChange, SECOND};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Why a column of text is no column of times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TimeFault {
    /// The cell of a row, from 0, is no time.
    Cell(usize),
    /// Day and month could be either way round in every cell.
    Ambiguous,
}

/// Order of the numbers of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 31.12.2024.
    DayFirst,
    /// 12/31/2024.
    MonthFirst,
}

/// Form of a column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeForm {
    /// Date-times whose offset from UTC is known.
    Zoned,
    /// Date-times of a zone that is not told.
    Local,
    /// Time since the Unix epoch.
    Epoch(EpochUnit),
    /// Days since the end of 1899, as spreadsheets count.
    Spreadsheet,
    /// Dates without separators: `20240301`, `202403011200`.
    Compact,
    /// Counts in a unit of their own.
    Counts,
    /// Counts in billionths of a unit of their own, where cells have fractions.
    Billionths,
}

impl TimeForm {
    /// Returns whether these are counts, and no dates.
    pub(crate) fn is_count(self) -> bool {
        matches!(self, Self::Counts | Self::Billionths)
    }
}

/// Unit of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl EpochUnit {
    /// The unit in which a number is a time from 1973 to 2286.
    pub(crate) fn of(number: i64) -> Option<Self> {
        match number.unsigned_abs() {
            100_000_000..10_000_000_000 => Some(Self::Seconds),
            100_000_000_000..10_000_000_000_000 => Some(Self::Milliseconds),
            100_000_000_000_000..10_000_000_000_000_000 => Some(Self::Microseconds),
            100_000_000_000_000_000.. => Some(Self::Nanoseconds),
            _ => None,
        }
    }

    pub(crate) fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => SECOND,
        }
    }
}

/// Times of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Times {
    /// One per cell; none of a cell that is missing. Nanoseconds since the Unix epoch, or counts.
    pub(crate) values: Vec<Option<i64>>,
    /// Seconds east of UTC, one per cell, where they are told.
    pub(crate) offsets: Option<Vec<i32>>,
    pub(crate) form: TimeForm,
    /// Order of day and month, where it had to be found.
    pub(crate) order: Option<DateOrder>,
}

impl Times {
    pub(crate) fn new(values: Vec<Option<i64>>, form: TimeForm) -> Self {
        Self { values, offsets: None, form, order: None }
    }

    /// What these times count. They are in the order of their rows.
    pub(crate) fn clock(&self) -> Clock {
        match (&self.form, &self.offsets) {
            (form, _) if form.is_count() => Clock::Counts,
            (TimeForm::Epoch(_), _) => Clock::UTC,
            (_, None) => Clock::Local,
            (_, Some(offsets)) => {
                let known = self.values.iter().zip(offsets);
                let mut known: Vec<(i64, i32)> =
                    known.filter_map(|(time, offset)| Some(((*time)?, *offset))).collect();
                known.sort_by_key(|(time, _)| *time);
                known.dedup_by_key(|(_, offset)| *offset);
                let change = |(from, seconds)| OffsetChange { from, seconds };
                Clock::Zoned(known.into_iter().map(change).collect())
            }
        }
    }
}

/// Text of a cell without the spaces around it; none of one that is missing or blank.
pub(super) fn content(cell: Option<&str>) -> Option<&str> {
    cell.map(str::trim).filter(|cell| !cell.is_empty())
}

/// Times, or numbers that become times, of a column's cells, none of one that is missing.
///
/// # Errors
/// The row of the first cell that is none, or beyond what nanoseconds count.
pub(super) fn each_time<T: Copy, Read>(
    cells: &[Option<T>],
    time: impl Fn(T) -> Option<Read>,
) -> Result<Vec<Option<Read>>, TimeFault> {
    let time = |(row, cell): (usize, &Option<T>)| match *cell {
        Some(cell) => time(cell).map(Some).ok_or(TimeFault::Cell(row)),
        None => Ok(None),
    };
    cells.iter().enumerate().map(time).collect()
}

/// Days since the beginning of 1970.
pub(super) fn days(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}
