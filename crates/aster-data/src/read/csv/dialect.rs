use aster_base::SettingError;
use memchr::memchr_iter;

use super::format::CsvFormat;
use super::number::{Cell, Numbers};
use crate::error::DataError;

/// Bytes of the file that its dialect is found from.
const SAMPLE: usize = 1 << 16;
/// Lines of them.
const LINES: usize = 200;

/// How a file is written, found from its first lines where the format does not say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) decimal_comma: bool,
    /// Names of the columns, where a line holds them.
    pub(crate) header: Option<Vec<String>>,
    /// Fields of most lines.
    pub(crate) fields: usize,
    /// Where the first row of data begins.
    pub(crate) start: usize,
}

/// A line of the sample: where it begins and ends, the line's end not included.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    next: usize,
}

impl Dialect {
    /// Finds the dialect of UTF-8 text.
    pub(crate) fn find(text: &[u8], format: &CsvFormat) -> Result<Self, DataError> {
        let lines = sample(text, format);
        let marked = lines.first().and_then(|line| line.text.strip_prefix("sep="));
        let marked = marked.and_then(|rest| rest.trim().chars().next().or(Some('\t')));
        let lines = if marked.is_some() { &lines[1..] } else { &lines[..] };
        let chosen = format.delimiter.or(marked);
        let delimiter = match chosen {
            Some(delimiter) => u8::try_from(delimiter).map_err(|_| {
                SettingError::new("csv.delimiter", "a single-byte character", delimiter)
            })?,
            None => delimiter_of(lines),
        };
        let counts: Vec<usize> = lines.iter().map(|it| fields(it.text, delimiter).len()).collect();
        let most = most_common(&counts);
        let first = match format.skip_lines {
            Some(_) => 0,
            None => {
                let last = lines.iter().rev().take(lines.len() / 2);
                let trailing = last.clone().next().is_some()
                    && last.clone().all(|it| it.text.trim_end().ends_with(char::from(delimiter)));
                let begins = |line: &usize| begins(&counts, *line, most, trailing);
                (0..lines.len()).find(begins).unwrap_or(0)
            }
        };
        let lines = &lines[first.min(lines.len())..];
        let cells = |line: usize| lines.get(line).map(|it| fields(it.text, delimiter));
        let body: Vec<Vec<String>> = (0..lines.len()).filter_map(cells).collect();
        let decimal_comma = format.decimal_comma.unwrap_or_else(|| commas(&body, delimiter));
        let numbers = Numbers::new(format, decimal_comma);
        let header = format.header.unwrap_or_else(|| names_columns(&body, &numbers));
        let mut skipped = usize::from(header);
        let units_row = |body: &[Vec<String>]| header && tells_units(body, &numbers);
        skipped += usize::from(format.units_row.unwrap_or_else(|| units_row(&body)));
        let before = lines.first().map_or(0, |line| line.start(text));
        Ok(Self {
            delimiter,
            decimal_comma,
            header: header.then(|| body.first().cloned().unwrap_or_default()),
            fields: most,
            start: match skipped {
                0 => before,
                _ => lines.get(skipped - 1).map_or(text.len(), |line| line.next),
            },
        })
    }
}

impl Line<'_> {
    fn start(&self, text: &[u8]) -> usize {
        self.text.as_ptr() as usize - text.as_ptr() as usize
    }
}

/// The first lines that are neither blank, skipped nor comments.
pub(super) fn sample<'a>(text: &'a [u8], format: &CsvFormat) -> Vec<Line<'a>> {
    let mut lines = vec![];
    let (mut at, mut number) = (0, 0);
    while at < text.len() && lines.len() < LINES && (at < SAMPLE || lines.len() < 3) {
        let end = end_of(text, at);
        let next = (end + 1).min(text.len());
        let line = std::str::from_utf8(&text[at..end]).unwrap_or_default().trim_end_matches('\r');
        let skipped = number < format.skip_lines.unwrap_or(0);
        let comment = format.comment.is_some_and(|mark| line.starts_with(mark));
        if !skipped && !comment && !line.trim().is_empty() {
            lines.push(Line { text: line, next });
        }
        (at, number) = (next, number + 1);
    }
    lines
}

/// Where a line ends: a quote may hold the ends of some, `"pressure\n[bar]"`, if it is closed before long.
fn end_of(text: &[u8], from: usize) -> usize {
    const QUOTED: usize = 4;
    let ends = memchr_iter(b'\n', &text[from..]).chain([text.len() - from]).take(QUOTED);
    let mut ends = ends.map(|end| from + end);
    let first = ends.clone().next().unwrap_or(text.len());
    let quotes = |end: usize| text[from..end].iter().filter(|byte| **byte == b'"').count();
    ends.find(|end| quotes(*end).is_multiple_of(2)).unwrap_or(first)
}

/// Cuts a line into fields, without their quotes.
fn fields(line: &str, delimiter: u8) -> Vec<String> {
    let (mut all, mut field, mut quoted) = (vec![], String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            c if !quoted && c == char::from(delimiter) => all.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    all.push(field);
    let line = |field: String| field.split_whitespace().collect::<Vec<_>>().join(" ");
    all.into_iter().map(|it| if it.contains('\n') { line(it) } else { it.trim().into() }).collect()
}

/// The delimiter that cuts most lines into the same number of fields; a comma may as well be a
/// decimal's, so it comes last.
fn delimiter_of(lines: &[Line]) -> u8 {
    let quality = |delimiter: u8| {
        let counts: Vec<usize> = lines.iter().map(|it| fields(it.text, delimiter).len()).collect();
        let most = most_common(&counts);
        let alike = counts.iter().filter(|count| count.abs_diff(most) <= 1).count();
        if most < 2 { 0.0 } else { alike as f64 / counts.len() as f64 }
    };
    let rated = [b';', b'\t', b'|', b','].map(|delimiter| (delimiter, quality(delimiter)));
    let best = rated.iter().map(|(_, quality)| *quality).fold(0.0, f64::max);
    let sound = |(_, quality): &&(u8, f64)| *quality > 0.0 && *quality >= 0.9 * best;
    rated.iter().find(sound).map_or(b',', |(delimiter, _)| *delimiter)
}

/// The number of fields of most lines, of the larger ones among equals.
fn most_common(counts: &[usize]) -> usize {
    let times = |count: usize| counts.iter().filter(|other| **other == count).count();
    counts.iter().copied().max_by_key(|count| (times(*count), *count)).unwrap_or(1)
}

/// Tells a line at which the table begins: one of as many fields as most, or one less where those
/// end with a delimiter.
fn begins(counts: &[usize], line: usize, most: usize, trailing: bool) -> bool {
    counts[line] == most || (trailing && counts[line] + 1 == most)
}

/// Tells decimal commas: some cells have one, and none a decimal point.
fn commas(body: &[Vec<String>], delimiter: u8) -> bool {
    let split = |cell: &str, point: char| -> Option<(String, String)> {
        let (whole, rest) = cell.rsplit_once(point)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let whole = whole.trim_start_matches(['-', '+']).replace(['.', ',', ' ', '\''], "");
        (digits(rest) && (digits(&whole) || whole.is_empty())).then(|| (whole, rest.into()))
    };
    let mut with_comma = false;
    for cell in body.iter().skip(1).flatten() {
        let (comma, point) = (cell.rfind(','), cell.rfind('.'));
        match (comma, point) {
            // Both: the last one is the decimal's.
            (Some(comma), Some(point))
                if split(cell, if comma > point { ',' } else { '.' }).is_some() =>
            {
                return comma > point;
            }
            (Some(_), None) => {
                let one = cell.matches(',').count() == 1;
                with_comma |= one
                    && split(cell, ',').is_some_and(|(whole, rest)| {
                        // "1,234" between commas as delimiters is quoted, and a thousand.
                        rest.len() != 3
                            || whole.len() > 3
                            || whole.starts_with('0')
                            || delimiter != b','
                    });
            }
            (None, Some(_)) => {
                // More points are those of a date.
                let one = cell.matches('.').count() == 1;
                if one && split(cell, '.').is_some_and(|(_, rest)| rest.len() != 3) {
                    return false;
                }
            }
            _ => (),
        }
    }
    with_comma
}

/// Tells a cell that is a number or begins like a date.
fn is_value(cell: &str, numbers: &Numbers) -> bool {
    let dated =
        || cell.starts_with(|c: char| c.is_ascii_digit()) && cell.contains(['-', '/', ':', '.']);
    // "On" and "No" may be names.
    let number = || matches!(numbers.read(cell.as_bytes()), Cell::Number(_));
    (cell.contains(|c: char| c.is_ascii_digit()) && number()) || dated()
}

/// Tells a header: a first line that holds no value, or the numbers of columns.
fn names_columns(body: &[Vec<String>], numbers: &Numbers) -> bool {
    let Some(first) = body.first() else { return false };
    let counts_up = |from: usize| {
        let named = first.iter().enumerate().all(|(at, cell)| *cell == (at + from).to_string());
        // Below the numbers of columns are decimals; below counts are counts.
        let decimals = body.get(1).is_some_and(|next| next.iter().any(|cell| cell.contains('.')));
        first.len() > 1 && named && decimals
    };
    let words = !first.iter().any(|cell| is_value(cell, numbers));
    (words && first.iter().any(|cell| !cell.is_empty())) || counts_up(0) || counts_up(1)
}

/// Tells a row of units: words below the header, above values.
fn tells_units(body: &[Vec<String>], numbers: &Numbers) -> bool {
    let (Some(units), Some(next)) = (body.get(1), body.get(2)) else { return false };
    let words = |cell: &String| matches!(numbers.read(cell.as_bytes()), Cell::Words);
    !units.iter().any(|cell| is_value(cell, numbers))
        && units
            .iter()
            .zip(next)
            .filter(|(unit, cell)| words(unit) && is_value(cell, numbers))
            .count()
            * 2
            > next.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Dialect {
        Dialect::find(text.as_bytes(), &CsvFormat::default()).unwrap()
    }

    fn first_row(text: &str) -> &str {
        text[find(text).start..].lines().next().unwrap_or_default()
    }

    #[test]
    fn delimiters_and_decimal_signs_are_found() {
        for (text, delimiter, decimal_comma) in [
            ("a,b\n1.5,2\n3,4\n", b',', false),
            ("a;b\n1,5;2\n3,25;4\n", b';', true),
            ("a;b\n1.5;2\n", b';', false),
            ("a\tb\n1,5\t2\n", b'\t', true),
            ("a;b\n1.234,5;2\n", b';', true),
            ("a,b\n\"1,234.5\",2\n", b',', false),
            ("a,b\n\"1,5\",\"2,25\"\n", b',', true),
            ("sep=|\na|b\n1|2\n", b'|', false),
            ("a\n1\n2\n", b',', false),
        ] {
            let found = find(text);
            assert_eq!(
                (found.delimiter, found.decimal_comma),
                (delimiter, decimal_comma),
                "{text}"
            );
        }
    }

    #[test]
    fn the_table_begins_after_preambles_comments_and_units() {
        for text in [
            "t,a,b\n0,1.5,2\n1,3,4\n",
            "Station 5\nexported by, somebody\n\nt,a,b\n0,1.5,2\n1,3,4\n2,3,4\n",
            "# one\n# two, three\nt,a,b\n0,1.5,2\n1,3,4\n",
            "t,a,b\ns,degC,m3/h\n0,1.5,2\n1,3,4\n",
            "sep=,\nt,a,b\n0,1.5,2\n",
        ] {
            assert_eq!(first_row(text), "0,1.5,2", "{text}");
            assert_eq!(find(text).header.unwrap(), ["t", "a", "b"], "{text}");
        }
        let text = "t,\"a\n[bar]\",b\n0,1.5,2\n1,3,4\n";
        assert_eq!(
            (first_row(text), find(text).header.unwrap()),
            ("0,1.5,2", ["t", "a [bar]", "b"].map(String::from).to_vec())
        );
        assert_eq!(find("a \"quote, that\nnever,ends\n1,2\n3,4\n5,6\n7,8\n").fields, 2);
        assert_eq!(find("No,on\n1,2\n3,4\n").header.unwrap(), ["No", "on"]);
        assert_eq!(find("1,2\n3,4\n").header, None);
        assert_eq!(find("0,1,2\n3.5,4,5\n").header.unwrap(), ["0", "1", "2"]);
    }

    #[test]
    fn what_the_format_says_is_honoured() {
        let format = CsvFormat {
            delimiter: Some(','),
            header: Some(false),
            skip_lines: Some(1),
            units_row: Some(false),
            ..Default::default()
        };
        let text = "a,b\n1;2,3\n4;5,6\n";
        let found = Dialect::find(text.as_bytes(), &format).unwrap();
        assert_eq!((found.delimiter, found.header, found.start), (b',', None, 4));
        let format = CsvFormat { delimiter: Some('→'), ..Default::default() };
        assert!(matches!(Dialect::find(b"a", &format), Err(DataError::Setting(_))));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = Dialect::find(&text, &CsvFormat::default());
        }
    }
}
