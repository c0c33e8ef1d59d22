use aster_data::ScaledSeries;
use serde::{Deserialize, Serialize};

use crate::config::Smoothing;
use crate::score::context_channels::{is_constant, two_values};

impl Smoothing {
    /// Rows of each moving average for a scaled training series.
    pub(crate) fn widths(all: &[Self], train: &ScaledSeries) -> Vec<usize> {
        let longest = all.iter().map(Self::longest_time).max().unwrap_or(0);
        let time = match longest {
            0 => 0,
            longest => correlation_time(train, longest.min(train.rows())),
        };
        all.iter().map(|smoothing| smoothing.rows(time)).collect()
    }

    /// The correlation time from which on the width stays the same.
    fn longest_time(&self) -> usize {
        match *self {
            Self::Rows(_) => 0,
            Self::Correlation { times, max, .. } => (max as f64 / times).ceil() as usize,
        }
    }

    fn rows(&self, correlation_time: usize) -> usize {
        match *self {
            Self::Rows(rows) => rows,
            Self::Correlation { times, min, max } => {
                ((times * correlation_time as f64) as usize).clamp(min, max)
            }
        }
    }
}

/// In rows, at most `longest`; 0 where no channel moves. Channels of two values, which mostly
/// switch now and then, do not count.
fn correlation_time(series: &ScaledSeries, longest: usize) -> usize {
    let channels = 0..series.channel_count();
    let moving = channels
        .filter(|channel| !is_constant(series, *channel) && two_values(series, *channel).is_none());
    let time = |channel| {
        let values: Vec<f64> = series.channel(channel).map(f64::from).collect();
        falls_below(&values, longest)
    };
    let mut times: Vec<usize> = moving.map(time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

/// The first lag at which the autocorrelation is below 1/e, at most `longest`.
fn falls_below(values: &[f64], longest: usize) -> usize {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let covariance =
        |lag: usize| centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let low = covariance(0) / std::f64::consts::E;
    (1..longest).find(|lag| covariance(*lag) < low).unwrap_or(longest)
}

/// Moving average of values that come one by one, over fewer rows at the ends. Nothing is
/// ever subtracted, so a huge value is forgotten once it has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MovingMean {
    width: usize,
    after: usize,
    /// Values of the window are a queue of two stacks: sums from each of the older ones to the
    /// last of them, and the newer ones with their sum.
    older: Vec<f64>,
    newer: Vec<f64>,
    sum: f64,
    /// Values that have come, until there are as many as the average waits for.
    waited: usize,
}

impl MovingMean {
    /// One over `width` rows, of which the last `after` come later than its own.
    pub(crate) fn new(width: usize, after: usize) -> Self {
        Self { width, after, older: vec![], newer: vec![], sum: 0.0, waited: 0 }
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        (self.older.capacity() + self.newer.capacity()) * size_of::<f64>()
    }

    /// Validates an average that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        let fits = (self.width, self.after) == (fresh.width, fresh.after)
            && self.waited <= self.after
            && self.waited <= self.len()
            && self.len() <= self.width;
        if fits { Ok(()) } else { Err("a moving average of another width") }
    }

    /// Rows that wait for later ones.
    pub(crate) fn waiting(&self) -> usize {
        self.waited
    }

    fn len(&self) -> usize {
        self.older.len() + self.newer.len()
    }

    fn forget_oldest(&mut self) {
        if self.older.is_empty() {
            let sums = self.newer.drain(..).rev().scan(0.0, |sum, value| {
                *sum += value;
                Some(*sum)
            });
            self.older.extend(sums);
            self.sum = 0.0;
        }
        self.older.pop();
    }

    fn mean(&self) -> f64 {
        (self.older.last().unwrap_or(&0.0) + self.sum) / self.len() as f64
    }

    /// The averages at all rows.
    pub(crate) fn whole(mut self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut means: Vec<f64> = values.filter_map(|value| self.push(value)).collect();
        means.extend(std::iter::from_fn(|| self.drain()));
        means
    }

    /// Takes the next value; gives the average at the row that has waited for it, if any.
    pub(crate) fn push(&mut self, value: f64) -> Option<f64> {
        self.newer.push(value);
        self.sum += value;
        if self.len() > self.width {
            self.forget_oldest();
        }
        if self.waited < self.after {
            self.waited += 1;
            return None;
        }
        Some(self.mean())
    }

    /// The average at the next row that still waits, of those after which nothing comes.
    pub(crate) fn drain(&mut self) -> Option<f64> {
        if self.waited == 0 {
            return None;
        }
        // The last row of `n` that wait has all before it in its window, the first of them
        // the most after.
        while self.len() > self.width - self.after - 1 + self.waited {
            self.forget_oldest();
        }
        self.waited -= 1;
        Some(self.mean())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_by_hand() {
        let centred = |width| smooth(&[1.0, 2.0, 3.0, 10.0], width, width / 2);
        assert_eq!(centred(1), [1.0, 2.0, 3.0, 10.0]);
        assert_eq!(centred(2), [1.5, 2.5, 6.5, 10.0]);
        assert_eq!(centred(3), [1.5, 2.0, 5.0, 6.5]);
        assert_eq!(centred(100), [4.0; 4]);
        let trailing = smooth(&[1.0, 2.0, 3.0, 10.0], 2, 0);
        assert_eq!(trailing, [1.0, 1.5, 2.5, 6.5]);
    }

    fn smooth(values: &[f64], width: usize, after: usize) -> Vec<f64> {
        MovingMean::new(width, after).whole(values.iter().copied())
    }

    proptest::proptest! {
        #[test]
        fn averages_are_those_of_their_rows(
            values in proptest::collection::vec(0.0..10.0f64, 1..60),
            width in 1usize..20,
        ) {
            for after in [0, width / 4, width / 2] {
                let before = width - 1 - after;
                let means = smooth(&values, width, after);
                proptest::prop_assert_eq!(means.len(), values.len());
                for (row, mean) in means.into_iter().enumerate() {
                    let rows = row.saturating_sub(before)..(row + after + 1).min(values.len());
                    let expected = values[rows.clone()].iter().sum::<f64>() / rows.len() as f64;
                    approx::assert_relative_eq!(mean, expected, max_relative = 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_huge_value_is_forgotten() {
        let mut values = vec![1.0; 50];
        values[10] = 1e300;
        let means = smooth(&values, 4, 2);
        assert_eq!(means[20..], [1.0; 30]);
    }

    /// Sines of these periods, a channel that stands still and one of two values.
    fn sines(periods: [f32; 3]) -> ScaledSeries {
        let row = |row: usize| {
            let sine = |period: f32| (std::f32::consts::TAU * row as f32 / period).sin();
            [periods.map(sine).to_vec(), vec![4.0, f32::from(row.is_multiple_of(900))]].concat()
        };
        ScaledSeries::new((0..8000).flat_map(row).collect(), 5).unwrap()
    }

    #[test]
    fn the_median_of_the_moving_channels_counts() {
        // A cosine falls below 1/e at 0.19 of its period.
        let series = sines([100.0, 200.0, 1000.0]);
        assert_eq!(correlation_time(&series, 500), 39);
        assert_eq!(correlation_time(&series, 30), 30);
        assert_eq!(correlation_time(&ScaledSeries::new(vec![2.0; 9], 1).unwrap(), 5), 0);
    }

    #[test]
    fn widths_keep_their_bounds() {
        let series = sines([100.0, 200.0, 1000.0]);
        let width = |smoothing| Smoothing::widths(&[smoothing], &series)[0];
        let rows = |times, min, max| width(Smoothing::Correlation { times, min, max });
        assert_eq!(rows(2.0, 1, 500), 78);
        assert_eq!(rows(2.0, 1, 40), 40);
        assert_eq!(rows(0.01, 7, 40), 7);
        assert_eq!(width(Smoothing::Rows(3)), 3);
        // A longer search for one piece does not widen another.
        let [short, long] = [40, 500].map(|max| Smoothing::Correlation { times: 2.0, min: 1, max });
        assert_eq!(Smoothing::widths(&[short, long], &series), [40, 78]);
    }
}
