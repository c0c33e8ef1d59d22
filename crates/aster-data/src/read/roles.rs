//! Which column of a table has which role.

use std::collections::BTreeMap;

use aster_base::{SettingError, Time, require};

use crate::error::DataError;
use crate::read::columns::{Categorical, Columns, Custom, only};
use crate::read::report::{LeftOut, WhyLeftOut};
use crate::read::table::{Cells, Table, Texts};
use crate::read::times::{EpochUnit, TimeFault, Times, read_by_format, read_times};

/// Roles that the columns of a table have; columns are told by where they stand.
#[derive(Debug)]
pub(crate) struct Roles<'a> {
    /// The column of times and what it holds.
    pub(crate) time: Option<(usize, Times)>,
    /// Other columns that the times are of: the time of the day, or month, day and so on.
    pub(crate) beside_time: Vec<usize>,
    pub(crate) label: Option<usize>,
    pub(crate) id: Option<usize>,
    /// The columns of channels' names and of their values, in the long format.
    pub(crate) long: Option<(usize, usize)>,
    pub(crate) categorical: Vec<(usize, &'a Categorical)>,
    pub(crate) features: Vec<usize>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Why columns of text are no times.
    pub(crate) faults: BTreeMap<usize, TimeFault>,
}

impl<'a> Roles<'a> {
    pub(crate) fn find(table: &Table, columns: &'a Columns) -> Result<Self, DataError> {
        check(columns)?;
        let place = |name: &Option<String>| name.as_deref().map(|it| table.find(it)).transpose();
        let (id, channel, value) =
            (place(&columns.id)?, place(&columns.channel)?, place(&columns.value)?);
        let long = channel.zip(value);
        let categorical = columns.categorical.iter();
        let categorical = categorical.map(|it| Ok((table.find(&it.column)?, it)));
        let categorical: Vec<_> = categorical.collect::<Result<_, DataError>>()?;
        let ignored = columns.ignored.iter().map(|name| table.find(name));
        let ignored: Vec<usize> = ignored.collect::<Result<_, _>>()?;
        let named_label = place(&columns.label)?;
        let mut taken: Vec<usize> = ignored.clone();
        taken.extend(id.into_iter().chain(channel).chain(value).chain(named_label));
        taken.extend(categorical.iter().map(|(at, _)| *at));
        // What is named is all there is, unless the names are those of channels in rows.
        let open = columns.features.is_none() || long.is_some();
        let mut faults = BTreeMap::new();
        let (time, beside_time) = find_time(table, columns, open, &taken, &mut faults)?;
        taken.extend(time.iter().map(|(at, _)| *at).chain(beside_time.iter().copied()));
        let label = named_label.or_else(|| find_label(table, &taken).filter(|_| open));
        let mut left_out: Vec<LeftOut> =
            ignored.iter().map(|at| LeftOut::new(table, *at, WhyLeftOut::Ignored)).collect();
        let features = match &columns.features {
            Some(_) if long.is_some() => vec![],
            Some(names) => names.iter().map(|it| table.find(it)).collect::<Result<_, _>>()?,
            None => {
                let mut features = vec![];
                for at in 0..table.columns.len() {
                    if taken.contains(&at) || label == Some(at) {
                        continue;
                    }
                    match why_not(table, at).or(long.map(|_| WhyLeftOut::BesideLongFormat)) {
                        Some(why) => left_out.push(LeftOut::new(table, at, why)),
                        None => features.push(at),
                    }
                }
                features
            }
        };
        Ok(Self { time, beside_time, label, id, long, categorical, features, left_out, faults })
    }

    /// Why a column of text is no channel.
    pub(crate) fn fault(&self, table: &Table, at: usize) -> Option<DataError> {
        let Cells::Texts(texts) = &table.columns[at].cells else { return None };
        match self.faults.get(&at)? {
            // Of a column that begins with times, the cell that is none is the fault.
            TimeFault::Cell(row) if texts.iter().position(|it| it.is_some()) >= Some(*row) => None,
            fault => {
                let expected = "a date-time, as in the rows before";
                let cell = |row| texts.get(row).unwrap_or_default().into();
                Some(time_error(table, at, fault, expected, cell))
            }
        }
    }
}

/// Checks that no column has two roles, and none of two parts alone.
pub(crate) fn check(columns: &Columns) -> Result<(), SettingError> {
    let both =
        "a column of names in columns.channel and one of values in columns.value, or neither";
    let long = [&columns.channel, &columns.value];
    let whole = long.iter().filter(|it| it.is_some()).count() != 1;
    require(
        "columns.channel",
        whole,
        both,
        long[0].as_ref().or(long[1].as_ref()).unwrap_or(&String::new()),
    )?;
    if let (None, Some(normal)) = (&columns.label, &columns.normal) {
        let expected = "a column in columns.label, whose cells it is one of";
        return Err(SettingError::new("columns.normal", expected, normal));
    }
    if let (None, Some(of_day)) = (&columns.time, &columns.time_of_day) {
        let expected = "a column of dates in columns.time, for the time of day";
        return Err(SettingError::new("columns.time_of_day", expected, of_day));
    }
    let roles = [&columns.time, &columns.time_of_day, &columns.label, &columns.id];
    let named = roles.into_iter().chain(long).flatten();
    let named =
        named.chain(columns.categorical.iter().map(|it| &it.column)).chain(&columns.ignored);
    let features = columns.features.as_deref().filter(|_| columns.channel.is_none());
    let mut seen: Vec<&String> = vec![];
    for name in named.chain(features.unwrap_or_default()) {
        // The same feature twice is an error of its own, and times may be looked at as values.
        let again = seen.contains(&name) && columns.time.as_ref() != Some(name);
        let twice = features.is_some_and(|it| it.iter().filter(|it| *it == name).count() > 1);
        if again && !twice {
            return Err(SettingError::new(
                "columns",
                "one role for each column",
                format!("{name:?} twice"),
            ));
        }
        seen.push(name);
    }
    Ok(())
}

/// The column of times, and the others that they are of.
fn find_time(
    table: &Table,
    columns: &Columns,
    open: bool,
    taken: &[usize],
    faults: &mut BTreeMap<usize, TimeFault>,
) -> Result<TimeColumns, DataError> {
    if let Some(name) = &columns.time {
        let at = table.find(name)?;
        if let Some(of_day) = &columns.time_of_day {
            let of_day = table.find(of_day)?;
            let texts = joined(table, at, of_day)?;
            return Ok((Some((at, of_texts(table, at, &texts, columns)?)), vec![of_day]));
        }
        return Ok((Some((at, named_times(table, at, columns)?)), vec![]));
    }
    if columns.time_format.is_some() {
        let expected = "a column in columns.time, whose format it is";
        return Err(SettingError::new("columns.time_format", expected, "none").into());
    }
    if !open {
        return Ok((None, vec![]));
    }
    if let Some((date, of_day, times)) = split_times(table, taken) {
        return Ok((Some((date, times)), vec![of_day]));
    }
    let mut dated: Vec<(usize, Times)> = vec![];
    for (at, column) in table.columns.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
        match &column.cells {
            Cells::Times(times) => dated.push((at, times.clone())),
            Cells::Texts(texts) => match read_times(texts.iter()) {
                Ok(times) if !times.form.is_count() => dated.push((at, times)),
                Ok(_) => (),
                Err(fault) => drop(faults.insert(at, fault)),
            },
            _ => (),
        }
    }
    let named = |at: usize| Custom::TIME.has(&table.columns[at].name);
    if dated.len() > 1 {
        let by_name = only(dated.iter().map(|(at, _)| *at).filter(|at| named(*at)));
        dated.retain(|(at, _)| Some(*at) == by_name);
        return Ok((dated.pop(), vec![]));
    }
    if let Some(dated) = dated.pop() {
        return Ok((Some(dated), vec![]));
    }
    if let Some((year, others, times)) = parted_times(table, taken) {
        return Ok((Some((year, times)), others));
    }
    let numeric = |at: &usize| {
        !taken.contains(at)
            && match &table.columns[*at].cells {
                Cells::Numbers(_) | Cells::Integers(_) | Cells::InRows(_) => true,
                Cells::Texts(_) => !faults.contains_key(at),
                _ => false,
            }
    };
    let numeric = || (0..table.columns.len()).filter(numeric);
    let rising = |at: &usize| {
        let name = &table.columns[*at].name;
        (Custom::TIME.has_with_unit(name) || Custom::ELAPSED.has_with_unit(name))
            && table.numbers(*at).is_ok_and(|it| it.is_sorted_by(|a, b| a < b))
    };
    let found = match numeric().any(named) {
        true => only(numeric().filter(|at| named(*at))),
        false => only(numeric().filter(rising)),
    };
    let times = found.map(|at| Ok((at, named_times(table, at, columns)?)));
    Ok((times.transpose().map_err(|error: DataError| error)?, vec![]))
}

/// A column of times, and the others that they are of.
type TimeColumns = (Option<(usize, Times)>, Vec<usize>);

/// The times of a column that is named as such.
pub(crate) fn named_times(table: &Table, at: usize, columns: &Columns) -> Result<Times, DataError> {
    let column = &table.columns[at];
    if !matches!(column.cells, Cells::Texts(_)) && columns.time_format.is_some() {
        let expected = "none, for times that are no text";
        return Err(SettingError::new("columns.time_format", expected, "one").into());
    }
    let of_numbers = |numbers: &[f64]| {
        let cell = |row: usize| numbers.get(row).map_or(String::new(), f64::to_string);
        Times::of_numbers(numbers).map_err(|fault| time_error(table, at, &fault, IN_RANGE, cell))
    };
    match &column.cells {
        Cells::Times(times) => Ok(times.clone()),
        Cells::Texts(texts) => of_texts(table, at, texts, columns),
        Cells::Numbers(numbers) => of_numbers(numbers),
        Cells::InRows(_) => of_numbers(&table.numbers(at)?),
        Cells::Integers(numbers) => Times::of_integers(numbers).map_err(|fault| {
            let cell = |row: usize| numbers.get(row).copied().flatten().unwrap_or(0).to_string();
            time_error(table, at, &fault, IN_RANGE, cell)
        }),
        Cells::Other(dtype) => {
            Err(DataError::NotTime { column: column.name.clone(), dtype: dtype.clone() })
        }
    }
}

fn of_texts(
    table: &Table,
    at: usize,
    texts: &Texts,
    columns: &Columns,
) -> Result<Times, DataError> {
    let format = columns.time_format.as_deref();
    let times = match format {
        Some(format) => read_by_format(texts.iter(), format),
        None => read_times(texts.iter()),
    };
    let expected = format.map_or("a date-time or a number".into(), |it| format!("{it:?}"));
    let cell = |row| texts.get(row).unwrap_or_default().into();
    times.map_err(|fault| time_error(table, at, &fault, &expected, cell))
}

/// Range and form of a column of numbers that are times, as an error tells what it expected.
const IN_RANGE: &str = "a time in the form of the first, from 1678 to 2261";

fn time_error(
    table: &Table,
    at: usize,
    fault: &TimeFault,
    expected: &str,
    cell: impl Fn(usize) -> String,
) -> DataError {
    let column = table.columns[at].name.clone();
    match fault {
        TimeFault::Ambiguous => DataError::AmbiguousTime { column },
        TimeFault::Cell(row) => {
            let (place, expected) = (table.place.of(*row), expected.into());
            DataError::TimeCell { place, column, expected, cell: cell(*row) }
        }
    }
}

/// The only column without a role whose name is a custom one.
fn only_named(table: &Table, taken: &[usize], custom: Custom) -> Option<usize> {
    let named = |at: &usize| !taken.contains(at) && custom.has(&table.columns[*at].name);
    only((0..table.columns.len()).filter(named))
}

/// One column of dates and one of times of the day by their names, whose cells together are times.
fn split_times(table: &Table, taken: &[usize]) -> Option<(usize, usize, Times)> {
    let named = |custom| only_named(table, taken, custom);
    let (date, of_day) = (named(Custom::DATE)?, named(Custom::TIME_OF_DAY)?);
    let times = read_times(joined(table, date, of_day).ok()?.iter()).ok()?;
    Some((date, of_day, times))
}

/// Columns of year, month and day by their names, and of hours, minutes and seconds where they are, whose
/// cells together are times.
fn parted_times(table: &Table, taken: &[usize]) -> Option<(usize, Vec<usize>, Times)> {
    let named = |custom| only_named(table, taken, custom);
    let date = [named(Custom::YEAR)?, named(Custom::MONTH)?, named(Custom::DAY)?];
    let of_day = [Custom::HOUR, Custom::MINUTE, Custom::SECOND].map(named);
    // Minutes without hours are of something else.
    let of_day = of_day.into_iter().map_while(|at| at);
    let columns: Vec<usize> = date.into_iter().chain(of_day).collect();
    let cells = columns.iter().map(|at| table.texts(*at));
    let cells: Vec<_> = cells.collect::<Result<_, _>>().ok()?;
    let written = (0..table.rows).map(|row| {
        let parts = cells.iter().map(|texts| texts.get(row)).collect::<Option<Vec<_>>>()?;
        let of_day = parts.get(3..).filter(|parts| !parts.is_empty()).map(|it| it.join(":"));
        Some(format!("{} {}", parts[..3].join("-"), of_day.unwrap_or_default()).trim_end().into())
    });
    let written: Vec<Option<String>> = written.collect();
    let times = read_times(written.iter().map(Option::as_deref)).ok()?;
    Some((columns[0], columns[1..].to_vec(), times))
}

/// Dates with times of the day behind them. Digits alone are hours, or with minutes, or with seconds
/// too, by the longest of the column.
fn joined(table: &Table, date: usize, of_day: usize) -> Result<Texts, DataError> {
    let (dates, times) = (table.texts(date)?, table.texts(of_day)?);
    let digits = |time: &str| time.bytes().all(|byte| byte.is_ascii_digit());
    let longest = times.iter().flatten().filter(|time| digits(time)).map(str::len).max();
    let pairs = dates.iter().zip(times.iter()).map(|(date, time)| {
        date.zip(time).map(|(date, time)| match longest {
            Some(3 | 4) if digits(time) => format!("{date} {time:0>4}"),
            Some(5..) if digits(time) => format!("{date} {time:0>6}"),
            _ => format!("{date} {time}"),
        })
    });
    Ok(pairs.collect())
}

/// The column of zeros and ones whose name says label, if there is exactly one.
fn find_label(table: &Table, taken: &[usize]) -> Option<usize> {
    let is_label = |at: &usize| {
        !taken.contains(at)
            && Custom::LABEL.has(&table.columns[*at].name)
            && table
                .numbers(*at)
                .is_ok_and(|values| values.iter().all(|value| [0.0, 1.0].contains(value)))
    };
    only((0..table.columns.len()).filter(is_label))
}

/// Why a column without a role is no channel: an index counts rows, and a delimiter at the end of
/// each line makes no column.
fn why_not(table: &Table, at: usize) -> Option<WhyLeftOut> {
    const INDEX: [&str; 10] =
        ["", "index", "idx", "row", "rownum", "row_number", "no", "nr", "#", "__index_level_0__"];
    let column = &table.columns[at];
    let name = column.name.trim().to_lowercase();
    let index = INDEX.contains(&name.as_str()) || name.starts_with("unnamed: ");
    let counts = |values: &[f64]| {
        let first = values.first().copied().unwrap_or(f64::NAN);
        let whole = values.iter().enumerate().all(|(row, value)| *value == first + row as f64);
        [0.0, 1.0].contains(&first) && whole
    };
    let empty = |values: &[f64]| name.is_empty() && values.iter().all(|value| value.is_nan());
    let values = match &column.cells {
        Cells::Numbers(values) => values.as_ref(),
        Cells::InRows(_) if index || name.is_empty() => &*table.numbers(at).ok()?,
        Cells::Integers(values) if index => {
            let values: Option<Vec<f64>> = values.iter().map(|it| it.map(|it| it as f64)).collect();
            return values.filter(|values| counts(values)).map(|_| WhyLeftOut::Index);
        }
        _ => return None,
    };
    match () {
        () if index && counts(values) => Some(WhyLeftOut::Index),
        () if empty(values) => Some(WhyLeftOut::Empty),
        () => None,
    }
}

/// The unit of a column of numbers that steps on like an epoch; beside times that are known, like
/// one that is within a year of the first of them.
pub(crate) fn looks_like_epoch(
    values: impl Iterator<Item = f64>,
    known: Option<Time>,
) -> Option<EpochUnit> {
    let sample: Vec<f64> = values.take(1000).collect();
    let rises = sample.len() > 2 && sample.windows(2).all(|pair| pair[1] > pair[0]);
    // The times of this century, up to 2100.
    let unit = EpochUnit::of(*sample.first()? as i64)?;
    let seconds = sample.first()? / unit.per_second() as f64;
    let near = match known {
        None | Some(Time::Count(_)) => (946_684_800.0..4_102_444_800.0).contains(&seconds),
        Some(known) => (known.timestamp() as f64 / 1e9 - seconds).abs() < 366.0 * 86_400.0,
    };
    (rises && near).then_some(unit)
}
