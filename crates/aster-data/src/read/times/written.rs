//! One date-time as people write it.

use std::str::FromStr;

use aster_base::{DAY, SECOND};
use chrono::NaiveDate;

use super::column::{DateOrder, days};

/// A time that has been read, up to the order of day and month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Written {
    pub(super) date: Date,
    /// Nanoseconds of the day, up to 24 hours.
    of_day: i64,
    /// Seconds of the zone's offset, where it is told.
    pub(super) offset: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Date {
    Known(NaiveDate),
    /// Two numbers that are day and month, the year, and whether points stand between them.
    Either {
        first: u32,
        second: u32,
        year: i32,
        points: bool,
    },
}

impl Written {
    pub(super) fn time(&self, order: DateOrder) -> Option<i64> {
        let date = match self.date {
            Date::Known(date) => date,
            Date::Either { first, second, year, .. } => match order {
                DateOrder::DayFirst => NaiveDate::from_ymd_opt(year, second, first)?,
                DateOrder::MonthFirst => NaiveDate::from_ymd_opt(year, first, second)?,
            },
        };
        let offset = i64::from(self.offset.unwrap_or(0)) * SECOND;
        days(date).checked_mul(DAY)?.checked_add(self.of_day)?.checked_sub(offset)
    }

    /// Reads one time, which has a date.
    pub(super) fn read(text: &str) -> Option<Self> {
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

    /// Takes a number of one or two digits.
    fn two_digits<N: FromStr>(&mut self) -> Option<N> {
        self.digits().filter(|digits| digits.len() <= 2)?.parse().ok()
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
        let hour: i64 = self.two_digits()?;
        let colon = self.rest.chars().next().filter(|c| [':', '.'].contains(c))?;
        self.rest = &self.rest[1..];
        let minute: i64 = self.two_digits()?;
        let (mut second, mut fraction) = (0, 0);
        if let Some(rest) = self.rest.strip_prefix(colon) {
            self.rest = rest;
            second = self.two_digits()?;
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

    /// Takes the offset of the zone in seconds, if there is one, up to the end.
    fn offset(&mut self) -> Option<Option<i32>> {
        self.skip(&[' ']);
        let sign = match self.rest.chars().next() {
            None => return Some(None),
            Some('+') => 1,
            Some('-') => -1,
            Some(_) => {
                let hours = zone(self.word()?)?;
                // "UTC+2" is left to a format.
                return self.at_end().then_some(Some((hours * 3600.0) as i32));
            }
        };
        self.rest = &self.rest[1..];
        let digits = self.digits()?;
        let (hours, minutes) = match (digits.len(), self.rest.strip_prefix(':')) {
            (1 | 2, Some(rest)) => {
                self.rest = rest;
                (digits.parse().ok()?, self.two_digits()?)
            }
            (1 | 2, None) => (digits.parse::<i32>().ok()?, 0i32),
            (4, None) => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
            _ => return None,
        };
        let sound = self.at_end() && hours <= 18 && minutes < 60;
        sound.then_some(Some(sign * (3600 * hours + 60 * minutes)))
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
