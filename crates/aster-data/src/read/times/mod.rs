//! Times as people write them, decided by a whole column.

mod column;
mod numbers;
mod order;
mod written;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

pub use column::{DateOrder, EpochUnit, TimeForm};
pub(crate) use column::{TimeFault, Times};
use column::{content, each_time};
use written::{Date, Written};

/// Reads a column of text.
///
/// Numbers are epochs of seconds, milli-, micro- or nanoseconds by their size, days of a
/// spreadsheet, or counts that stay as they are; with fractions, billionths of their unit.
pub(crate) fn read_times<'a>(
    cells: impl Iterator<Item = Option<&'a str>> + Clone,
) -> Result<Times, TimeFault> {
    if let Some(times) = numbers::read(cells.clone())? {
        return Ok(times);
    }
    let mut zoned = None;
    let written: Vec<Option<Written>> = cells
        .enumerate()
        .map(|(row, cell)| match content(cell) {
            Some(cell) => {
                let written = Written::read(cell).ok_or(TimeFault::Cell(row))?;
                // With an offset here and none there, no two of them can be compared.
                match *zoned.get_or_insert(written.offset.is_some()) == written.offset.is_some() {
                    true => Ok(Some(written)),
                    false => Err(TimeFault::Cell(row)),
                }
            }
            None => Ok(None),
        })
        .collect::<Result<_, _>>()?;
    let is_open = |written: &Written| matches!(written.date, Date::Either { .. });
    let open = written.iter().flatten().any(is_open);
    let order = order::order_of(&written)?;
    let values = each_time(&written, |written| written.time(order))?;
    let offset = |written: &Option<Written>| written.and_then(|it| it.offset).unwrap_or(0);
    let zoned = zoned == Some(true);
    Ok(Times {
        values,
        offsets: zoned.then(|| written.iter().map(offset).collect()),
        form: if zoned { TimeForm::Zoned } else { TimeForm::Local },
        order: open.then_some(order),
    })
}

/// Reads a column by a format of `strftime`.
pub(crate) fn read_by_format<'a>(
    cells: impl Iterator<Item = Option<&'a str>>,
    format: &str,
) -> Result<Times, TimeFault> {
    let read = |cell: &str| {
        if let Ok(zoned) = DateTime::parse_from_str(cell, format) {
            return Some((zoned.timestamp_nanos_opt()?, Some(zoned.offset().local_minus_utc())));
        }
        let naive = NaiveDateTime::parse_from_str(cell, format).ok();
        let date = || NaiveDate::parse_from_str(cell, format).ok()?.and_hms_opt(0, 0, 0);
        Some((naive.or_else(date)?.and_utc().timestamp_nanos_opt()?, None))
    };
    let (mut values, mut offsets) = (vec![], vec![]);
    for (row, cell) in cells.enumerate() {
        let read = match content(cell) {
            Some(cell) => Some(read(cell).ok_or(TimeFault::Cell(row))?),
            None => None,
        };
        values.push(read.map(|(time, _)| time));
        offsets.push(read.and_then(|(_, offset)| offset));
    }
    // A format has an offset in all cells or in none.
    let zoned = offsets.iter().any(Option::is_some);
    Ok(Times {
        values,
        offsets: zoned.then(|| offsets.into_iter().map(Option::unwrap_or_default).collect()),
        form: if zoned { TimeForm::Zoned } else { TimeForm::Local },
        order: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aster_base::SECOND;

    /// 1 March 2024, midnight.
    const MARCH: i64 = 1_709_251_200 * SECOND;

    fn read(cells: &[&str]) -> Result<Vec<i64>, TimeFault> {
        let times = read_times(cells.iter().map(|cell| Some(*cell)))?;
        Ok(times.values.into_iter().flatten().collect())
    }

    #[test]
    fn one_moment_written_in_many_ways() {
        for text in [
            "2024-03-01",
            "2024-03-01 00:00",
            "2024-03-01T00:00:00",
            "2024-03-01T00:00:00.000Z",
            "2024-03-01 00:00:00 UTC",
            "2024-03-01 02:00:00+02:00",
            "2024-02-29 19:00:00 -0500",
            "2024-03-01 01:00 CET",
            "2024/3/1 0:00",
            "01.03.2024 00:00",
            "01.03.24 00:00",
            "1 Mar 2024 12:00 AM",
            "01-Mar-2024 00:00:00",
            "March 1, 2024 00:00",
            "2024-02-29 24:00",
            "2024-03-01 00",
            "2024-03",
            "2024-061",
            "2024-061T00:00Z",
            "20240301T000000",
            "20240301T000000Z",
            "20240301 0000",
            "20240301-00:00:00",
            "2024-03-01_00-00-00",
            "2024-03-01 00:00:00:000",
            "Fri, 01 Mar 2024 00:00:00 +0000",
            "Friday, March 01, 2024 00:00",
            "Fri Mar  1 00:00:00 2024",
            "Fri Mar  1 01:00:00 CET 2024",
            "01/Mar/2024:00:00:00 +0000",
            "[2024-03-01 00:00:00]",
            "2024-03-01T01:00:00+01:00[Europe/Berlin]",
            "1. März 2024 00:00",
            "01-mars-2024 00:00",
            "20240301",
            "202403010000",
            "20240301000000",
            "1709251200",
            "1709251200.0",
            "1709251200000",
            "1709251200000000",
            "1709251200000000000",
            "45352.000000001",
        ] {
            assert_eq!(read(&[text]), Ok(vec![MARCH]), "{text}");
        }
    }

    #[test]
    fn fractions_are_kept_to_the_nanosecond() {
        assert_eq!(read(&["1709251200.01"]), Ok(vec![MARCH + 10_000_000]));
        assert_eq!(read(&["2024-03-01 00:00:00.123456789"]), Ok(vec![MARCH + 123_456_789]));
        assert_eq!(read(&["1709251200000000123"]), Ok(vec![MARCH + 123]));
        assert_eq!(read(&["1709251200123.5"]), Ok(vec![MARCH + 123_500_000]));
        assert_eq!(read(&["2024-03-01 00:00:00:125"]), Ok(vec![MARCH + 125_000_000]));
        assert_eq!(read(&["20240301T000000.5"]), Ok(vec![MARCH + SECOND / 2]));
    }

    #[test]
    fn days_and_months_are_told_apart_by_the_whole_column() {
        assert_eq!(read(&["01/03/2024", "13/03/2024"]).unwrap()[0], MARCH);
        assert_eq!(read(&["03/01/2024", "03/13/2024"]).unwrap()[0], MARCH);
        // Hours that are regular one way only.
        let hours: Vec<String> = (0..72)
            .map(|hour| format!("03/{:02}/2024 {:02}:00", 1 + hour / 24, hour % 24))
            .collect();
        let hours: Vec<&str> = hours.iter().map(String::as_str).collect();
        assert_eq!(read(&hours).unwrap()[71] - MARCH, 71 * 3600 * SECOND);
        assert_eq!(read(&["03/01/2024", "04/01/2024"]), Err(TimeFault::Ambiguous));
        assert_eq!(read(&["03/01/2024 00:00", "03/01/2024 01:00"]), Err(TimeFault::Ambiguous));
    }

    #[test]
    fn numbers_without_an_epoch_stay_as_they_are() {
        assert_eq!(read(&["0", "10", "20"]), Ok(vec![0, 10, 20]));
        assert_eq!(read(&["0.0", "0.5"]), Ok(vec![0, SECOND / 2]), "seconds, then");
        assert_eq!(read(&["-5", "7"]), Ok(vec![-5, 7]));
    }

    #[test]
    fn what_is_no_time_is_named_by_its_row() {
        for text in [
            "pump",
            "12:00",
            "2024-13-01",
            "2024-02-30",
            "1/2",
            "2024-03-01 25:00",
            "1.2.3.4",
            "2024-366-1",
            "2024-03-01 10-11",
            "2024-03-01 093",
            "2024-03-01 10:12.5",
            "2024-03-01 00:00:00:12",
            "20241301T000000",
            "20240301-0001",
            "Fri Mar 1",
            // More digits than a clock has, of which some would overflow.
            "2024-03-01 8888888888888888:00",
            "2024-03-01 00:00:00+01:999999999",
        ] {
            assert_eq!(read(&["2024-03-01", text]), Err(TimeFault::Cell(1)), "{text}");
        }
        for [first, second] in
            [["20240301", "20240230"], ["45352.5", "999999999999"], ["1709251200", "9999999999999"]]
        {
            assert_eq!(read(&[first, second]), Err(TimeFault::Cell(1)), "{second}");
        }
    }

    #[test]
    fn columns_of_numbers_say_what_text_says() {
        let of_numbers = |numbers: &[f64]| Times::of_numbers(numbers).map(|it| it.values);
        let of_integers = |numbers: &[i64]| {
            let numbers: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
            Times::of_integers(&numbers).map(|it| it.values)
        };
        for number in [20_240_301, 202_403_010_000, 1_709_251_200, 1_709_251_200_000] {
            assert_eq!(of_integers(&[number]), Ok(vec![Some(MARCH)]), "{number}");
            assert_eq!(of_numbers(&[number as f64]), Ok(vec![Some(MARCH)]), "{number}");
        }
        let noon = MARCH + 43_200 * SECOND;
        assert_eq!(of_numbers(&[45_352.5, f64::NAN]), Ok(vec![Some(noon), None]));
        let eighth = Some(MARCH + SECOND / 8);
        assert_eq!(of_numbers(&[1_709_251_200.125]), Ok(vec![eighth]));
        assert_eq!(of_numbers(&[0.0, 1.0]), Ok(vec![Some(0), Some(1)]));
        assert_eq!(of_numbers(&[f64::NAN]), Ok(vec![None]));
        // Beyond what nanoseconds count.
        for number in [1e30, 1e12, f64::INFINITY] {
            assert_eq!(of_numbers(&[1_709_251_200.0, number]), Err(TimeFault::Cell(1)));
        }
        assert_eq!(of_integers(&[1_709_251_200, i64::MAX]), Err(TimeFault::Cell(1)));
        assert_eq!(of_integers(&[20_240_301, 20_240_230]), Err(TimeFault::Cell(1)));
    }

    #[test]
    fn a_format_is_used_as_given() {
        let read =
            |text, format| read_by_format([Some(text)].into_iter(), format).map(|it| it.values);
        assert_eq!(read("03/01/2024 00:00", "%m/%d/%Y %H:%M"), Ok(vec![Some(MARCH)]));
        assert_eq!(read("01.03.24 00:00", "%d.%m.%y %H:%M"), Ok(vec![Some(MARCH)]));
        assert_eq!(read("2024-03-01 12:00:00 AM", "%Y-%m-%d %I:%M:%S %p"), Ok(vec![Some(MARCH)]));
        assert_eq!(read("01/03/2024", "%d/%m/%Y"), Ok(vec![Some(MARCH)]));
        assert_eq!(read("2024-03-01T01:00:00+0100", "%Y-%m-%dT%H:%M:%S%z"), Ok(vec![Some(MARCH)]));
        assert_eq!(read("2024", "%d"), Err(TimeFault::Cell(0)));
    }

    proptest::proptest! {
        #[test]
        fn formats_round_trip(seconds in 0i64..4_000_000_000, style in 0usize..5) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let styles = [
                "%Y-%m-%d %H:%M:%S", "%Y/%m/%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S",
                "%d %b %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S%.3fZ",
            ];
            let text = time.format(styles[style]).to_string();
            proptest::prop_assert_eq!(read(&[&text]), Ok(vec![seconds * SECOND]), "{}", text);
        }

        #[test]
        fn no_text_panics(cells: Vec<String>) {
            let _ = read_times(cells.iter().map(|cell| Some(cell.as_str())));
        }
    }
}
