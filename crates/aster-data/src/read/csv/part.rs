use super::number::{Cell, Numbers};
use crate::read::table::Texts;

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Numbers,
    Text,
    /// Not at all.
    Skip,
}

/// Rows of a part of the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Part<'m> {
    numbers: Place<'m>,
    /// Numbers of a row.
    width: usize,
    pub(crate) columns: Vec<Values>,
    pub(crate) rows: usize,
    pub(crate) lines: u64,
    /// The row and the line, from 0, of the first row and of each that does not stand in the line
    /// after the one before.
    pub(crate) places: Vec<(usize, u64)>,
    /// A row with more fields than there are columns: its line in the part, and how many.
    pub(crate) too_long: Option<(u64, usize)>,
    /// The first lines of rows with fewer fields.
    pub(crate) short: Vec<u64>,
    /// Line of the last row.
    last: u64,
}

/// Where numbers go, row by row.
#[derive(Debug, PartialEq)]
pub(crate) enum Place<'m> {
    /// A place for as many rows as there can be.
    Given(&'m mut [f64]),
    Grown(Vec<f64>),
}

/// Cells of a column.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Values {
    Numbers {
        /// Where the numbers stand in a row.
        at: usize,
        /// The first row in the part whose cell is no number, and the cell.
        words: Option<(usize, String)>,
    },
    Text(Texts),
    #[default]
    Skipped,
}

/// Short lines that are told.
pub(crate) const SHORT: usize = 5;

impl<'m> Part<'m> {
    /// Before the first row.
    pub(crate) fn new(kinds: &[Kind], numbers: Place<'m>) -> Self {
        let mut width = 0;
        let column = |kind: &Kind| match kind {
            Kind::Numbers => {
                width += 1;
                Values::Numbers { at: width - 1, words: None }
            }
            Kind::Text => Values::Text(Texts::default()),
            Kind::Skip => Values::Skipped,
        };
        let columns = kinds.iter().map(column).collect();
        let (places, short) = (vec![], vec![]);
        Self { numbers, width, columns, rows: 0, lines: 0, places, too_long: None, short, last: 0 }
    }

    /// Places for the numbers of the row that is read, and its columns.
    pub(crate) fn row(&mut self) -> (&mut [f64], &mut [Values]) {
        let (from, to) = (self.rows * self.width, (self.rows + 1) * self.width);
        let numbers = match &mut self.numbers {
            Place::Given(numbers) => &mut numbers[from..to],
            Place::Grown(numbers) => {
                numbers.resize(to, 0.0);
                &mut numbers[from..to]
            }
        };
        (numbers, &mut self.columns)
    }

    /// Takes a cell of the row that is read.
    pub(crate) fn push(&mut self, column: usize, cell: &[u8], numbers: &Numbers) {
        let row = self.rows;
        let (places, columns) = self.row();
        columns[column].push(cell, numbers, (row, places));
    }

    /// Counts the row of a line, from 0, whose cells are there.
    pub(crate) fn end_row(&mut self, line: u64, is_short: bool) {
        if self.rows == 0 || line != self.last + 1 {
            self.places.push((self.rows, line));
        }
        if is_short && self.short.len() < SHORT {
            self.short.push(line);
        }
        (self.rows, self.last) = (self.rows + 1, line);
    }

    /// Takes back the cells of a line that is no row.
    pub(crate) fn no_row(&mut self) {
        let row = self.rows;
        self.columns.iter_mut().for_each(|column| column.pop(row));
    }

    /// The numbers, where no place was given.
    pub(crate) fn into_numbers(self) -> Vec<f64> {
        match self.numbers {
            Place::Given(_) => vec![],
            Place::Grown(mut numbers) => {
                numbers.truncate(self.rows * self.width);
                numbers
            }
        }
    }
}

impl Values {
    /// Joins the parts of a column, of so many rows each.
    pub(crate) fn join(parts: impl Iterator<Item = (usize, Self)>) -> Self {
        let (mut all, mut before) = (Self::Skipped, 0);
        for (rows, part) in parts {
            match (&mut all, part) {
                (Self::Numbers { words, .. }, Self::Numbers { words: later, .. }) => {
                    let later = later.map(|(row, cell)| (before + row, cell));
                    *words = words.take().or(later);
                }
                (Self::Text(cells), Self::Text(more)) => cells.append(&more),
                // A column is read as one kind in all parts.
                (all, part) => *all = part,
            }
            before += rows;
        }
        all
    }

    /// Takes the cell of a row, whose numbers have these places.
    pub(crate) fn push(&mut self, cell: &[u8], numbers: &Numbers, (row, to): (usize, &mut [f64])) {
        match self {
            Self::Numbers { at, words } => {
                to[*at] = match numbers.read(cell) {
                    Cell::Number(value) => value,
                    Cell::Missing => f64::NAN,
                    Cell::Words => {
                        let cell = || String::from_utf8_lossy(cell).trim().into();
                        words.get_or_insert_with(|| (row, cell()));
                        f64::NAN
                    }
                };
            }
            Self::Text(cells) => {
                let missing = numbers.read(cell) == Cell::Missing;
                match std::str::from_utf8(cell) {
                    _ if missing => cells.push(None),
                    Ok(cell) => cells.push(Some(cell.trim())),
                    Err(_) => cells.push(Some(String::from_utf8_lossy(cell).trim())),
                }
            }
            Self::Skipped => (),
        }
    }

    /// Takes back the cell of the last row.
    fn pop(&mut self, row: usize) {
        match self {
            Self::Numbers { words, .. } => drop(words.take_if(|(at, _)| *at == row)),
            Self::Text(cells) => cells.pop(),
            Self::Skipped => (),
        }
    }
}
