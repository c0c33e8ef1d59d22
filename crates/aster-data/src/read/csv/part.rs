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

/// Columns of a part of the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
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

/// Cells of a column.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Values {
    Numbers {
        values: Vec<f64>,
        /// The first row in the part whose cell is no number, and the cell.
        words: Option<(usize, String)>,
    },
    Text(Texts),
    #[default]
    Skipped,
}

impl Part {
    /// Before the first row of so many bytes.
    pub(crate) fn new(kinds: &[Kind], bytes: usize) -> Self {
        // Cells are longer than this, mostly.
        let expected = bytes / (8 * kinds.len()).max(1);
        let column = |kind: &Kind| match kind {
            Kind::Numbers => Values::Numbers { values: Vec::with_capacity(expected), words: None },
            Kind::Text => Values::Text(Texts::default()),
            Kind::Skip => Values::Skipped,
        };
        let columns = kinds.iter().map(column).collect();
        let (places, short) = (vec![], vec![]);
        Self { columns, rows: 0, lines: 0, places, too_long: None, short, last: 0 }
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
}

/// Short lines that are told.
pub(crate) const SHORT: usize = 5;

impl Values {
    /// Joins a column's parts, which are all of one kind.
    pub(crate) fn join(parts: Vec<Self>) -> Self {
        let rows: usize = parts.iter().map(Self::len).sum();
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { return Self::default() };
        let mut before = all.len();
        if let Self::Numbers { values, .. } = &mut all {
            values.reserve_exact(rows - values.len());
        }
        for part in parts {
            let more = part.len();
            match (&mut all, part) {
                (Self::Numbers { values, words }, Self::Numbers { values: more, words: later }) => {
                    values.extend(more);
                    let later = later.map(|(row, cell)| (before + row, cell));
                    *words = words.take().or(later);
                }
                (Self::Text(cells), Self::Text(more)) => cells.append(&more),
                // A column is read as one kind in all parts.
                _ => (),
            }
            before += more;
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Text(cells) => cells.len(),
            Self::Skipped => 0,
        }
    }

    pub(crate) fn push(&mut self, cell: &[u8], numbers: &Numbers) {
        match self {
            Self::Numbers { values, words } => values.push(match numbers.read(cell) {
                Cell::Number(value) => value,
                Cell::Missing => f64::NAN,
                Cell::Words => {
                    let row = values.len();
                    words.get_or_insert_with(|| (row, String::from_utf8_lossy(cell).trim().into()));
                    f64::NAN
                }
            }),
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

    /// Takes back the last cell.
    pub(crate) fn pop(&mut self) {
        match self {
            Self::Numbers { values, words } => {
                values.pop();
                let row = values.len();
                words.take_if(|(at, _)| *at == row);
            }
            Self::Text(cells) => cells.pop(),
            Self::Skipped => (),
        }
    }
}
