//! Times as people write them, decided by a whole column.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Why a column of text is no column of times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TimeFault {
    /// The cell of a row, from 0, is no time.
    Cell(usize),
    /// Day and month could be either way round in every cell.
    Ambiguous,
}

/// Order of the numbers of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    DayFirst,
    MonthFirst,
}

/// A time that has been read, up to the order of day and month.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Written {
    date: Date,
    /// Nanoseconds of the day, up to 24 hours.
    of_day: i64,
    /// Nanoseconds of the zone's offset.
    offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Date {
    Known(NaiveDate),
    /// Two numbers that are day and month, the year, and whether points stand between them.
    Either {
        first: u32,
        second: u32,
        year: i32,
        points: bool,
    },
}

/// Times of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Times {
    /// One per cell; none of a cell that is missing.
    pub(crate) values: Vec<Option<i64>>,
    /// Whether they are nanoseconds since the Unix epoch, not counts in a unit of their own.
    pub(crate) dated: bool,
}

/// Reads a column of text.
///
/// Numbers are epochs of seconds, milli-, micro- or nanoseconds by their size, days of a
/// spreadsheet, or counts that stay as they are; with fractions, billionths of their unit.
pub(crate) fn read_times<'a>(
    cells: impl Iterator<Item = Option<&'a str>> + Clone,
) -> Result<Times, TimeFault> {
    if let Some(times) = read_numbers(cells.clone()) {
        return Ok(times);
    }
    let written: Vec<Option<Written>> = cells
        .enumerate()
        .map(|(row, cell)| match cell.map(str::trim).filter(|cell| !cell.is_empty()) {
            Some(cell) => Written::read(cell).map(Some).ok_or(TimeFault::Cell(row)),
            None => Ok(None),
        })
        .collect::<Result<_, _>>()?;
    let order = order_of(&written)?;
    let time = |(row, written): (usize, &Option<Written>)| match written {
        Some(written) => written.time(order).map(Some).ok_or(TimeFault::Cell(row)),
        None => Ok(None),
    };
    let values = written.iter().enumerate().map(time).collect::<Result<_, _>>()?;
    Ok(Times { values, dated: true })
}

/// Reads a column by a format of `strftime`.
pub(crate) fn read_by_format<'a>(
    cells: impl Iterator<Item = Option<&'a str>>,
    format: &str,
) -> Result<Times, TimeFault> {
    let read = |cell: &str| {
        let zoned = DateTime::parse_from_str(cell, format).ok();
        let zoned = zoned.and_then(|time| time.timestamp_nanos_opt());
        let naive =
            || NaiveDateTime::parse_from_str(cell, format).ok()?.and_utc().timestamp_nanos_opt();
        let date = || {
            let date = NaiveDate::parse_from_str(cell, format).ok()?;
            date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt()
        };
        zoned.or_else(naive).or_else(date)
    };
    let cell = |(row, cell): (usize, Option<&str>)| match cell.map(str::trim) {
        Some(cell) if !cell.is_empty() => read(cell).map(Some).ok_or(TimeFault::Cell(row)),
        _ => Ok(None),
    };
    let values = cells.enumerate().map(cell).collect::<Result<_, _>>()?;
    Ok(Times { values, dated: true })
}

/// Reads numbers, exactly: nothing where a cell is something else.
fn read_numbers<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> Option<Times> {
    let mut numbers: Vec<Option<(i64, i64)>> = vec![];
    for cell in cells {
        match cell.map(str::trim).filter(|cell| !cell.is_empty()) {
            Some(cell) => numbers.push(Some(billionths(cell)?)),
            None => numbers.push(None),
        }
    }
    let known = || numbers.iter().flatten();
    let compact = known().all(|(whole, rest)| *rest == 0 && compact(*whole).is_some());
    if compact && known().next().is_some() {
        let time = |number: &Option<(i64, i64)>| number.and_then(|(whole, _)| compact_time(whole));
        return Some(Times { values: numbers.iter().map(time).collect(), dated: true });
    }
    let first = known().next()?.0;
    let fractions = known().any(|(_, rest)| *rest != 0);
    // Billionths of a unit become nanoseconds: of seconds as they are, of milliseconds by a thousand.
    let (factor, epoch) = match first.unsigned_abs() {
        // 1973 to 2286.
        100_000_000..10_000_000_000 => (1, true),
        100_000_000_000..10_000_000_000_000 => (1000, true),
        100_000_000_000_000..10_000_000_000_000_000 => (1_000_000, true),
        100_000_000_000_000_000.. => (SECOND, true),
        _ => (1, false),
    };
    let scaled = |(whole, rest): (i64, i64)| {
        let billionths = i128::from(whole) * i128::from(SECOND) + i128::from(rest);
        i64::try_from(billionths / i128::from(factor)).ok()
    };
    // A spreadsheet's days since the end of 1899, of 1982 to 2064.
    if !epoch && fractions && (30_000..60_000).contains(&first) {
        let time = |(whole, rest): (i64, i64)| {
            let day = (whole - 25_569) * DAY;
            // Written to a microsecond or so: the nearest millisecond.
            let of_day = i128::from(rest) * i128::from(DAY) / i128::from(SECOND);
            Some(day + (of_day as i64 + 500_000) / 1_000_000 * 1_000_000)
        };
        let values = numbers.iter().map(|number| number.and_then(time)).collect();
        return Some(Times { values, dated: true });
    }
    let scaled = |number: &Option<(i64, i64)>| match *number {
        Some(number) if epoch || fractions => scaled(number).map(Some),
        other => Some(other.map(|(whole, _)| whole)),
    };
    let values = numbers.iter().map(scaled).collect::<Option<_>>()?;
    Some(Times { values, dated: epoch })
}

/// The whole part of a decimal number and its billionths.
fn billionths(text: &str) -> Option<(i64, i64)> {
    if text.contains(['e', 'E']) {
        // As exact as it was written.
        let value: f64 = text.parse().ok().filter(|value: &f64| value.abs() < 9e18)?;
        return Some((value.trunc() as i64, (value.fract() * SECOND as f64) as i64));
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
        && hour <= 24
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

fn days(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// Decides for a whole column whether days or months come first.
fn order_of(written: &[Option<Written>]) -> Result<Order, TimeFault> {
    let open = || {
        written.iter().flatten().filter_map(|written| match written.date {
            Date::Either { first, second, points, .. } => Some((first, second, points)),
            Date::Known(_) => None,
        })
    };
    let (days_first, months_first) =
        (open().any(|(first, ..)| first > 12), open().any(|(_, second, _)| second > 12));
    match (days_first, months_first) {
        (true, _) => return Ok(Order::DayFirst),
        (_, true) => return Ok(Order::MonthFirst),
        _ => (),
    }
    // Nobody writes months first with points between.
    if open().all(|(first, second, points)| points || first == second) {
        return Ok(Order::DayFirst);
    }
    // The order in which the rows are regular: the other one leaps from month to month.
    let irregular = |order| {
        let times: Option<Vec<i64>> = written.iter().flatten().map(|it| it.time(order)).collect();
        let times = times?;
        let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let back = steps
            .iter()
            .filter(|step| **step < 0)
            .count()
            .min(steps.iter().filter(|step| **step > 0).count());
        steps.sort_unstable();
        steps.dedup();
        Some((back, steps.len()))
    };
    match (irregular(Order::DayFirst), irregular(Order::MonthFirst)) {
        (Some(day), Some(month)) if day < month => Ok(Order::DayFirst),
        (Some(day), Some(month)) if month < day => Ok(Order::MonthFirst),
        _ => Err(TimeFault::Ambiguous),
    }
}

impl Written {
    fn time(&self, order: Order) -> Option<i64> {
        let date = match self.date {
            Date::Known(date) => date,
            Date::Either { first, second, year, .. } => match order {
                Order::DayFirst => NaiveDate::from_ymd_opt(year, second, first)?,
                Order::MonthFirst => NaiveDate::from_ymd_opt(year, first, second)?,
            },
        };
        days(date).checked_mul(DAY)?.checked_add(self.of_day)?.checked_sub(self.offset)
    }

    /// Reads one time, which has a date.
    fn read(text: &str) -> Option<Self> {
        let mut parts = Parts::new(text);
        let date = parts.date()?;
        parts.skip(&['T', 't', ' ', ',', '_']);
        let of_day = if parts.at_end() { 0 } else { parts.of_day()? };
        let offset = parts.offset()?;
        Some(Self { date, of_day, offset })
    }
}

/// What is left of a time that is being read.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn skip(&mut self, what: &[char]) {
        self.rest = self.rest.trim_start_matches(what);
    }

    /// Takes digits.
    fn digits(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    fn word(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn separator(&mut self) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| ['-', '/', '.', ' ', ','].contains(c))?;
        self.rest = self.rest[c.len_utf8()..].trim_start_matches(' ');
        Some(c)
    }

    fn date(&mut self) -> Option<Date> {
        // March 1, 2024
        if let Some(word) = self.word() {
            let month = month(word)?;
            self.separator()?;
            let day = self.digits()?.parse().ok()?;
            self.separator()?;
            return Some(Date::Known(NaiveDate::from_ymd_opt(year(self.digits()?)?, month, day)?));
        }
        let first = self.digits()?;
        let separator = self.separator()?;
        // 1 March 2024
        if let Some(word) = self.word() {
            let month = month(word)?;
            self.separator()?;
            let day = first.parse().ok()?;
            return Some(Date::Known(NaiveDate::from_ymd_opt(year(self.digits()?)?, month, day)?));
        }
        let second = self.digits()?;
        if self.separator()? != separator {
            return None;
        }
        let third = self.digits()?;
        if first.len() == 4 {
            let (month, day) = (second.parse().ok()?, third.parse().ok()?);
            return Some(Date::Known(NaiveDate::from_ymd_opt(year(first)?, month, day)?));
        }
        if first.len() > 2 || second.len() > 2 {
            return None;
        }
        Some(Date::Either {
            first: first.parse().ok()?,
            second: second.parse().ok()?,
            year: year(third)?,
            points: separator == '.',
        })
    }

    /// Takes hours, minutes, and where they are there seconds, their fraction and a half of the
    /// day.
    fn of_day(&mut self) -> Option<i64> {
        let hour: i64 = self.digits()?.parse().ok()?;
        let colon = self.rest.chars().next().filter(|c| [':', '.'].contains(c))?;
        self.rest = &self.rest[1..];
        let minute: i64 = self.digits()?.parse().ok()?;
        let (mut second, mut fraction) = (0, 0);
        if let Some(rest) = self.rest.strip_prefix(colon) {
            self.rest = rest;
            second = self.digits()?.parse().ok()?;
            if let Some(rest) = self.rest.strip_prefix(['.', ',']) {
                self.rest = rest;
                let digits = self.digits()?;
                fraction = format!("{:0<9}", &digits[..digits.len().min(9)]).parse().ok()?;
            }
        }
        self.skip(&[' ']);
        let half = ["am", "pm", "a.m.", "p.m."].into_iter().find(|half| {
            self.rest.get(..half.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(half))
        });
        let hour = match half {
            Some(half) => {
                self.rest = &self.rest[half.len()..];
                let afternoon = half.starts_with('p');
                (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })?
            }
            None => hour,
        };
        let whole = 3600 * hour + 60 * minute + second;
        let sound = minute < 60 && second <= 60 && whole <= 86_400;
        sound.then_some(whole * SECOND + fraction)
    }

    /// Takes the offset of the zone, if there is one, up to the end.
    fn offset(&mut self) -> Option<i64> {
        self.skip(&[' ']);
        let sign = match self.rest.chars().next() {
            None => return Some(0),
            Some('+') => 1,
            Some('-') => -1,
            Some(_) => {
                let hours = zone(self.word()?)?;
                // "UTC+2" is left to a format.
                return self.at_end().then_some((hours * 3600.0) as i64 * SECOND);
            }
        };
        self.rest = &self.rest[1..];
        let digits = self.digits()?;
        let (hours, minutes) = match (digits.len(), self.rest.strip_prefix(':')) {
            (1 | 2, Some(rest)) => {
                self.rest = rest;
                (digits.parse::<i64>().ok()?, self.digits()?.parse::<i64>().ok()?)
            }
            (1 | 2, None) => (digits.parse().ok()?, 0),
            (4, None) => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
            _ => return None,
        };
        let sound = self.at_end() && hours <= 18 && minutes < 60;
        sound.then_some(sign * (3600 * hours + 60 * minutes) * SECOND)
    }
}

fn year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match digits.len() {
        4 => Some(year),
        // As POSIX has it.
        2 => Some(if year < 69 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let lower = word.to_lowercase();
    let at = MONTHS.iter().position(|month| lower.starts_with(month))?;
    Some(at as u32 + 1)
}

/// Hours of zones that have one offset.
fn zone(word: &str) -> Option<f64> {
    match word.to_uppercase().as_str() {
        "Z" | "UTC" | "GMT" | "WET" => Some(0.0),
        "CET" | "MEZ" | "BST" | "WEST" => Some(1.0),
        "CEST" | "MESZ" | "EET" => Some(2.0),
        "EEST" | "MSK" => Some(3.0),
        "JST" | "KST" => Some(9.0),
        "EST" => Some(-5.0),
        "EDT" => Some(-4.0),
        "CDT" => Some(-5.0),
        "MDT" => Some(-6.0),
        "PST" => Some(-8.0),
        "PDT" => Some(-7.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for text in
            ["pump", "12:00", "2024-13-01", "2024-02-30", "1/2", "2024-03-01 25:00", "1.2.3.4"]
        {
            assert_eq!(read(&["2024-03-01", text]), Err(TimeFault::Cell(1)), "{text}");
        }
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
