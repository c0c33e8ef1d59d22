//! The x axis of pictures.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

use crate::figure::{Axis, Scale};

/// Numbers, or times in milliseconds since the Unix epoch, with ticks where a clock has them.
pub(crate) struct Along {
    numbers: RangedCoordf64,
    time: bool,
}

impl Along {
    pub(crate) fn new(axis: &Axis, range: Range<f64>) -> Self {
        Self { numbers: range.into(), time: axis.scale == Scale::Time }
    }
}

impl Ranged for Along {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn range(&self) -> Range<f64> {
        self.numbers.range()
    }

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.numbers.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match self.time {
            true => round_times(&self.range(), hint.max_num_points()),
            false => self.numbers.key_points(hint),
        }
    }
}

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// At most so many, evenly spaced.
fn round_times(range: &Range<f64>, most: usize) -> Vec<f64> {
    let decimal = |unit: f64, powers: Range<i32>| {
        powers.flat_map(move |power| [1.0, 2.0, 5.0].map(|step| step * unit * 10f64.powi(power)))
    };
    let sixtieths = |unit: f64| [1.0, 2.0, 5.0, 10.0, 15.0, 30.0].map(|step| step * unit);
    let mut steps = decimal(1.0, 0..3)
        .chain(sixtieths(SECOND))
        .chain(sixtieths(MINUTE))
        .chain([1.0, 2.0, 3.0, 6.0, 12.0].map(|step| step * HOUR))
        .chain(decimal(DAY, 0..9));
    let within = |step: f64| (range.start / step).ceil() as i64..=(range.end / step).floor() as i64;
    let few = |step: &f64| range.end / step - range.start / step < most as f64;
    let step = steps.find(few);
    step.map_or(vec![], |step| within(step).map(|count| count as f64 * step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_where_a_clock_has_them() {
        let ticks = |start: f64, end: f64| round_times(&(start..end), 7);
        assert_eq!(ticks(0.9 * HOUR, 6.1 * HOUR), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|h| h * HOUR));
        assert_eq!(
            ticks(-7.0 * HOUR, 13.0 * HOUR),
            [-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0].map(|h| h * HOUR)
        );
        assert_eq!(ticks(3.0, 14.0), [4.0, 6.0, 8.0, 10.0, 12.0, 14.0]);
        assert_eq!(ticks(0.1 * DAY, 25.0 * DAY), [5.0, 10.0, 15.0, 20.0, 25.0].map(|d| d * DAY));
        // Dates of chrono span half a million years.
        let all = ticks(-2e8 * DAY, 2e8 * DAY);
        assert!(!all.is_empty() && all.len() <= 7, "{all:?}");
        assert!(round_times(&(0.0..DAY), 0).is_empty());
    }
}
