//! Tables in any of the forms that people write them in are read as the same numbers and times, and
//! what is neither is told.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::fmt::Write;

use aster_base::Configure;
use aster_data::{Clock, LoadOptions, Loaded, MissingPolicy, TimeSeries};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000_000_000;

fn load(text: &str, options: &LoadOptions) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).unwrap();
    Loaded::from_csv(&path, options).map_err(|error| error.to_string())
}

/// A number with three decimals.
fn decimals(thousandths: i64, comma: bool, thousands: bool) -> String {
    let (point, separator) = if comma { (',', '.') } else { ('.', ',') };
    let (whole, rest) = (thousandths.abs() / 1000, thousandths.abs() % 1000);
    let digits = whole.to_string();
    let mut written = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if thousands && at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(separator);
        }
        written.push(digit);
    }
    let sign = if thousandths < 0 { "-" } else { "" };
    format!("{sign}{written}{point}{rest:03}")
}

/// How times are written, and the step in hours at which they are, where a day would not do.
fn written(form: usize, time: DateTime<Utc>) -> String {
    let text = |format: &str| time.format(format).to_string();
    match form {
        0 => text("%Y-%m-%d %H:%M:%S"),
        1 => text("%Y-%m-%dT%H:%M:%SZ"),
        2 => (time + TimeDelta::hours(2)).format("%Y-%m-%dT%H:%M:%S+02:00").to_string(),
        3 => text("%d.%m.%Y %H:%M"),
        4 => text("%m/%d/%Y %I:%M %p"),
        5 => text("%d/%m/%y %H:%M"),
        6 => time.timestamp().to_string(),
        7 => time.timestamp_millis().to_string(),
        8 => time.timestamp_micros().to_string(),
        9 => format!("{}.5", time.timestamp()),
        10 => text("%Y%m%d%H%M"),
        11 => text("%d-%b-%Y %H:%M:%S"),
        12 => text("%Y/%m/%d %H:%M:%S.250"),
        13 => text("%Y%m%dT%H%M%S"),
        14 => text("\"%a, %d %b %Y %H:%M:%S +0000\""),
        15 => text("%d/%b/%Y:%H:%M:%S"),
        16 => text("%a %b %e %H:%M:%S %Y"),
        _ => format!("{:.8}", time.timestamp() as f64 / 86_400.0 + 25_569.0),
    }
}
const FORMS: usize = 18;

proptest! {
    #[test]
    fn numbers_are_read_whatever_the_delimiter_and_the_decimal_sign(
        rows in prop::collection::vec([-9_999_999i64..9_999_999, 0..9_999], 3..40),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        comma: bool,
        thousands: bool,
        newline in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        points: bool,
    ) {
        let mut text = format!("time{delimiter}\"flow \"\"a\"\"\"{delimiter}level{newline}");
        for (row, [flow, level]) in rows.iter().enumerate() {
            let cell = |thousandths: i64| {
                let cell = decimals(thousandths, comma, thousands);
                if cell.contains(delimiter) { format!("\"{cell}\"") } else { cell }
            };
            let day = 1 + row % 28;
            let time = match points {
                true => format!("{day:02}.03.2024 00:00"),
                false => format!("2024-03-{day:02} 00:00:00"),
            };
            let (flow, level) = (cell(*flow), cell(*level));
            write!(text, "{time}{delimiter}{flow}{delimiter}{level}{newline}").unwrap();
        }
        let options = LoadOptions::with(|it| it.order = aster_data::RowOrder::Sort);
        let loaded = load(&text, &options).unwrap();
        let mut values: Vec<[f64; 2]> = rows.iter().map(|row| row.map(|it| it as f64 / 1e3)).collect();
        let mut days: Vec<usize> = (0..rows.len()).collect();
        days.sort_by_key(|row| row % 28);
        values = days.iter().map(|row| values[*row]).collect();
        let found: Vec<f64> = loaded.series.values().to_vec();
        prop_assert_eq!(found, values.concat(), "{}", text);
        prop_assert_eq!(loaded.series.channels(), ["flow \"a\"", "level"]);
    }

    #[test]
    fn times_are_read_whatever_their_form(
        start in 1_100_000_000i64..1_900_000_000,
        step in prop::sample::select(vec![60i64, 3600, 86_400]),
        form in 0..FORMS,
    ) {
        // Enough days that the order of day and month can be told.
        let rows = (40 * 86_400 / step).clamp(40, 1000);
        let start = start / 86_400 * 86_400;
        // Whole days of a spreadsheet look like any other count.
        let spreadsheet = form == FORMS - 1;
        let step = if spreadsheet { step.min(3600) } else { step };
        let mut text = "time,flow\n".to_string();
        let mut expected = vec![];
        for row in 0..rows {
            let time = DateTime::from_timestamp(start + step * row, 0).unwrap();
            let flow = row % 7;
            writeln!(text, "{},{flow}.5", written(form, time)).unwrap();
            expected.push(start + step * row);
        }
        let loaded = load(&text, &LoadOptions::default());
        // Minutes of some days may leave the order of day and month open: that is told, not guessed.
        let ambiguous = matches!(form, 4 | 5) && step == 60;
        let loaded = match loaded {
            Err(message) if ambiguous => {
                prop_assert!(message.contains("either way round"), "{}", message);
                return Ok(());
            }
            loaded => loaded.unwrap(),
        };
        let more = if form == 9 { 500_000_000 } else if form == 12 { 250_000_000 } else { 0 };
        let found = loaded.series.timestamps().unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            let wanted = expected * 1_000_000_000 + more;
            // Eight decimals of a day are a millisecond.
            let near = if spreadsheet { 1_000_000 } else { 0 };
            prop_assert!((found - wanted).abs() <= near, "{} is no {}", found, wanted);
        }
        prop_assert!(*loaded.series.clock() != Clock::Counts);
        prop_assert_eq!(loaded.series.channels(), ["flow"]);
    }

    #[test]
    fn columns_may_stand_apart_by_blanks(
        rows in prop::collection::vec([-9_999_999i64..9_999_999, 0..9_999], 3..40),
        width in 12usize..20,
        header: bool,
        dated: bool,
    ) {
        let mut text = if header { "  time flow\t level\n".to_string() } else { String::new() };
        for (row, [flow, level]) in rows.iter().enumerate() {
            let [flow, level] = [flow, level].map(|it| decimals(*it, false, false));
            let time = if dated { format!("2024-03-01 00:{row:02}:00") } else { row.to_string() };
            writeln!(text, "{time} {flow:>width$} {level:>width$}").unwrap();
        }
        let loaded = load(&text, &LoadOptions::default()).unwrap();
        let timed = header || dated;
        let found: Vec<f64> = (0..rows.len()).flat_map(|row| {
            loaded.series.row(row)[usize::from(!timed)..].to_vec()
        }).collect();
        let values: Vec<[f64; 2]> = rows.iter().map(|row| row.map(|it| it as f64 / 1e3)).collect();
        prop_assert_eq!(found, values.concat(), "{}", text);
        prop_assert_eq!(loaded.series.timestamps().is_some(), timed);
    }

    #[test]
    fn times_in_parts_are_read_as_whole_ones(
        start in 0i64..1_900_000_000,
        step in prop::sample::select(vec![1i64, 60, 3600]),
        of_day in 0usize..4,
    ) {
        let step = if of_day == 0 { 86_400 } else { step.max([1, 3600, 60, 1][of_day]) };
        let start = start / step * step;
        let heads = ["year,month,day", ",hour", ",minute", ",second"];
        let mut text = format!("{},flow\n", heads[..=of_day].concat());
        for row in 0..40 {
            let time = DateTime::from_timestamp(start + step * row, 0).unwrap();
            let parts = ["%Y,%-m,%-d", ",%-H", ",%-M", ",%-S"][..=of_day].concat();
            writeln!(text, "{},{row}.5", time.format(&parts)).unwrap();
        }
        let loaded = load(&text, &LoadOptions::default()).unwrap();
        let expected: Vec<i64> = (0..40).map(|row| (start + step * row) * 1_000_000_000).collect();
        prop_assert_eq!(loaded.series.timestamps().unwrap(), expected);
        prop_assert_eq!(loaded.series.channels(), ["flow"]);
        prop_assert_eq!(loaded.report.time.unwrap().columns.len(), 3 + of_day);
    }

    #[test]
    fn a_cell_that_is_no_number_is_named(
        junk in "[a-z]{2,6}[!?#%&]{1,2}",
        row in 1usize..60,
        column in 0usize..3,
    ) {
        let mut text = "time,flow,level\n".to_string();
        for line in 0..60 {
            let cells = [format!("2024-03-01 {:02}:{:02}:00", line / 60, line % 60), "1.5".into(), format!("{line}.25")];
            let cell = |at: usize| if line == row && at == column { junk.clone() } else { cells[at].clone() };
            writeln!(text, "{},{},{}", cell(0), cell(1), cell(2)).unwrap();
        }
        let options = LoadOptions::with(|it| it.missing = MissingPolicy::ForwardFill);
        let message = load(&text, &options).map(|it| it.report.to_string()).unwrap_err();
        prop_assert!(message.contains(&format!("line {}", row + 2)), "{}", message);
        prop_assert!(message.contains(&format!("{junk:?}")), "{}", message);
        prop_assert!(message.contains(["time", "flow", "level"][column]), "{}", message);
    }

    #[test]
    fn what_is_written_is_read(
        values in prop::collection::vec(prop::num::f64::NORMAL, 2..40),
        start in 0i64..1_800_000_000,
        dated: bool,
    ) {
        let rows = values.len() / 2;
        let series = TimeSeries::from_slice(&values[..2 * rows], 2).unwrap();
        let times = (0..rows as i64).map(|row| match dated {
            true => start * 1_000_000_000 + row * HOUR,
            false => row,
        });
        let clock = if dated { Clock::Local } else { Clock::Counts };
        let series = series.with_timestamps(times.collect()).unwrap().with_clock(clock);
        let folder = tempfile::tempdir().unwrap();
        let [csv, parquet] = ["x.csv", "x.parquet"].map(|name| folder.path().join(name));
        series.write_csv(&csv).unwrap();
        series.write_parquet(&parquet).unwrap();
        let options = LoadOptions::with(|it| it.columns.time = Some("time".into()));
        prop_assert_eq!(&TimeSeries::from_parquet(&parquet, &options).unwrap(), &series);
        prop_assert_eq!(&TimeSeries::from_csv(&csv, &options).unwrap(), &series);
    }
}
