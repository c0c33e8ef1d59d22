//! Times as numbers: epochs, dates without separators, days of a spreadsheet, counts.

use aster_base::{DAY, SECOND};
use chrono::NaiveDate;

use super::column::{EpochUnit, TimeFault, TimeForm, Times, content, days, each_time};

/// The whole part of a decimal number, and its billionths.
type Number = (i64, i64);

/// Reads numbers, exactly: nothing where a cell is something else.
pub(super) fn read<'a>(
    cells: impl Iterator<Item = Option<&'a str>>,
) -> Result<Option<Times>, TimeFault> {
    let number = |cell: Option<&str>| match content(cell) {
        Some(cell) => billionths(cell).map(Some),
        None => Some(None),
    };
    match cells.map(number).collect::<Option<Vec<_>>>() {
        Some(numbers) => times_of(&numbers),
        None => Ok(None),
    }
}

impl Times {
    /// Numbers that are times by the name of their column. What is no number is missing.
    pub(crate) fn of_numbers(numbers: &[f64]) -> Result<Self, TimeFault> {
        let given = numbers.iter().map(|number| (!number.is_nan()).then_some(*number));
        Self::of(&each_time(&given.collect::<Vec<_>>(), of_double)?)
    }

    /// Whole numbers that are times by the name of their column.
    pub(crate) fn of_integers(numbers: &[Option<i64>]) -> Result<Self, TimeFault> {
        let whole = numbers.iter().map(|number| number.map(|number| (number, 0)));
        Self::of(&whole.collect::<Vec<_>>())
    }

    fn of(numbers: &[Option<Number>]) -> Result<Self, TimeFault> {
        let none = || Self::new(vec![None; numbers.len()], TimeForm::Counts);
        Ok(times_of(numbers)?.unwrap_or_else(none))
    }
}

/// The times that numbers are; nothing where all are missing.
fn times_of(numbers: &[Option<Number>]) -> Result<Option<Times>, TimeFault> {
    let known = || numbers.iter().flatten();
    let Some((first, _)) = known().next() else { return Ok(None) };
    if known().all(|(whole, rest)| *rest == 0 && compact(*whole).is_some()) {
        let values = each_time(numbers, |(whole, _)| compact_time(whole))?;
        return Ok(Some(Times::new(values, TimeForm::Compact)));
    }
    let fractions = known().any(|(_, rest)| *rest != 0);
    let epoch = EpochUnit::of(*first);
    // A spreadsheet's days since the end of 1899, of 1982 to 2064.
    if epoch.is_none() && fractions && (30_000..60_000).contains(first) {
        let values = each_time(numbers, spreadsheet_time)?;
        return Ok(Some(Times::new(values, TimeForm::Spreadsheet)));
    }
    // Billionths of a unit become nanoseconds: of seconds as they are, of milliseconds by a thousand.
    let factor = epoch.map_or(1, EpochUnit::per_second);
    let scaled = |(whole, rest): Number| {
        let billionths = i128::from(whole) * i128::from(SECOND) + i128::from(rest);
        i64::try_from(billionths / i128::from(factor)).ok()
    };
    let scale = epoch.is_some() || fractions;
    let values = each_time(numbers, |number| if scale { scaled(number) } else { Some(number.0) })?;
    let form = match epoch {
        Some(unit) => TimeForm::Epoch(unit),
        None if fractions => TimeForm::Billionths,
        None => TimeForm::Counts,
    };
    Ok(Some(Times::new(values, form)))
}

fn spreadsheet_time((whole, rest): Number) -> Option<i64> {
    let day = whole.checked_sub(25_569)?.checked_mul(DAY)?;
    // Written to a microsecond or so: the nearest millisecond.
    let of_day = i128::from(rest) * i128::from(DAY) / i128::from(SECOND);
    day.checked_add((of_day as i64 + 500_000) / 1_000_000 * 1_000_000)
}

fn billionths(text: &str) -> Option<Number> {
    if text.contains(['e', 'E']) {
        // As exact as it was written.
        return of_double(text.parse().ok()?);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(rest) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let rest: i64 = format!("{:0<9}", &rest[..rest.len().min(9)]).parse().ok()?;
    Some(if negative { (-whole, -rest) } else { (whole, rest) })
}

/// A double to the nearest billionth, unless it is larger than whole numbers are.
fn of_double(number: f64) -> Option<Number> {
    let whole = (number.abs() < 9e18).then_some(number.trunc() as i64)?;
    match (number.fract() * SECOND as f64).round() as i64 {
        rest if rest.abs() == SECOND => Some((whole + rest.signum(), 0)),
        rest => Some((whole, rest)),
    }
}

/// Year, month, day, hour, minute and second of `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`.
fn compact(number: i64) -> Option<[i64; 6]> {
    let number = match number {
        19_000_101..21_000_101 => number * 1_000_000,
        190_001_010_000..210_001_010_000 => number * 100,
        19_000_101_000_000..21_000_101_000_000 => number,
        _ => return None,
    };
    let part = |power: u32, size: i64| number / 10i64.pow(power) % size;
    let parts =
        [part(10, 10_000), part(8, 100), part(6, 100), part(4, 100), part(2, 100), part(0, 100)];
    let [_, month, day, hour, minute, second] = parts;
    let sound = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (hour < 24 || (hour, minute, second) == (24, 0, 0))
        && minute < 60
        && second < 60;
    sound.then_some(parts)
}

fn compact_time(number: i64) -> Option<i64> {
    let [year, month, day, hour, minute, second] = compact(number)?;
    let date = NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32)?;
    let of_day = (3600 * hour + 60 * minute + second) * SECOND;
    days(date).checked_mul(DAY)?.checked_add(of_day)
}
