use std::fmt::{Display, Formatter};

use aster_base::{DAY, SECOND};

/// A span of time as a person reads it: `5 min`, `0.01 s`; or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    span: i64,
    counts: bool,
}

impl Span {
    /// A span in nanoseconds, or in a unit of its own.
    pub(crate) fn of(span: i64, counts: bool) -> Self {
        Self { span, counts }
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        const UNITS: [(i64, &str); 4] =
            [(DAY, "d"), (3600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s")];
        if self.counts {
            return write!(f, "{}", self.span);
        }
        let whole = |(unit, _): &&(i64, &str)| self.span >= *unit && self.span % unit == 0;
        match UNITS.iter().find(whole) {
            Some((unit, name)) => write!(f, "{} {name}", self.span / unit),
            None => write!(f, "{} s", self.span as f64 / SECOND as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_largest_whole_unit() {
        for (nanoseconds, expected) in
            [(300 * SECOND, "5 min"), (DAY, "1 d"), (90 * SECOND, "90 s"), (SECOND / 100, "0.01 s")]
        {
            assert_eq!(Span::of(nanoseconds, false).to_string(), expected);
        }
        assert_eq!(Span::of(300, true).to_string(), "300");
    }
}
