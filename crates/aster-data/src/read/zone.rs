//! Local times of a zone whose clocks change.

use aster_base::{SECOND, SettingError};
#[cfg(any(feature = "arrow", feature = "polars"))]
use chrono::FixedOffset;
use chrono::{DateTime, LocalResult, Offset, TimeZone};
use chrono_tz::Tz;

use crate::read::rows::Rows;
use crate::read::times::{TimeForm, Times};

/// Finds a zone of the IANA database.
pub(crate) fn zone(name: &str) -> Result<Tz, SettingError> {
    let expected = "a zone of the IANA database, such as Europe/Berlin";
    name.parse().map_err(|_| SettingError::new("columns.zone", expected, name))
}

/// Why a local time is no instant of a zone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ZoneFault {
    /// The zone's clocks leap over that of this row.
    Skipped(usize),
    /// That of this row is beyond what nanoseconds count.
    Beyond(usize),
}

/// Makes instants of the local times of some rows.
///
/// An hour that a clock shows twice is the first one, unless a row before is later than that: then
/// it is the second one. In files that begin with the newest row it is the other way round.
pub(crate) fn in_zone(times: &Times, rows: &Rows, zone: Tz) -> Result<Times, ZoneFault> {
    let known = || rows.iter().filter_map(|row| times.values[row]);
    let backwards = known().next() > known().next_back();
    let size = times.values.len();
    let (mut values, mut offsets) = (vec![None; size], vec![0; size]);
    let mut before = i64::MIN;
    for step in 0..rows.len() {
        let row = rows.of(if backwards { rows.len() - 1 - step } else { step });
        let Some(local) = times.values[row] else { continue };
        let naive = DateTime::from_timestamp_nanos(local).naive_utc();
        let instant = |offset: i32| {
            local.checked_sub(i64::from(offset) * SECOND).ok_or(ZoneFault::Beyond(row))
        };
        let offset = match zone.offset_from_local_datetime(&naive) {
            LocalResult::None => return Err(ZoneFault::Skipped(row)),
            LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            LocalResult::Ambiguous(a, b) => {
                let (a, b) = (a.fix().local_minus_utc(), b.fix().local_minus_utc());
                let (first, second) = (a.max(b), a.min(b));
                if instant(first)? < before { second } else { first }
            }
        };
        before = instant(offset)?;
        (values[row], offsets[row]) = (Some(before), offset);
    }
    Ok(Times { values, offsets: Some(offsets), form: TimeForm::Zoned, order: times.order })
}

impl Times {
    /// Times of a column that has a type: local ones, or instants, with the offsets that a zone of the IANA database or
    /// `+01:00` has at them.
    #[cfg(any(feature = "arrow", feature = "polars"))]
    pub(crate) fn of_type(values: Vec<Option<i64>>, zone: Option<&str>) -> Self {
        let Some(name) = zone else { return Self::new(values, TimeForm::Local) };
        let fixed = name.parse::<FixedOffset>().map_or(0, |offset| offset.local_minus_utc());
        let zone: Option<Tz> = name.parse().ok();
        let offset = |time: i64| match zone {
            Some(zone) => {
                let utc = DateTime::from_timestamp_nanos(time).naive_utc();
                zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
            }
            None => fixed,
        };
        let offsets = values.iter().map(|time| time.map_or(0, offset)).collect();
        Self { offsets: Some(offsets), ..Self::new(values, TimeForm::Zoned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::times::read_times;

    fn hours(cells: &[&str]) -> Result<Vec<i64>, ZoneFault> {
        let local = read_times(cells.iter().map(|cell| Some(*cell))).unwrap();
        let times = in_zone(&local, &Rows::All(cells.len()), zone("Europe/Berlin").unwrap())?;
        let first = times.values[0].unwrap();
        Ok(times.values.iter().flatten().map(|time| (time - first) / (3600 * SECOND)).collect())
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_apart_by_the_rows_before() {
        let day = "2024-10-27 ";
        let cells = ["00:00", "01:00", "02:00", "02:00", "03:00"].map(|it| format!("{day}{it}"));
        let cells = cells.each_ref().map(String::as_str);
        // Two rows of the same time at once are no change of the clock.
        assert_eq!(hours(&cells), Ok(vec![0, 1, 2, 2, 4]));
        let halves = ["02:00", "02:30", "02:00", "02:30", "03:00"].map(|it| format!("{day}{it}"));
        let mut halves = halves.each_ref().map(String::as_str);
        assert_eq!(hours(&halves), Ok(vec![0, 0, 1, 1, 2]));
        halves.reverse();
        assert_eq!(hours(&halves), Ok(vec![0, 0, -1, -1, -2]));
    }

    #[test]
    fn an_hour_that_is_leapt_over_and_an_unknown_zone_are_errors() {
        let leapt = hours(&["2024-03-31 01:00", "2024-03-31 02:30"]);
        assert_eq!(leapt, Err(ZoneFault::Skipped(1)));
        // Nanoseconds begin with it, and Berlin is ahead of Greenwich.
        let first = Times::new(vec![Some(i64::MIN)], TimeForm::Local);
        let berlin = zone("Europe/Berlin").unwrap();
        assert_eq!(in_zone(&first, &Rows::All(1), berlin).err(), Some(ZoneFault::Beyond(0)));
        assert!(zone("Europe/Atlantis").is_err());
    }
}
