use aster_base::require;

use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::series::TimeSeries;

impl TimeSeries {
    /// Resamples to a regular step, in the timestamps' unit: row `k` is the mean
    /// of the rows in `[t0 + k*step, t0 + (k+1)*step)`, labelled anomalous if any
    /// of them is; steps without rows are filled as the policy says.
    ///
    /// # Errors
    /// No timestamps, a step below 1, more than 16 steps per row of input (a
    /// unit mistaken, rather than a wish), or a gap under
    /// [`MissingPolicy::Error`].
    pub fn resample(&self, step: i64, missing: MissingPolicy) -> Result<Self, DataError> {
        let times = self.timestamps().ok_or(DataError::NoTimestamps)?;
        let (first, last) = (times[0], times[times.len() - 1]);
        require("resampling step", step >= 1, "at least 1", step)?;
        let span = i128::from(last) - i128::from(first);
        let steps = span / i128::from(step) + 1;
        let expected = "a step that makes at most 16 rows of each row";
        require("resampling step", steps <= 16 * self.rows() as i128, expected, step)?;
        let rows = steps as usize;
        let mut sums = vec![vec![0.0f64; rows]; self.channel_count()];
        let (mut counts, mut labels) = (vec![0u32; rows], vec![false; rows]);
        for (row, time) in times.iter().enumerate() {
            let k = ((i128::from(*time) - i128::from(first)) / i128::from(step)) as usize;
            counts[k] += 1;
            labels[k] |= self.labels().is_some_and(|l| l[row]);
            for (sums, value) in sums.iter_mut().zip(self.row(row)) {
                sums[k] += value;
            }
        }
        // A step without rows gives 0 / 0, which is missing.
        let mean = |(sum, count): (&f64, &u32)| sum / f64::from(*count);
        let means = sums.iter().map(|sums| sums.iter().zip(&counts).map(mean).collect());
        let columns = self.channels().iter().cloned().zip(means).collect();
        let series = Self::from_columns(missing.apply(columns)?)?
            .with_timestamps((0..rows as i64).map(|k| first + k * step).collect())?
            .with_clock(self.clock().clone());
        match self.labels() {
            Some(_) => series.with_labels(labels),
            None => Ok(series),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_gaps_and_labels() {
        let series = TimeSeries::from_slice(&[1.0, 3.0, 7.0], 1)
            .and_then(|s| s.with_timestamps(vec![10, 14, 31]))
            .and_then(|s| s.with_labels(vec![false, true, false]))
            .unwrap();
        let regular = series.resample(10, MissingPolicy::Linear).unwrap();
        assert_eq!(regular.values(), [2.0, 4.5, 7.0]);
        assert_eq!(regular.timestamps(), Some(&[10, 20, 30][..]));
        assert_eq!(regular.labels(), Some(&[true, false, false][..]));
        let gap = series.resample(10, MissingPolicy::Error);
        assert!(matches!(gap, Err(DataError::MissingValue { row: 1, .. })));
    }

    #[test]
    fn means_of_many_large_values_keep_their_digits() {
        let rows = 100_000i64;
        let series = TimeSeries::from_slice(&vec![1e9 + 0.125; rows as usize], 1)
            .and_then(|s| s.with_timestamps((0..rows).collect()))
            .unwrap();
        assert_eq!(series.resample(rows, MissingPolicy::Error).unwrap().values(), [1e9 + 0.125]);
    }

    #[test]
    fn a_mistaken_unit_is_an_error_not_an_allocation() {
        let series = TimeSeries::from_slice(&[1.0, 2.0], 1)
            .and_then(|s| s.with_timestamps(vec![i64::MIN, i64::MAX]))
            .unwrap();
        assert!(matches!(series.resample(1, MissingPolicy::Linear), Err(DataError::Setting(_))));
        assert!(series.resample(0, MissingPolicy::Linear).is_err());
    }
}
