use std::collections::HashSet;

use super::format::CsvFormat;

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Missing,
    /// Anything else.
    Words,
}

/// The one rule by which cells become numbers.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    decimal_comma: bool,
    missing: HashSet<String>,
    units: bool,
}

impl Numbers {
    pub(crate) fn new(format: &CsvFormat, decimal_comma: bool) -> Self {
        let missing = format.missing.iter().map(|marker| marker.trim().to_lowercase()).collect();
        Self { decimal_comma, missing, units: format.units }
    }

    pub(crate) fn decimal_comma(&self) -> bool {
        self.decimal_comma
    }

    /// Reads a cell.
    pub(crate) fn read(&self, cell: &[u8]) -> Cell {
        // Most cells are plain numbers.
        if !self.decimal_comma
            && cell.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
            && let Ok(value) = fast_float2::parse::<f64, _>(cell)
        {
            return Cell::Number(value);
        }
        match std::str::from_utf8(cell) {
            Ok(text) => self.read_text(text.trim()),
            Err(_) => Cell::Words,
        }
    }

    fn read_text(&self, text: &str) -> Cell {
        let lower = text.to_lowercase();
        match lower.as_str() {
            "" => return Cell::Missing,
            marker if self.missing.contains(marker) => return Cell::Missing,
            "true" | "on" | "yes" => return Cell::Number(1.0),
            "false" | "off" | "no" => return Cell::Number(0.0),
            "inf" | "+inf" | "infinity" => return Cell::Number(f64::INFINITY),
            "-inf" | "-infinity" => return Cell::Number(f64::NEG_INFINITY),
            _ => (),
        }
        let text = if self.units { without_unit(&lower) } else { &lower };
        let plain = text.replace('\u{2212}', "-");
        let plain = plain.strip_prefix('+').unwrap_or(&plain);
        match self.without_thousands(plain).and_then(|plain| fast_float2::parse(plain).ok()) {
            Some(value) => Cell::Number(value),
            None => Cell::Words,
        }
    }

    /// Takes out separators of thousands, and makes a point of a decimal comma; nothing where the
    /// separators do not stand as they should.
    fn without_thousands(&self, text: &str) -> Option<String> {
        let (point, separators) = match self.decimal_comma {
            true => (',', ['.', '\u{a0}', '\u{202f}', '\'', ' ']),
            false => ('.', [',', '\u{a0}', '\u{202f}', '\'', ' ']),
        };
        let (whole, rest) = match text.find(point) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let mut digits = whole.to_string();
        if let Some(separator) = separators.into_iter().find(|it| whole.contains(*it)) {
            let mut groups = whole.trim_start_matches('-').split(separator);
            let first = groups.next()?.len();
            let sound = (1..=3).contains(&first)
                && groups.all(|group| {
                    group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit())
                });
            if !sound {
                return None;
            }
            digits.retain(|c| c != separator);
        }
        let number = match rest {
            Some(rest) => format!("{digits}.{rest}"),
            None => digits,
        };
        // What fast parsers take beyond numbers: "nan", "infinity".
        number.bytes().any(|byte| byte.is_ascii_digit()).then_some(number)
    }
}

/// A number without the percent sign or the unit behind it.
fn without_unit(text: &str) -> &str {
    let is_unit = |c: char| {
        c.is_alphabetic() || ['%', '°', '/', 'µ', 'Ω', '²', '³', '·', '€', '$', ' '].contains(&c)
    };
    let number = text.trim_end_matches(is_unit);
    // The exponent of "1e5" is no unit, and "m3" ends in a digit.
    match number.bytes().last() {
        Some(byte) if byte.is_ascii_digit() => text
            .split_whitespace()
            .next()
            .filter(|first| first.len() < number.len())
            .unwrap_or(number),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, decimal_comma: bool, units: bool) -> Cell {
        let format = CsvFormat { units, ..Default::default() };
        Numbers::new(&format, decimal_comma).read(text.as_bytes())
    }

    #[test]
    fn numbers_as_people_write_them() {
        for (text, expected) in [
            ("1.5", 1.5),
            (" -2 ", -2.0),
            ("+3.25", 3.25),
            (".5", 0.5),
            ("007", 7.0),
            ("1e-3", 1e-3),
            ("1,234.56", 1234.56),
            ("12'345", 12345.0),
            ("1 234 567", 1_234_567.0),
            ("\u{2212}4.5", -4.5),
            ("True", 1.0),
            ("off", 0.0),
            ("Yes", 1.0),
        ] {
            assert_eq!(read(text, false, false), Cell::Number(expected), "{text}");
        }
        for (text, expected) in
            [("1,5", 1.5), ("1.234,56", 1234.56), ("-7", -7.0), ("2.500", 2500.0)]
        {
            assert_eq!(read(text, true, false), Cell::Number(expected), "{text}");
        }
        for (text, expected) in
            [("19.92 °C", 19.92), ("45%", 45.0), ("45 %", 45.0), ("3 m3/h", 3.0), ("1e5", 1e5)]
        {
            assert_eq!(read(text, false, true), Cell::Number(expected), "{text}");
        }
    }

    #[test]
    fn markers_are_missing_and_words_are_words() {
        for text in [
            "",
            "  ",
            "NA",
            "nan",
            "NaN",
            "NULL",
            "None",
            "-",
            "?",
            "Bad",
            "I/O Timeout",
            "#DIV/0!",
        ] {
            assert_eq!(read(text, false, false), Cell::Missing, "{text}");
        }
        for text in ["pump", "1,23.4", "1.2.3", "12,34", "2024-03-01", "19.92 °C", "1,2,3", "x1"] {
            assert_eq!(read(text, false, false), Cell::Words, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn decimals_round_trip_in_both_styles(value in -1e9f64..1e9) {
            let text = value.to_string();
            proptest::prop_assert_eq!(read(&text, false, false), Cell::Number(value));
            proptest::prop_assert_eq!(read(&text.replace('.', ","), true, false), Cell::Number(value));
        }

        #[test]
        fn no_text_panics(text: String, decimal_comma: bool, units: bool) {
            let _ = read(&text, decimal_comma, units);
        }
    }
}
