use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use memchr::memchr;
use rayon::prelude::*;

use super::blanks;
use super::dialect::Dialect;
use super::encoding::decode;
use super::format::CsvFormat;
use super::number::{Cell, Numbers};
use super::other;
use super::part::{Kind, Part, Place, SHORT, Values};
use super::plain;
use crate::error::DataError;
use crate::read::columns::{Columns, Custom};
use crate::read::csv_found::CsvFound;
use crate::read::matrix::Matrix;
use crate::read::open::read_all;
use crate::read::table::{Cells, Column, Place as Lines, Table, unique};

/// Bytes that a thread reads at a time, which fit a core's cache.
const CHUNK: usize = 1 << 20;
/// Rows that tell whether a column holds numbers.
const SAMPLE: usize = 200;

/// Reads a CSV file, whose columns are numbers or text; of times too.
pub(crate) fn read(
    path: &Path,
    format: &CsvFormat,
    roles: &Columns,
) -> Result<Table<'static>, DataError> {
    let bytes = read_all(path)?;
    other::refuse(path, &bytes)?;
    let (mut text, encoding) = decode(path, bytes, format.encoding.as_deref())?;
    // Lines of old Macintosh files end in a carriage return alone.
    if memchr(b'\n', &text).is_none() {
        text.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
    }
    let tabs = blanks::as_tabs(&text, format);
    let blanks = tabs.is_some();
    let text = tabs.unwrap_or(text);
    let delimiter = if blanks { Some('\t') } else { format.delimiter };
    let format = &CsvFormat { delimiter, ..format.clone() };
    let dialect = Dialect::find(&text, format)?;
    let numbers = Numbers::new(format, dialect.decimal_comma);
    let before = text[..dialect.start].iter().filter(|byte| **byte == b'\n').count();
    let first_line = 1 + before as u64;
    let file = File { path, format, numbers, dialect, encoding, blanks, first_line };
    file.read(&text, roles)
}

struct File<'a> {
    path: &'a Path,
    format: &'a CsvFormat,
    numbers: Numbers,
    dialect: Dialect,
    encoding: &'static str,
    /// Flag of a table whose columns stand apart by blanks, and are read as if by tabs.
    blanks: bool,
    /// Line of the file, from 1, after the header.
    first_line: u64,
}

impl File<'_> {
    fn read(&self, text: &[u8], roles: &Columns) -> Result<Table<'static>, DataError> {
        let body = &text[self.dialect.start..];
        let (names, renamed) = unique(&self.names());
        let sample = self.part(body, &vec![Kind::Text; names.len()], Some(SAMPLE))?;
        let kind = |(name, values): (&String, &Values)| self.kind(name, values, roles);
        let kinds: Vec<Kind> = names.iter().zip(&sample.columns).map(kind).collect();
        let (found, mut columns, numbers) = self.columns(body, &kinds)?;
        // A column that holds words after all is read again, as text.
        let words = |values: &Values| matches!(values, Values::Numbers { words: Some(_), .. });
        if columns.iter().any(words) {
            let again = |values| if words(values) { Kind::Text } else { Kind::Skip };
            let kinds: Vec<Kind> = columns.iter().map(again).collect();
            let (_, texts, _) = self.columns(body, &kinds)?;
            for (column, text) in columns.iter_mut().zip(texts) {
                if let Values::Text(_) = text {
                    *column = text;
                }
            }
        }
        let column = |(name, values): (String, Values)| match values {
            Values::Numbers { at, .. } => Column::new(name, Cells::InRows(at)),
            Values::Text(texts) => {
                let words = texts.iter().enumerate().find_map(|(row, cell)| {
                    let cell = cell?;
                    let words = self.numbers.read(cell.as_bytes()) == Cell::Words;
                    words.then(|| (row, cell.to_string()))
                });
                Column { words, ..Column::new(name, Cells::Texts(texts)) }
            }
            Values::Skipped => Column::new(name, Cells::Other("nothing".into())),
        };
        let columns = names.into_iter().zip(columns).map(column).collect();
        let (rows, lines, short) = found;
        let csv = CsvFound {
            encoding: self.encoding.into(),
            delimiter: if self.blanks { ' ' } else { self.dialect.delimiter.into() },
            decimal_comma: self.dialect.decimal_comma,
            header: self.dialect.header.is_some(),
            first_line: lines.first().map_or(0, |(_, line)| *line),
            short_lines: short,
        };
        let file = Some(self.path.display().to_string());
        let place = Lines { file, lines };
        Ok(Table { columns, rows, place, renamed, csv: Some(csv), numbers })
    }

    /// Names of the columns, as they are written; `column_1` and so on where there is no header.
    fn names(&self) -> Vec<String> {
        let header = self.dialect.header.as_deref();
        let count = header.map_or(0, <[String]>::len).max(self.dialect.fields);
        let written = |at: usize| match header {
            Some(names) => names.get(at).cloned().unwrap_or_default(),
            None => format!("column_{}", at + 1),
        };
        (0..count).map(written).collect()
    }

    /// Counts the rows, finds the lines where they stand, and those that are short.
    fn check(&self, parts: &[Part], expected: usize) -> Result<Found, DataError> {
        let (mut rows, mut line) = (0, self.first_line);
        let (mut places, mut short) = (vec![], vec![]);
        for part in parts {
            if let Some((at, got)) = part.too_long {
                let place = format!("{}, line {}", self.path.display(), line + at);
                return Err(DataError::TooManyFields { place, expected, got });
            }
            places.extend(part.places.iter().map(|(row, at)| (rows + row, line + at)));
            short.extend(part.short.iter().map(|at| line + at));
            (rows, line) = (rows + part.rows, line + part.lines);
        }
        if rows == 0 {
            return Err(DataError::Empty { what: self.path.display().to_string() });
        }
        short.truncate(SHORT);
        Ok((rows, places, short))
    }

    /// Numbers, if some of the sample's cells are. Times, ids and names are read exactly, as text.
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
        let exact = [&roles.time, &roles.time_of_day, &roles.id, &roles.channel];
        let exact = exact.into_iter().flatten().any(|it| it == name)
            || (roles.label.as_deref() == Some(name) && roles.normal.is_some())
            || roles.categorical.iter().any(|it| it.column == name)
            || (roles.time.is_none() && [Custom::TIME, Custom::DATE].iter().any(|it| it.has(name)));
        match exact || words > numbers {
            true => Kind::Text,
            false => Kind::Numbers,
        }
    }

    /// Reads the file, in parts at the same time where no quoted field can hold the end of a line.
    fn columns(
        &self,
        body: &[u8],
        kinds: &[Kind],
    ) -> Result<(Found, Vec<Values>, Matrix), DataError> {
        let width = kinds.iter().filter(|kind| **kind == Kind::Numbers).count();
        let chunks = chunks(body);
        let lines = |chunk: &&[u8]| {
            memchr(b'"', chunk).is_none().then(|| plain::lines(chunk, self.comment()))
        };
        let lines: Option<Vec<usize>> = chunks.par_iter().map(lines).collect();
        let Some(lines) = lines else {
            let mut part = self.part(body, kinds, None)?;
            let found = self.check(std::slice::from_ref(&part), kinds.len())?;
            let columns = std::mem::take(&mut part.columns);
            return Ok((found, columns, Matrix { values: part.into_numbers(), width }));
        };
        let rows = lines.iter().sum();
        self.check_size(rows, kinds.len(), body.len())?;
        let mut values = vec![0.0; rows * width];
        let (mut rest, mut places) = (&mut values[..], vec![]);
        for lines in &lines {
            let (place, after) = rest.split_at_mut(lines * width);
            places.push(place);
            rest = after;
        }
        let marks = (self.dialect.delimiter, self.comment());
        let read = |(chunk, place)| plain::read(chunk, marks, (kinds, place), &self.numbers);
        let mut parts: Vec<Part> = chunks.into_par_iter().zip(places).map(read).collect();
        let found = self.check(&parts, kinds.len())?;
        let columns = (0..kinds.len()).map(|at| {
            Values::join(parts.iter_mut().map(|it| (it.rows, std::mem::take(&mut it.columns[at]))))
        });
        let columns = columns.collect();
        let rows: Vec<usize> = parts.iter().map(|part| part.rows).collect();
        drop(parts);
        // Lines of blanks or delimiters alone have left places without a row.
        let (mut from, mut to) = (0, 0);
        for (rows, lines) in rows.iter().zip(&lines) {
            if from > to {
                values.copy_within(from..from + rows * width, to);
            }
            (from, to) = (from + lines * width, to + rows * width);
        }
        values.truncate(to);
        Ok((found, columns, Matrix { values, width }))
    }

    /// Checks that a table has no more cells than a file of its size can hold, so that a few bytes
    /// do not take all memory.
    fn check_size(&self, rows: usize, columns: usize, bytes: usize) -> Result<(), DataError> {
        let most = bytes.saturating_mul(2).max(1 << 16);
        if rows.saturating_mul(columns) <= most {
            return Ok(());
        }
        let path = self.path.into();
        Err(DataError::ShortLines { path, columns, rows, bytes })
    }

    fn part(
        &self,
        text: &[u8],
        kinds: &[Kind],
        rows: Option<usize>,
    ) -> Result<Part<'static>, DataError> {
        let mut reader = ReaderBuilder::new();
        reader.delimiter(self.dialect.delimiter).has_headers(false).flexible(true);
        reader.comment(self.comment());
        let mut reader = reader.from_reader(text);
        let mut part = Part::new(kinds, Place::Grown(vec![]));
        let mut record = ByteRecord::new();
        // Errors of this reader are those of the source, which is memory.
        while rows.is_none_or(|rows| part.rows < rows)
            && reader.read_byte_record(&mut record).unwrap_or(false)
        {
            if record.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            let line = record.position().map_or(0, |position| position.line() - 1);
            let beyond =
                record.iter().skip(kinds.len()).any(|field| !field.trim_ascii().is_empty());
            if beyond {
                part.too_long.get_or_insert((line, record.len()));
            }
            for at in 0..kinds.len() {
                part.push(at, record.get(at).unwrap_or_default(), &self.numbers);
            }
            part.end_row(line, record.len() < kinds.len());
            self.check_size(part.rows, kinds.len(), text.len())?;
        }
        if rows.is_none() {
            part.lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        Ok(part)
    }

    fn comment(&self) -> Option<u8> {
        self.format.comment.and_then(|mark| u8::try_from(mark).ok())
    }
}

/// How many rows there are, where they stand, and which lines are short.
type Found = (usize, Vec<(usize, u64)>, Vec<u64>);

/// Cuts text into parts of whole lines.
fn chunks(text: &[u8]) -> Vec<&[u8]> {
    let mut cuts = vec![0];
    while text.len() - cuts[cuts.len() - 1] > CHUNK {
        let from = cuts[cuts.len() - 1] + CHUNK;
        match text[from..].iter().position(|byte| *byte == b'\n') {
            Some(end) => cuts.push(from + end + 1),
            None => break,
        }
    }
    let ends = cuts[1..].iter().copied().chain([text.len()]);
    cuts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}
