//! Rows of text in which nothing is quoted: most files, and the fast way through them.

use std::iter::once;

use memchr::{memchr, memchr_iter, memchr2};

use super::decimal::decimal;
use super::number::Numbers;
use super::part::{Kind, Part, Place, Values};

/// Lines that may hold a row: those that are neither empty nor comments.
pub(crate) fn lines(text: &[u8], comment: Option<u8>) -> usize {
    let mut from = 0;
    let ends = memchr_iter(b'\n', text).chain(once(text.len()));
    let held = |end: usize| {
        let line = &text[std::mem::replace(&mut from, end + 1).min(end)..end];
        !line.is_empty() && line != b"\r" && line.first().copied() != comment
    };
    ends.map(held).filter(|held| *held).count()
}

/// Reads whole lines, whose numbers have a place for as many rows as there are such lines.
pub(crate) fn read<'m>(
    text: &[u8],
    (delimiter, comment): (u8, Option<u8>),
    (kinds, places): (&[Kind], &'m mut [f64]),
    numbers: &Numbers,
) -> Part<'m> {
    let mut part = Part::new(kinds, Place::Given(places));
    let mut at = 0;
    while at < text.len() {
        let empty = text[at] == b'\n' || text[at..].starts_with(b"\r\n") || text[at..] == *b"\r";
        if empty || comment == Some(text[at]) {
            at = end_of_line(text, at) + 1;
            part.lines += 1;
            continue;
        }
        let (mut ended, mut filled, mut short) = (false, false, false);
        let row = part.rows;
        let (places, columns) = part.row();
        for column in columns {
            if ended {
                column.push(b"", numbers, (row, places));
                short = true;
                continue;
            }
            if let Values::Numbers { at: place, .. } = column
                && let Some((value, next, last)) = number_at(text, at, delimiter, numbers)
            {
                places[*place] = value;
                (at, ended, filled) = (next, last, true);
                continue;
            }
            let end = memchr2(delimiter, b'\n', &text[at..]).map_or(text.len(), |n| at + n);
            let cell = &text[at..end];
            filled |= !cell.trim_ascii().is_empty();
            column.push(cell.strip_suffix(b"\r").unwrap_or(cell), numbers, (row, places));
            (at, ended) = (end + 1, text.get(end) != Some(&delimiter));
        }
        if !ended {
            let end = end_of_line(text, at.min(text.len()));
            let rest = &text[at.min(end)..end];
            let count = rest.iter().filter(|byte| **byte == delimiter).count();
            let beyond = rest.iter().any(|byte| *byte != delimiter && !byte.is_ascii_whitespace());
            if beyond {
                filled = true;
                part.too_long.get_or_insert((part.lines, kinds.len() + 1 + count));
            }
            at = end + 1;
        }
        // Lines of blanks, and of delimiters, are no rows.
        match filled {
            true => part.end_row(part.lines, short),
            false => part.no_row(),
        }
        part.lines += 1;
    }
    part
}

fn end_of_line(text: &[u8], from: usize) -> usize {
    memchr(b'\n', &text[from..]).map_or(text.len(), |end| from + end)
}

// Inlined, as the number would else go through memory once more.
/// A plain number up to the next delimiter or line's end, where the next cell begins, and whether
/// this one was the last.
#[inline]
fn number_at(
    text: &[u8],
    at: usize,
    delimiter: u8,
    numbers: &Numbers,
) -> Option<(f64, usize, bool)> {
    if numbers.decimal_comma() {
        return None;
    }
    let (value, length) = match decimal(&text[at..]) {
        Some(short) => short,
        None => long_decimal(&text[at..])?,
    };
    let end = at + length;
    match text.get(end) {
        Some(byte) if *byte == delimiter => Some((value, end + 1, false)),
        Some(b'\n') | None => Some((value, end + 1, true)),
        Some(b'\r') if text.get(end + 1) == Some(&b'\n') => Some((value, end + 2, true)),
        Some(_) => None,
    }
}

/// A number that a text begins with, not of the forms that have to be asked for.
#[cold]
fn long_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let plain = text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    fast_float2::parse_partial(plain.then_some(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::format::CsvFormat;
    use super::*;

    fn numbers() -> Numbers {
        Numbers::new(&CsvFormat::default(), false)
    }

    #[test]
    fn rows_of_every_length_and_kind() {
        let text = "1,a\r\n# no row\n\n,,\n2.5\n-3,b,,\nNA,c\nx,d,e\n7,f";
        let mut values = vec![0.0; lines(text.as_bytes(), Some(b'#'))];
        assert_eq!(values.len(), 7);
        let kinds = [Kind::Numbers, Kind::Text];
        let part = read(text.as_bytes(), (b',', Some(b'#')), (&kinds, &mut values), &numbers());
        let [Values::Numbers { words, .. }, Values::Text(cells)] = &part.columns[..] else {
            panic!("{part:?}")
        };
        let cells: Vec<&str> = cells.iter().map(|cell| cell.unwrap_or("none")).collect();
        assert_eq!(cells, ["a", "none", "b", "c", "d", "f"]);
        assert_eq!((part.rows, part.lines), (6, 9));
        assert_eq!(part.places, [(0, 0), (1, 4)]);
        assert_eq!(part.short, [4]);
        assert_eq!((words, &part.too_long), (&Some((4, "x".into())), &Some((7, 3))));
        assert_eq!((values[0], values[1], values[2], values[5]), (1.0, 2.5, -3.0, 7.0));
        assert!(values[3].is_nan() && values[4].is_nan());
    }

    proptest::proptest! {
        #[test]
        fn any_text_makes_columns_of_one_length(text in "[-0-9.,;a\\n\\r #]{0,60}") {
            let kinds = [Kind::Numbers, Kind::Text, Kind::Numbers];
            let mut values = vec![0.0; 2 * lines(text.as_bytes(), Some(b'#'))];
            let part =
                read(text.as_bytes(), (b',', Some(b'#')), (&kinds, &mut values), &numbers());
            for column in &part.columns {
                if let Values::Text(cells) = column {
                    proptest::prop_assert_eq!(cells.len(), part.rows);
                }
            }
        }
    }
}
