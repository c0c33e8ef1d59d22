use aster_base::{SettingError, at_least_one, require};
use serde::{Deserialize, Serialize};

use crate::scaled::ScaledSeries;

/// Layout of overlapping windows over a series that is finished or still grows.
///
/// Window `i` is due at row `i * stride`. The last window of a finished series is moved back so
/// that it ends with the series, and every row is covered; a series shorter than a window gets
/// one window, padded by repeating its last row.
///
/// ```
/// use aster_data::Windows;
///
/// let windows = Windows::new(4, 4)?; // length, stride
/// let starts: Vec<usize> = (0..windows.count(10)).map(|i| windows.start(i, 10)).collect();
/// assert_eq!(starts, [0, 4, 6]);
/// assert_eq!(windows.complete(10), 2, "the third would end after row 10");
/// # Ok::<(), aster_base::SettingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    length: usize,
    stride: usize,
}

impl Windows {
    /// Creates a layout of windows of `length` rows T, `stride` rows apart.
    ///
    /// # Errors
    /// A length of 0, or a stride outside `1..=length` (a larger one would leave rows
    /// uncovered).
    pub fn new(length: usize, stride: usize) -> Result<Self, SettingError> {
        at_least_one("window", length)?;
        let covers = (1..=length).contains(&stride);
        require("stride", covers, format!("1 to the window {length}"), stride)?;
        Ok(Self { length, stride })
    }

    /// Returns the rows per window T.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns the rows between windows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the number of windows over a finished series of so many rows, at least one.
    pub fn count(&self, rows: usize) -> usize {
        rows.saturating_sub(self.length).div_ceil(self.stride) + 1
    }

    /// Returns the number of windows of which all rows are among the first so many.
    pub fn complete(&self, rows: usize) -> usize {
        rows.checked_sub(self.length).map_or(0, |rest| rest / self.stride + 1)
    }

    /// Returns the row at which a window is due, and from which its values count: what is said
    /// of earlier rows does not depend on where a series ends.
    pub fn due(&self, window: usize) -> usize {
        window * self.stride
    }

    /// Returns the first row of a window over a finished series of so many rows.
    pub fn start(&self, window: usize, rows: usize) -> usize {
        self.due(window).min(rows.saturating_sub(self.length))
    }

    /// Returns the numbers of so many windows over a finished series of so many rows, evenly spaced;
    /// of all windows where there are no more, of one at least.
    pub fn spaced(&self, rows: usize, most: usize) -> Vec<usize> {
        let all = self.count(rows);
        let count = most.clamp(1, all);
        (0..count).map(|place| place * all / count).collect()
    }

    /// Appends a window `[T, C]` to `out`, of values `[rows, C]` that begin with its first row;
    /// the last row stands in for rows that are not there.
    pub fn gather(&self, values: &[f32], channels: usize, out: &mut Vec<f32>) {
        let here = values.len().min(self.length * channels);
        out.extend_from_slice(&values[..here]);
        for _ in 0..self.length - here / channels {
            out.extend_from_within(out.len() - channels..);
        }
    }

    /// Returns windows `[n, T, C]` of a finished series by their numbers.
    pub fn of_series(&self, series: &ScaledSeries, numbers: &[usize]) -> Vec<f32> {
        let c = series.channel_count();
        let mut values = Vec::with_capacity(numbers.len() * self.length * c);
        for window in numbers {
            let start = self.start(*window, series.rows());
            self.gather(&series.values()[start * c..], c, &mut values);
        }
        values
    }
}

/// Running means of overlapping windows' values by row, from the first row that was not taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OverlapMean {
    /// `[rows, width]`.
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl OverlapMean {
    /// Adds values `[n, width]` of the rows from `row` on.
    pub fn add(&mut self, row: usize, width: usize, values: &[f32]) {
        let end = row + values.len() / width;
        let rows = end.max(self.counts.len());
        self.counts.resize(rows, 0);
        self.sums.resize(rows * width, 0.0);
        self.counts[row..end].iter_mut().for_each(|count| *count += 1);
        let sums = self.sums[row * width..].iter_mut().zip(values);
        sums.for_each(|(sum, value)| *sum += f64::from(*value));
    }

    /// Puts values `[n, width]` in place of those of the rows from `row` on, of which it has none beyond.
    pub fn replace(&mut self, row: usize, width: usize, values: &[f32]) {
        self.counts.truncate(row);
        self.sums.truncate(row * width);
        self.add(row, width, values);
    }

    /// Removes the first rows and returns their means `[rows, width]`; 0 where nothing was
    /// added.
    pub fn take(&mut self, rows: usize) -> Vec<f32> {
        let width = self.sums.len() / self.counts.len().max(1);
        let counts: Vec<u32> = self.counts.drain(..rows).collect();
        let counts = counts.into_iter().flat_map(|count| std::iter::repeat_n(count, width));
        let sums = self.sums.drain(..rows * width).zip(counts);
        let means = sums.map(|(sum, count)| (sum / f64::from(count.max(1))) as f32).collect();
        // What many rows at once have taken is not kept.
        self.sums.shrink_to(2 * self.sums.len());
        self.counts.shrink_to(2 * self.counts.len());
        means
    }

    /// Returns the bytes that the sums take.
    pub fn memory(&self) -> usize {
        self.sums.capacity() * size_of::<f64>() + self.counts.capacity() * size_of::<u32>()
    }

    /// Validates means that were read from outside: they are of so many rows of so many values.
    ///
    /// # Errors
    /// Another number of rows or values, in words.
    pub fn validate(&self, rows: usize, width: usize) -> Result<(), &'static str> {
        match self.counts.len() == rows && self.sums.len() == rows * width {
            true => Ok(()),
            false => Err("means of overlapping windows for other rows than those that wait"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(rows: usize, length: usize, stride: usize) -> Vec<usize> {
        let windows = Windows::new(length, stride).unwrap();
        (0..windows.count(rows)).map(|window| windows.start(window, rows)).collect()
    }

    #[test]
    fn spaced_windows_by_hand() {
        let windows = Windows::new(3, 1).unwrap();
        assert_eq!(windows.spaced(9, 3), [0, 2, 4]);
        assert_eq!(windows.spaced(9, 100), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!([windows.spaced(9, 0), windows.spaced(2, 5)], [[0], [0]]);
    }

    #[test]
    fn the_last_window_ends_with_the_series() {
        assert_eq!(starts(10, 4, 3), [0, 3, 6]);
        assert_eq!(starts(11, 4, 3), [0, 3, 6, 7]);
    }

    #[test]
    fn a_short_series_is_padded_with_its_last_row() {
        let windows = Windows::new(4, 2).unwrap();
        let mut out = vec![9.0];
        windows.gather(&[1.0, 2.0, 3.0, 4.0], 2, &mut out);
        assert_eq!(out, [9.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!((windows.count(2), windows.complete(2)), (1, 0));
    }

    #[test]
    fn overlaps_are_averaged_by_row_and_column() {
        let mut means = OverlapMean::default();
        means.add(0, 2, &[1.0, 10.0, 1.0, 10.0]);
        means.add(1, 2, &[3.0, 30.0, 3.0, 30.0]);
        assert!(means.validate(3, 2).is_ok() && means.validate(2, 2).is_err());
        assert_eq!(means.take(1), [1.0, 10.0]);
        means.add(1, 2, &[5.0, 50.0]);
        assert_eq!(means.take(2), [2.0, 20.0, 4.0, 40.0]);
        means.add(0, 1, &[1.0, 2.0, 3.0]);
        means.replace(1, 1, &[7.0, 8.0, 9.0]);
        assert_eq!(means.take(4), [1.0, 7.0, 8.0, 9.0]);
    }

    #[test]
    fn bad_settings_are_refused() {
        for (length, stride) in [(0, 1), (4, 0), (4, 5)] {
            assert!(Windows::new(length, stride).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_row_is_covered_and_complete_windows_are_not_moved(
            rows in 1usize..200,
            length in 1usize..40,
            stride in 1usize..40,
        ) {
            let windows = Windows::new(length, stride.min(length)).unwrap();
            let mut covered = 0;
            for window in 0..windows.count(rows) {
                let start = windows.start(window, rows);
                prop_assert!(start <= covered);
                let complete = window < windows.complete(rows);
                prop_assert_eq!(complete, windows.due(window) + length <= rows);
                if complete {
                    prop_assert_eq!(start, windows.due(window));
                }
                covered = start + length;
            }
            prop_assert!(covered >= rows);
            prop_assert!(windows.complete(rows) <= windows.count(rows));
            prop_assert!(windows.count(rows) <= windows.complete(rows) + 1);
        }
    }
}
