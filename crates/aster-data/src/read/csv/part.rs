use super::number::{Cell, Numbers};
use crate::read::time::{TimeFault, read_times};

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Numbers,
    Text,
}

/// Columns of a part of the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) columns: Vec<Values>,
    pub(crate) rows: usize,
    pub(crate) lines: u64,
    /// Lines before the last row.
    pub(crate) last: u64,
    /// A row with more fields than there are columns: its line in the part, and how many.
    pub(crate) too_long: Option<(u64, usize)>,
}

/// Cells of a column.
#[derive(Debug, PartialEq)]
pub(crate) enum Values {
    Numbers {
        values: Vec<f64>,
        /// Line in the part, and the first cell that is no number.
        words: Option<(u64, String)>,
    },
    Text(Vec<Option<String>>),
}

impl Part {
    /// Before the first row of so many bytes.
    pub(crate) fn new(kinds: &[Kind], bytes: usize) -> Self {
        // Cells are longer than this, mostly.
        let expected = bytes / (8 * kinds.len()).max(1);
        let column = |kind: &Kind| match kind {
            Kind::Numbers => Values::Numbers { values: Vec::with_capacity(expected), words: None },
            Kind::Text => Values::Text(vec![]),
        };
        let columns = kinds.iter().map(column).collect();
        Self { columns, rows: 0, lines: 0, last: 0, too_long: None }
    }

    /// Whether the first cells of two columns make a time together.
    pub(crate) fn makes_times(&self, date: usize, of_day: usize) -> bool {
        let first = |column: usize| match &self.columns[column] {
            Values::Text(cells) => cells.first()?.as_deref(),
            Values::Numbers { .. } => None,
        };
        let joined = first(date).zip(first(of_day)).map(|(date, time)| joined(date, time));
        joined.is_some_and(|time| {
            let read = read_times([Some(time.as_str())].into_iter());
            !matches!(read, Err(TimeFault::Cell(_)))
        })
    }

    /// Puts times of the day behind dates.
    pub(crate) fn join_times(&mut self, date: usize, of_day: usize) {
        let times = std::mem::take(&mut self.columns[of_day]);
        let (Values::Text(dates), Values::Text(times)) = (&mut self.columns[date], times) else {
            return;
        };
        for (date, time) in dates.iter_mut().zip(times) {
            *date = date.take().zip(time).map(|(date, time)| joined(&date, &time));
        }
    }
}

/// A date and a time of the day; hours without minutes get them.
fn joined(date: &str, time: &str) -> String {
    match time.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{date} {time}:00"),
        false => format!("{date} {time}"),
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::Text(vec![])
    }
}

impl Values {
    /// Joins a column's parts, which are all of one kind.
    pub(crate) fn join(parts: Vec<Self>) -> Self {
        let rows: usize = parts.iter().map(Self::len).sum();
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { return Self::default() };
        match &mut all {
            Self::Numbers { values, .. } => values.reserve_exact(rows - values.len()),
            Self::Text(cells) => cells.reserve_exact(rows - cells.len()),
        }
        for part in parts {
            match (&mut all, part) {
                (Self::Numbers { values, .. }, Self::Numbers { values: more, .. }) => {
                    values.extend(more);
                }
                (Self::Text(cells), Self::Text(more)) => cells.extend(more),
                // A column is read as one kind in all parts.
                _ => (),
            }
        }
        all
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers { values, .. } => values.len(),
            Self::Text(cells) => cells.len(),
        }
    }

    pub(crate) fn push(&mut self, cell: &[u8], line: u64, numbers: &Numbers) {
        match self {
            Self::Numbers { values, words } => values.push(match numbers.read(cell) {
                Cell::Number(value) => value,
                Cell::Missing => f64::NAN,
                Cell::Words => {
                    words.get_or_insert_with(|| (line, String::from_utf8_lossy(cell).into()));
                    f64::NAN
                }
            }),
            Self::Text(cells) => {
                let missing = numbers.read(cell) == Cell::Missing;
                cells.push((!missing).then(|| String::from_utf8_lossy(cell).trim().into()));
            }
        }
    }

    /// Takes back the last cell.
    pub(crate) fn pop(&mut self) {
        match self {
            Self::Numbers { values, .. } => drop(values.pop()),
            Self::Text(cells) => drop(cells.pop()),
        }
    }
}
