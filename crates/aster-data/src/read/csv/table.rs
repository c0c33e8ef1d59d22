use std::collections::BTreeMap;
use std::io::Read;
use std::iter::once;
use std::path::Path;

use aster_base::SettingError;
use csv::{ByteRecord, ReaderBuilder};
use polars::prelude::*;
use rayon::prelude::*;

use super::dialect::Dialect;
use super::encoding::decode;
use super::format::CsvFormat;
use super::number::{Cell, Numbers};
use super::part::{Kind, Part, Values};
use super::plain;
use crate::error::DataError;
use crate::read::columns::{Columns, Custom, only};
use crate::read::open::open;
use crate::read::time::{TimeFault, read_times};

/// A table whose columns have types, and why some of them are text.
pub(crate) struct Table {
    pub(crate) frame: DataFrame,
    /// The first cell that is neither a number nor a marker of a missing one, and date-times that
    /// can be read in two ways, by column.
    pub(crate) faults: BTreeMap<String, DataError>,
}

/// Bytes that a thread reads at a time.
const CHUNK: usize = 1 << 22;
/// Rows that tell whether a column holds numbers.
const SAMPLE: usize = 200;

/// Reads a CSV file. Columns of numbers are `Float64`, with NaN where a value is missing; columns
/// of date-times are `Datetime` in nanoseconds, unless the roles name them; all others are text.
pub(crate) fn read(path: &Path, format: &CsvFormat, roles: &Columns) -> Result<Table, DataError> {
    let mut bytes = vec![];
    let io = |source| DataError::Io { path: path.into(), source };
    open(path)?.read_to_end(&mut bytes).map_err(io)?;
    let text = decode(path, bytes, format.encoding.as_deref())?;
    let dialect = Dialect::find(&text, format)?;
    let file = File { path, format, numbers: Numbers::new(format, dialect.decimal_comma), dialect };
    file.read(&text, roles)
}

/// The columns of dates and of times of the day, where they are two.
fn split_times(names: &[String], roles: &Columns) -> Result<Option<(usize, usize)>, DataError> {
    let find = |wanted: &str| {
        let found = names.iter().position(|name| name == wanted);
        found.ok_or_else(|| DataError::UnknownColumn {
            column: wanted.into(),
            available: names.to_vec(),
        })
    };
    match (&roles.time, &roles.time_of_day) {
        (Some(date), Some(of_day)) => Ok(Some((find(date)?, find(of_day)?))),
        (None, Some(of_day)) => {
            let expected = "a column of dates in Columns::time, for the time of day";
            Err(SettingError::new("columns.time_of_day", expected, of_day).into())
        }
        (None, None) if roles.features.is_none() => {
            let named =
                |custom: Custom| only((0..names.len()).filter(|at| custom.has(&names[*at])));
            let (date, of_day) = (named(Custom::DATE), named(Custom::TIME_OF_DAY));
            Ok(date.zip(of_day))
        }
        _ => Ok(None),
    }
}

struct File<'a> {
    path: &'a Path,
    format: &'a CsvFormat,
    numbers: Numbers,
    dialect: Dialect,
}

impl File<'_> {
    fn read(&self, text: &[u8], roles: &Columns) -> Result<Table, DataError> {
        let body = &text[self.dialect.start..];
        let first_line =
            1 + text[..self.dialect.start].iter().filter(|it| **it == b'\n').count() as u64;
        let names = self.names();
        let sample = self.part(body, &vec![Kind::Text; names.len()], Some(SAMPLE));
        let kind = |(name, values): (&String, &Values)| self.kind(name, values, roles);
        let mut kinds: Vec<Kind> = names.iter().zip(&sample.columns).map(kind).collect();
        // What only its name makes two columns of one time has to make one.
        let named = roles.time_of_day.is_some();
        let split = split_times(&names, roles)?
            .filter(|(date, of_day)| named || sample.makes_times(*date, *of_day));
        if let Some((date, of_day)) = split {
            (kinds[date], kinds[of_day]) = (Kind::Text, Kind::Text);
        }
        let mut parts = self.parts(body, &kinds);
        // A column that holds words after all is read again, as text.
        let mut faults = BTreeMap::new();
        let mut again = false;
        for (column, kind) in kinds.iter_mut().enumerate() {
            let mut line = first_line;
            for part in &parts {
                if let Values::Numbers { words: Some((at, cell)), .. } = &part.columns[column] {
                    faults
                        .insert(names[column].clone(), self.fault(line + at, &names[column], cell));
                    (*kind, again) = (Kind::Text, true);
                    break;
                }
                line += part.lines;
            }
        }
        if again {
            parts = self.parts(body, &kinds);
        }
        let mut line = first_line;
        for part in &parts {
            if let Some((at, got)) = part.too_long {
                let (place, expected) = (place(self.path, line + at), names.len());
                return Err(DataError::TooManyFields { place, expected, got });
            }
            line += part.lines;
        }
        if parts.iter().map(|part| part.rows).sum::<usize>() == 0 {
            return Err(DataError::Empty { what: self.path.display().to_string() });
        }
        if let Some((date, of_day)) = split {
            parts.iter_mut().for_each(|part| part.join_times(date, of_day));
        }
        let of_parts = |at: usize| -> Vec<Values> {
            parts.iter_mut().map(|part| std::mem::take(&mut part.columns[at])).collect()
        };
        let by_column: Vec<Vec<Values>> = (0..names.len()).map(of_parts).collect();
        let mut joined: Vec<Values> = by_column.into_par_iter().map(Values::join).collect();
        let mut columns = vec![];
        for (at, name) in names.iter().enumerate() {
            if split.is_some_and(|(_, of_day)| of_day == at) {
                continue;
            }
            let values = std::mem::take(&mut joined[at]);
            match self.column(name, values, (body, first_line), roles, &mut faults) {
                Some(column) => columns.push(column),
                // A delimiter at the end of each line makes no column.
                None => continue,
            }
        }
        Ok(Table { frame: DataFrame::new_infer_height(columns)?, faults })
    }

    /// Names of the columns: those of the header, unique; `column_1` and so on where there is none.
    fn names(&self) -> Vec<String> {
        let header = self.dialect.header.as_deref();
        let count = header.map_or(0, <[String]>::len).max(self.dialect.fields);
        let written = |at: usize| match header {
            Some(names) => names.get(at).cloned().unwrap_or_default(),
            None => format!("column_{}", at + 1),
        };
        let written: Vec<String> = (0..count).map(written).collect();
        let mut names: Vec<String> = vec![];
        for name in &written {
            let numbered = (2..).map(|number| format!("{name}_{number}"));
            let free = |it: &String| !names.contains(it) && (it == name || !written.contains(it));
            names.extend(once(name.clone()).chain(numbered).find(free));
        }
        names
    }

    /// Numbers, if some of the sample's cells are. What the roles name as time is read exactly,
    /// as text.
    fn kind(&self, name: &str, sample: &Values, roles: &Columns) -> Kind {
        let Values::Text(cells) = sample else { return Kind::Numbers };
        let cells = cells.iter().flatten().map(|cell| self.numbers.read(cell.as_bytes()));
        let (mut numbers, mut words) = (0, 0);
        for cell in cells {
            match cell {
                Cell::Number(_) => numbers += 1,
                Cell::Words => words += 1,
                Cell::Missing => (),
            }
        }
        match roles.time.as_deref() == Some(name) || Custom::TIME.has(name) || words > numbers {
            true => Kind::Text,
            false => Kind::Numbers,
        }
    }

    /// Reads the file in parts at the same time, where no quoted field can hold the end of a line.
    fn parts(&self, body: &[u8], kinds: &[Kind]) -> Vec<Part> {
        if body.contains(&b'"') {
            return vec![self.part(body, kinds, None)];
        }
        let mut cuts = vec![0];
        while body.len() - cuts[cuts.len() - 1] > CHUNK {
            let from = cuts[cuts.len() - 1] + CHUNK;
            match body[from..].iter().position(|byte| *byte == b'\n') {
                Some(end) => cuts.push(from + end + 1),
                None => break,
            }
        }
        let ends = cuts[1..].iter().copied().chain([body.len()]);
        let chunks: Vec<&[u8]> =
            cuts.iter().zip(ends).map(|(start, end)| &body[*start..end]).collect();
        let marks = (self.dialect.delimiter, self.comment());
        let read = |chunk: &[u8]| plain::read(chunk, marks, kinds, &self.numbers);
        chunks.into_par_iter().map(read).collect()
    }

    fn part(&self, text: &[u8], kinds: &[Kind], rows: Option<usize>) -> Part {
        let mut reader = ReaderBuilder::new();
        reader.delimiter(self.dialect.delimiter).has_headers(false).flexible(true);
        reader.comment(self.comment());
        let mut reader = reader.from_reader(text);
        let mut part = Part::new(kinds, if rows.is_some() { 0 } else { text.len() });
        let mut record = ByteRecord::new();
        // Errors of this reader are those of the source, which is memory.
        while rows.is_none_or(|rows| part.rows < rows)
            && reader.read_byte_record(&mut record).unwrap_or(false)
        {
            if record.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            part.last = record.position().map_or(0, |position| position.line() - 1);
            let beyond =
                record.iter().skip(kinds.len()).any(|field| !field.trim_ascii().is_empty());
            if beyond {
                part.too_long.get_or_insert((part.last, record.len()));
            }
            for (at, column) in part.columns.iter_mut().enumerate() {
                column.push(record.get(at).unwrap_or_default(), part.last, &self.numbers);
            }
            part.rows += 1;
        }
        if rows.is_none() {
            part.lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        part
    }

    fn comment(&self) -> Option<u8> {
        self.format.comment.and_then(|mark| u8::try_from(mark).ok())
    }

    /// Makes a column of its cells; none for one that has neither name nor value.
    fn column(
        &self,
        name: &str,
        values: Values,
        (body, first_line): (&[u8], u64),
        roles: &Columns,
        faults: &mut BTreeMap<String, DataError>,
    ) -> Option<Column> {
        let name_of = PlSmallStr::from(name);
        let text = match values {
            Values::Numbers { values, .. } => {
                let empty = name.is_empty() && values.iter().all(|value| value.is_nan());
                return (!empty).then(|| Column::new(name_of, values));
            }
            Values::Text(text) => text,
        };
        if roles.time.as_deref() != Some(name) {
            match read_times(text.iter().map(Option::as_deref)) {
                Ok(times) => {
                    let nanoseconds = DataType::Datetime(TimeUnit::Nanoseconds, None);
                    let values = Column::new(name_of.clone(), times.values);
                    let dated = times.dated.then(|| values.cast(&nanoseconds).ok()).flatten();
                    faults.remove(name);
                    return Some(dated.unwrap_or(values));
                }
                Err(TimeFault::Ambiguous) => {
                    faults.insert(name.into(), DataError::AmbiguousTime { column: name.into() });
                }
                Err(TimeFault::Cell(row)) => {
                    let first = text.iter().position(Option::is_some).unwrap_or(0);
                    let cell = |row: usize| text.get(row).and_then(Option::as_deref).unwrap_or("");
                    let line = first_line + self.line_of(body, row);
                    // Of a column that begins with times, the cell that is none is the fault.
                    let fault = match row == first {
                        true => self.fault(line, name, cell(first)),
                        false => DataError::TimeCell {
                            place: place(self.path, line),
                            column: name.into(),
                            expected: "a date-time, as in the rows before".into(),
                            cell: cell(row).into(),
                        },
                    };
                    faults.entry(name.into()).or_insert(fault);
                }
            }
        }
        Some(Column::new(name_of, text))
    }

    /// Lines of the body before a row.
    fn line_of(&self, body: &[u8], row: usize) -> u64 {
        self.part(body, &[], Some(row + 1)).last
    }

    fn fault(&self, line: u64, column: &str, cell: &str) -> DataError {
        let digits = cell.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
        let hint = match digits {
            true => "CsvFormat::units cuts a unit behind it",
            false => "add it to CsvFormat::missing if it stands for a missing value",
        };
        DataError::Cell {
            place: place(self.path, line),
            column: column.into(),
            cell: cell.into(),
            hint,
        }
    }
}

fn place(path: &Path, line: u64) -> String {
    format!("{}, line {line}", path.display())
}
