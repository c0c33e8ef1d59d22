//! Tables whose columns stand apart by blanks.

use std::borrow::Cow;

use super::dialect::sample;
use super::format::CsvFormat;

/// A table of columns apart by blanks as one of tabs, if it is one: by its format, or as no other delimiter
/// cuts its lines, no units stand behind numbers, and blanks cut nearly all into as many fields, two at
/// least. A date and a time of the day, one behind the other, are one field.
pub(super) fn as_tabs(text: &[u8], format: &CsvFormat) -> Option<Vec<u8>> {
    let known = match format.delimiter {
        Some(delimiter) => delimiter == ' ',
        None => !format.units && cut_by_blanks(text, format),
    };
    known.then(|| {
        let mut all = Vec::with_capacity(text.len());
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                all.push(b'\n');
            }
            for (at, field) in fields(line).into_iter().enumerate() {
                if at > 0 {
                    all.push(b'\t');
                }
                all.extend_from_slice(&field);
            }
        }
        all
    })
}

fn cut_by_blanks(text: &[u8], format: &CsvFormat) -> bool {
    let others = [';', '\t', '|', ',', '"'];
    let lines = sample(text, format);
    // A preamble may hold anything.
    let body = &lines[lines.len() / 2..];
    let counts: Vec<usize> = body.iter().map(|line| fields(line.text.as_bytes()).len()).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let alike = counts.iter().filter(|count| **count == most).count();
    let plain = body.iter().all(|line| !line.text.trim().contains(others));
    most >= 2 && alike * 10 >= counts.len() * 9 && plain
}

/// Fields of a line that stand apart by blanks; what is quoted stays together.
fn fields(line: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut quoted = false;
    let apart = |byte: &u8| {
        quoted ^= *byte == b'"';
        !quoted && byte.is_ascii_whitespace()
    };
    let words = line.split(apart).filter(|word| !word.is_empty());
    let mut all: Vec<Cow<[u8]>> = vec![];
    let mut dated = false;
    for word in words {
        match all.last_mut() {
            Some(last) if dated && is_time_of_day(word) => {
                let last = last.to_mut();
                last.push(b' ');
                last.extend_from_slice(word);
            }
            _ => all.push(word.into()),
        }
        dated = is_date(word);
    }
    all
}

/// Tells three numbers with the same separator between: `2024-03-01`.
fn is_date(word: &[u8]) -> bool {
    [b'-', b'/', b'.'].iter().any(|separator| {
        let parts: Vec<&[u8]> = word.split(|byte| byte == separator).collect();
        let digits =
            |part: &&[u8]| (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        parts.len() == 3 && parts.iter().all(digits)
    })
}

fn is_time_of_day(word: &[u8]) -> bool {
    let mut parts = word.splitn(3, |byte| *byte == b':');
    let two = |part: Option<&[u8]>| {
        part.is_some_and(|it| (1..=2).contains(&it.len()) && it.iter().all(u8::is_ascii_digit))
    };
    two(parts.next()) && two(parts.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(text: &str) -> Option<String> {
        let found = as_tabs(text.as_bytes(), &CsvFormat::default())?;
        Some(String::from_utf8(found).unwrap())
    }

    #[test]
    fn blanks_of_any_number_stand_between_columns() {
        assert_eq!(tabs("  1   2.5\n 10  -3 \n").as_deref(), Some("1\t2.5\n10\t-3\n"));
        assert_eq!(
            tabs("time a\n2024-03-01 00:00 1\n2024-03-01 00:10:00.5   2\n").as_deref(),
            Some("time\ta\n2024-03-01 00:00\t1\n2024-03-01 00:10:00.5\t2\n")
        );
        let remark = "# a remark of many words\n1 2\n3 4\n";
        assert_eq!(tabs(remark).unwrap().lines().nth(1), Some("1\t2"));
    }

    #[test]
    fn other_tables_are_left_as_they_are() {
        for text in [
            "a,b\n1,2\n",
            "a\n1\n2\n",
            "a b\tc\n1\t2\n",
            "a b;c d\n1 2;3\n",
            "one two three\nfour\nfive six\n",
            "",
        ] {
            assert_eq!(tabs(text), None, "{text}");
        }
        let units = CsvFormat { units: true, ..Default::default() };
        assert_eq!(as_tabs(b"1 degC\n2 degC\n", &units), None);
        let format = CsvFormat { delimiter: Some(' '), ..Default::default() };
        assert_eq!(as_tabs(b"1  2,5", &format), Some(b"1\t2,5".to_vec()));
        assert_eq!(as_tabs(b"\"a b\"  c", &format), Some(b"\"a b\"\tc".to_vec()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_lines_stay(text: Vec<u8>) {
            if let Some(found) = as_tabs(&text, &CsvFormat { delimiter: Some(' '), ..Default::default() }) {
                let ends = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
                proptest::prop_assert_eq!(ends(&found), ends(&text));
            }
        }
    }
}
