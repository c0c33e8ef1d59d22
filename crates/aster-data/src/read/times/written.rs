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

impl Date {
    /// A date of which the year is as it is written.
    fn known(written: &str, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year(written)?, month, day).map(Self::Known)
    }
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
        // As logs have it.
        let text = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
        let year_last = year_last(text);
        let mut parts = Parts::new(year_last.as_deref().unwrap_or(text));
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

    /// Takes a prefix, if it is there.
    fn take(&mut self, prefix: char) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn date(&mut self) -> Option<Date> {
        let mut word = self.word();
        // Fri, 1 Mar 2024
        if word.is_some_and(is_weekday) {
            self.skip(&[',', '.', ' ']);
            word = self.word();
        }
        // March 1, 2024
        if let Some(word) = word {
            let month = month(word)?;
            self.separator()?;
            let day = self.digits()?.parse().ok()?;
            self.separator()?;
            return Date::known(self.digits()?, month, day);
        }
        let first = self.digits()?;
        // 20240301, before a time of the day
        if first.len() == 8 {
            // 20240301-10:00, but no number of a batch
            if self.rest.get(3..4) == Some(":") {
                self.take('-');
            }
            let (month, day) = (first[4..6].parse().ok()?, first[6..].parse().ok()?);
            return Date::known(&first[..4], month, day);
        }
        let separator = self.separator()?;
        // 1 March 2024
        if let Some(word) = self.word() {
            let month = month(word)?;
            self.separator()?;
            let day = first.parse().ok()?;
            let date = Date::known(self.digits()?, month, day);
            // As web servers log it: 01/Mar/2024:10:00:00
            self.take(':');
            return date;
        }
        let second = self.digits()?;
        // 2024-061, the day of the year
        if first.len() == 4 && second.len() == 3 {
            return Some(Date::Known(NaiveDate::from_yo_opt(year(first)?, second.parse().ok()?)?));
        }
        // 2024-03
        if first.len() == 4 && second.len() == 2 && self.at_end() {
            return Date::known(first, second.parse().ok()?, 1);
        }
        if self.separator()? != separator {
            return None;
        }
        let third = self.digits()?;
        if first.len() == 4 {
            return Date::known(first, second.parse().ok()?, third.parse().ok()?);
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

    /// Takes hours, and where they are there minutes, seconds, their fraction and a half of the day.
    fn of_day(&mut self) -> Option<i64> {
        let digits = self.digits()?;
        let two = |at: usize| digits.get(at..at + 2)?.parse::<i64>().ok();
        let (hour, minute, second) = match digits.len() {
            1 | 2 => {
                let (minute, second) = self.minutes()?;
                (digits.parse().ok()?, minute, second)
            }
            // 0930, 093000
            4 => (two(0)?, two(2)?, None),
            6 => (two(0)?, two(2)?, Some(two(4)?)),
            _ => return None,
        };
        let fraction = if second.is_some() { self.fraction()? } else { 0 };
        let second = second.unwrap_or(0);
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

    /// Takes minutes, and seconds where they are, after an hour; a whole hour may have none.
    fn minutes(&mut self) -> Option<(i64, Option<i64>)> {
        let Some(colon) = self.rest.chars().next().filter(|c| [':', '.', '-'].contains(c)) else {
            return Some((0, None));
        };
        self.take(colon);
        let minute = self.two_digits()?;
        match self.take(colon) {
            true => Some((minute, Some(self.two_digits()?))),
            // 10-11 may be from ten to eleven.
            false => (colon != '-').then_some((minute, None)),
        }
    }

    /// Takes the nanoseconds of a second that has a fraction, after a point or a comma; some loggers write
    /// milliseconds behind a colon.
    fn fraction(&mut self) -> Option<i64> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let milliseconds = self.rest.strip_prefix(':').is_some_and(|rest| digits(rest) == 3);
        if !(self.take('.') || self.take(',') || (milliseconds && self.take(':'))) {
            return Some(0);
        }
        let digits = self.digits()?;
        format!("{:0<9}", &digits[..digits.len().min(9)]).parse().ok()
    }

    /// Tells whether nothing is left, or only the name of the zone whose offset was told:
    /// `[Europe/Berlin]`.
    fn ends(&self) -> bool {
        self.at_end() || (self.rest.starts_with('[') && self.rest.ends_with(']'))
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
                return self.ends().then_some(Some((hours * 3600.0) as i32));
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
        let sound = self.ends() && hours <= 18 && minutes < 60;
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

/// A month by its name in English, German, French, Spanish or Italian, or how that begins.
fn month(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["jan", "ene", "gen"],
        &["feb", "fév", "fev"],
        &["mar", "mär", "mrz"],
        &["apr", "avr", "abr"],
        &["may", "mai", "mag"],
        &["jun", "juin", "giu"],
        &["jul", "juil", "lug"],
        &["aug", "aoû", "aou", "ago"],
        &["sep", "set"],
        &["oct", "okt", "ott"],
        &["nov"],
        &["dec", "dez", "déc", "dic"],
    ];
    let lower = word.to_lowercase();
    let at = MONTHS.iter().position(|names| names.iter().any(|it| lower.starts_with(it)))?;
    Some(at as u32 + 1)
}

fn is_weekday(word: &str) -> bool {
    let lower = word.to_lowercase();
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().any(|day| lower.starts_with(day))
}

/// A time that ends in its year, as C's `ctime` and Unix' `date` write it, with the year in another place:
/// `Fri Mar  1 10:00:00 UTC 2024`.
fn year_last(text: &str) -> Option<String> {
    text.starts_with(char::is_alphabetic).then_some(())?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let (start, zone) = match words[..] {
        [_, _, _, _, _] => (&words[..4], ""),
        [_, _, _, _, zone, _] => (&words[..4], zone),
        _ => return None,
    };
    let (year, time) = (words.last()?, start[3]);
    let sound = year.len() == 4 && time.contains(':') && is_weekday(start[0]);
    sound.then(|| format!("{} {} {year} {time} {zone}", start[2], start[1]).trim_end().into())
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
