//! Columns of a table, whatever it was read from.

use std::borrow::Cow;
#[cfg(any(feature = "csv", feature = "arrow", test))]
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::error::DataError;
use crate::read::columns::Custom;
use crate::read::csv_found::CsvFound;
use crate::read::matrix::Matrix;
use crate::read::times::{Times, read_times};

/// Table whose columns have types, but no roles yet.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    pub(crate) columns: Vec<Column<'a>>,
    pub(crate) rows: usize,
    pub(crate) place: Place,
    /// Columns that have the name of one before, with the name that they got.
    pub(crate) renamed: Vec<(String, String)>,
    pub(crate) csv: Option<CsvFound>,
    /// Values of the columns that lie row by row.
    pub(crate) numbers: Matrix,
}

/// Where rows stand, for errors.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The file, where there is one.
    pub(crate) file: Option<String>,
    /// The line of a text file, from 1, at which rows stand: of the first row, and of each row that
    /// does not stand in the line after the one before.
    pub(crate) lines: Vec<(usize, u64)>,
}

#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) name: String,
    pub(crate) cells: Cells<'a>,
    /// The first row whose cell is neither a number nor a marker of a missing one, and its cell.
    pub(crate) words: Option<(usize, String)>,
}

/// Cells of a column.
#[derive(Debug)]
// CSV holds whole numbers and times as text, and nothing else holds numbers in rows.
#[cfg_attr(not(all(feature = "csv", any(feature = "arrow", feature = "polars"))), allow(dead_code))]
pub(crate) enum Cells<'a> {
    /// NaN where missing.
    Numbers(Cow<'a, [f64]>),
    /// As these, in this column of the table's numbers.
    InRows(usize),
    /// Whole numbers, of which a double might not hold the last digits.
    Integers(Vec<Option<i64>>),
    Times(Times),
    Texts(Texts),
    /// A type that is none of these, by its name.
    Other(String),
}

#[cfg(any(feature = "arrow", feature = "polars"))]
impl Cells<'_> {
    /// Times of a type with values that are no times here.
    pub(crate) fn beyond_nanoseconds(kind: impl std::fmt::Display) -> Self {
        Self::Other(format!("{kind} with values beyond what nanoseconds count"))
    }
}

/// Cells of text in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Texts {
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    missing: Vec<bool>,
}

impl Place {
    /// As `plant.csv, line 7`, or `row 5`.
    pub(crate) fn of(&self, row: usize) -> String {
        let at = match self.lines.partition_point(|(first, _)| *first <= row) {
            0 => format!("row {row}"),
            after => {
                let (first, line) = self.lines[after - 1];
                format!("line {}", line + (row - first) as u64)
            }
        };
        match &self.file {
            Some(file) => format!("{file}, {at}"),
            None => at,
        }
    }
}

impl<'a> Column<'a> {
    pub(crate) fn new(name: impl Into<String>, cells: Cells<'a>) -> Self {
        Self { name: name.into(), cells, words: None }
    }

    fn numbers<'t>(&'t self, table: &'t Table) -> Result<Cow<'t, [f64]>, DataError> {
        let place = &table.place;
        match &self.cells {
            Cells::Numbers(numbers) => Ok(Cow::Borrowed(numbers)),
            Cells::InRows(at) => Ok(table.numbers.column(*at).collect()),
            Cells::Integers(numbers) => Ok(doubles(numbers).collect()),
            Cells::Texts(texts) => {
                let mut numbers = Vec::with_capacity(texts.len());
                for (row, cell) in texts.iter().enumerate() {
                    numbers.push(match cell {
                        None => f64::NAN,
                        Some(cell) => fast_float2::parse(cell)
                            .map_err(|_| self.no_number(place, (row, cell)))?,
                    });
                }
                Ok(numbers.into())
            }
            Cells::Times(_) => {
                Err(DataError::NonNumeric { column: self.name.clone(), dtype: "date-times".into() })
            }
            Cells::Other(dtype) => {
                Err(DataError::NonNumeric { column: self.name.clone(), dtype: dtype.clone() })
            }
        }
    }

    fn no_number(&self, place: &Place, first: (usize, &str)) -> DataError {
        let (row, cell) = self.words.as_ref().map_or(first, |(row, cell)| (*row, cell.as_str()));
        let digits = cell.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
        let names_time = [Custom::TIME, Custom::DATE, Custom::TIME_OF_DAY, Custom::ELAPSED];
        let names_time = names_time.iter().any(|it| it.has_with_unit(&self.name));
        let of_day = cell.contains(':')
            && cell.bytes().all(|it| it.is_ascii_digit() || b":., ".contains(&it));
        let hint = match () {
            () if read_times([Some(cell)].into_iter()).is_ok_and(|it| !it.form.is_count()) => {
                "it is a time: Columns::time names the one column of times, Columns::ignored the others"
            }
            () if digits && of_day => {
                "a time of the day belongs to a column of dates: Columns::time_of_day and Columns::time \
                 name them, Columns::ignored leaves it out"
            }
            () if names_time => {
                "Columns::time and Columns::time_format say that it is a time, and how it is written"
            }
            () if digits => "CsvFormat::units cuts a unit behind it",
            () => "add it to CsvFormat::missing if it stands for a missing value",
        };
        DataError::Cell { place: place.of(row), column: self.name.clone(), cell: cell.into(), hint }
    }

    fn texts<'t>(&'t self, table: &'t Table) -> Result<Cow<'t, Texts>, DataError> {
        let number = |number: f64| number.is_finite().then(|| number.to_string());
        Ok(match &self.cells {
            Cells::Texts(texts) => Cow::Borrowed(texts),
            Cells::Numbers(numbers) => Cow::Owned(numbers.iter().map(|it| number(*it)).collect()),
            Cells::InRows(at) => Cow::Owned(table.numbers.column(*at).map(number).collect()),
            Cells::Integers(numbers) => {
                Cow::Owned(numbers.iter().map(|it| it.map(|it| it.to_string())).collect())
            }
            Cells::Times(_) => {
                let (column, dtype) = (self.name.clone(), "date-times".into());
                return Err(DataError::NotText { column, dtype });
            }
            Cells::Other(dtype) => {
                return Err(DataError::NotText { column: self.name.clone(), dtype: dtype.clone() });
            }
        })
    }
}

#[cfg(feature = "arrow")]
impl Cells<'_> {
    /// Cells of a source that does not live on.
    pub(crate) fn into_owned(self) -> Cells<'static> {
        match self {
            Self::Numbers(numbers) => Cells::Numbers(numbers.into_owned().into()),
            Self::InRows(at) => Cells::InRows(at),
            Self::Integers(numbers) => Cells::Integers(numbers),
            Self::Times(times) => Cells::Times(times),
            Self::Texts(texts) => Cells::Texts(texts),
            Self::Other(kind) => Cells::Other(kind),
        }
    }

    /// How many there are, where that is known.
    #[cfg(feature = "parquet")]
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::Numbers(numbers) => Some(numbers.len()),
            Self::Integers(numbers) => Some(numbers.len()),
            Self::Times(times) => Some(times.values.len()),
            Self::Texts(texts) => Some(texts.len()),
            Self::InRows(_) => None,
            Self::Other(_) => None,
        }
    }
}

impl Table<'_> {
    /// Values of a column, NaN where missing.
    pub(crate) fn numbers(&self, at: usize) -> Result<Cow<'_, [f64]>, DataError> {
        self.columns[at].numbers(self)
    }

    /// Values of several columns.
    pub(crate) fn all_numbers(&self, wanted: &[usize]) -> Vec<Result<Cow<'_, [f64]>, DataError>> {
        let place = |at: &usize| match self.columns[*at].cells {
            Cells::InRows(place) => Some(place),
            _ => None,
        };
        let places: Vec<usize> = wanted.iter().filter_map(place).collect();
        let mut in_rows = self.numbers.columns(&places).into_iter();
        let others = wanted.par_iter().map(|at| match place(at) {
            Some(_) => None,
            None => Some(self.numbers(*at)),
        });
        let others: Vec<Option<_>> = others.collect();
        let next = |known: Option<_>| {
            known.unwrap_or_else(|| Ok(in_rows.next().unwrap_or_default().into()))
        };
        others.into_iter().map(next).collect()
    }

    /// Cells of a column as text: ids, names, categories.
    pub(crate) fn texts(&self, at: usize) -> Result<Cow<'_, Texts>, DataError> {
        self.columns[at].texts(self)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Where a column stands; the error lists the columns there are.
    pub(crate) fn find(&self, name: &str) -> Result<usize, DataError> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| DataError::UnknownColumn {
            column: name.into(),
            available: self.names(),
        })
    }
}

/// Whole numbers as doubles, NaN where missing.
pub(crate) fn doubles(numbers: &[Option<i64>]) -> impl Iterator<Item = f64> + '_ {
    numbers.iter().map(|number| number.map_or(f64::NAN, |number| number as f64))
}

/// Unique names for columns: a second `a` is `a_2`; and which were changed.
#[cfg(any(feature = "csv", feature = "arrow", test))]
pub(crate) fn unique(written: &[String]) -> (Vec<String>, Vec<(String, String)>) {
    let mut used: HashSet<String> = HashSet::new();
    let taken: HashSet<&String> = written.iter().collect();
    // The number that the next column of a name gets, so that many of one name take no longer.
    let mut next: HashMap<&String, usize> = HashMap::new();
    let (mut names, mut renamed) = (vec![], vec![]);
    for name in written {
        let mut new = name.clone();
        while used.contains(&new) || (new != *name && taken.contains(&new)) {
            let number = next.entry(name).or_insert(2);
            new = format!("{name}_{number}");
            *number += 1;
        }
        if new != *name {
            renamed.push((name.clone(), new.clone()));
        }
        used.insert(new.clone());
        names.push(new);
    }
    (names, renamed)
}

impl Texts {
    pub(crate) fn push(&mut self, cell: Option<&str>) {
        self.text.push_str(cell.unwrap_or_default());
        self.ends.push(self.text.len());
        self.missing.push(cell.is_none());
    }

    #[cfg(any(feature = "csv", test))]
    pub(crate) fn pop(&mut self) {
        self.ends.pop();
        self.missing.pop();
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        (!self.missing[row]).then(|| &self.text[start..end])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&str>> + Clone {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Puts the cells of another one behind its own.
    #[cfg(any(feature = "csv", feature = "parquet", test))]
    pub(crate) fn append(&mut self, more: &Self) {
        let before = self.text.len();
        self.text.push_str(&more.text);
        self.ends.extend(more.ends.iter().map(|end| before + end));
        self.missing.extend(&more.missing);
    }
}

impl<T: AsRef<str>> FromIterator<Option<T>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(cells: I) -> Self {
        let mut texts = Self::default();
        cells.into_iter().for_each(|cell| texts.push(cell.as_ref().map(AsRef::as_ref)));
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_cells_and_gaps() {
        let mut texts: Texts = [Some("a"), None, Some(""), Some("über")].into_iter().collect();
        texts.append(&[Some("b")].into_iter().collect());
        let cells: Vec<_> = texts.iter().collect();
        assert_eq!(cells, [Some("a"), None, Some(""), Some("über"), Some("b")]);
        texts.pop();
        texts.push(None);
        assert_eq!((texts.len(), texts.get(3), texts.get(4)), (5, Some("über"), None));
    }

    #[test]
    fn second_columns_of_a_name_are_numbered() {
        let written = ["a", "b", "a", "a_2", "a"].map(String::from);
        let (names, renamed) = unique(&written);
        assert_eq!(names, ["a", "b", "a_3", "a_2", "a_4"]);
        assert_eq!(renamed, [("a".into(), "a_3".into()), ("a".into(), "a_4".into())]);
    }

    #[test]
    fn places_are_lines_of_files_or_rows() {
        let lines = vec![(0, 3), (5, 10)];
        let place = Place { file: Some("a.csv".into()), lines };
        assert_eq!((place.of(1), place.of(6)), ("a.csv, line 4".into(), "a.csv, line 11".into()));
        assert_eq!(Place::default().of(6), "row 6");
    }
}
