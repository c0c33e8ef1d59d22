//! Rows of text in which nothing is quoted: most files, and the fast way through them.

use memchr::{memchr, memchr2};

use super::number::Numbers;
use super::part::{Kind, Part, Values};

/// Reads whole lines.
pub(crate) fn read(
    text: &[u8],
    (delimiter, comment): (u8, Option<u8>),
    kinds: &[Kind],
    numbers: &Numbers,
) -> Part {
    let mut part = Part::new(kinds, text.len());
    let mut at = 0;
    while at < text.len() {
        if comment == Some(text[at]) {
            at = end_of_line(text, at) + 1;
            part.lines += 1;
            continue;
        }
        let (mut ended, mut filled, mut short) = (false, false, false);
        for column in &mut part.columns {
            if ended {
                column.push(b"", numbers);
                short = true;
                continue;
            }
            if let Values::Numbers { values, .. } = column
                && let Some((value, next, last)) = number_at(text, at, delimiter, numbers)
            {
                values.push(value);
                (at, ended, filled) = (next, last, true);
                continue;
            }
            let end = memchr2(delimiter, b'\n', &text[at..]).map_or(text.len(), |n| at + n);
            let cell = &text[at..end];
            filled |= !cell.trim_ascii().is_empty();
            column.push(cell.strip_suffix(b"\r").unwrap_or(cell), numbers);
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
        // Blank lines, and lines of delimiters, are no rows.
        match filled {
            true => part.end_row(part.lines, short),
            false => part.columns.iter_mut().for_each(Values::pop),
        }
        part.lines += 1;
    }
    part
}

fn end_of_line(text: &[u8], from: usize) -> usize {
    memchr(b'\n', &text[from..]).map_or(text.len(), |end| from + end)
}

/// A plain number up to the next delimiter or line's end, where the next cell begins, and whether
/// this one was the last.
fn number_at(
    text: &[u8],
    at: usize,
    delimiter: u8,
    numbers: &Numbers,
) -> Option<(f64, usize, bool)> {
    let plain = text.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    if !plain || numbers.decimal_comma() {
        return None;
    }
    let (value, length) = fast_float2::parse_partial(&text[at..]).ok()?;
    let end = at + length;
    match text.get(end) {
        Some(byte) if *byte == delimiter => Some((value, end + 1, false)),
        Some(b'\n') | None => Some((value, end + 1, true)),
        Some(b'\r') if text.get(end + 1) == Some(&b'\n') => Some((value, end + 2, true)),
        Some(_) => None,
    }
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
        let part =
            read(text.as_bytes(), (b',', Some(b'#')), &[Kind::Numbers, Kind::Text], &numbers());
        let [Values::Numbers { values, words }, Values::Text(cells)] = &part.columns[..] else {
            panic!("{part:?}")
        };
        assert_eq!(values.len(), 6);
        assert_eq!((values[0], values[1], values[2], values[5]), (1.0, 2.5, -3.0, 7.0));
        assert!(values[3].is_nan() && values[4].is_nan());
        let cells: Vec<&str> = cells.iter().map(|cell| cell.unwrap_or("none")).collect();
        assert_eq!(cells, ["a", "none", "b", "c", "d", "f"]);
        assert_eq!((part.rows, part.lines), (6, 9));
        assert_eq!(part.places, [(0, 0), (1, 4)]);
        assert_eq!(part.short, [4]);
        assert_eq!((words, &part.too_long), (&Some((4, "x".into())), &Some((7, 3))));
    }

    proptest::proptest! {
        #[test]
        fn any_text_makes_columns_of_one_length(text in "[-0-9.,;a\\n\\r #]{0,60}") {
            let kinds = [Kind::Numbers, Kind::Text, Kind::Numbers];
            let part = read(text.as_bytes(), (b',', Some(b'#')), &kinds, &numbers());
            for column in &part.columns {
                proptest::prop_assert_eq!(column.len(), part.rows);
            }
        }
    }
}
