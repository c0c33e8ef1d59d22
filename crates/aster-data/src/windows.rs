use serde::{Deserialize, Serialize};

use crate::{DataError, TimeSeries};

/// Where windows of a fixed length lie over a series.
///
/// Starts are `0, stride, 2*stride, ...`; the last window is moved back so that
/// it ends with the series, and every row is covered. A series shorter than a
/// window gets one window, padded by repeating its last row.
///
/// ```
/// use aster_data::Windows;
///
/// let windows = Windows::new(10, 4, 4)?; // rows, length, stride
/// let starts: Vec<usize> = (0..windows.count()).map(|window| windows.start(window)).collect();
/// assert_eq!(starts, [0, 4, 6]);
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    rows: usize,
    length: usize,
    stride: usize,
}

impl Windows {
    /// Windows of `length` rows, `stride` rows apart, over `rows` rows.
    ///
    /// # Errors
    /// No rows, a length of 0, or a stride outside `1..=length` (a larger one
    /// would leave rows uncovered).
    pub fn new(rows: usize, length: usize, stride: usize) -> Result<Self, DataError> {
        let setting = |name, expected, got: usize| DataError::Setting {
            name,
            expected,
            got: got.to_string(),
        };
        if rows == 0 {
            return Err(DataError::Empty { what: "the series to cut into windows".into() });
        }
        if length == 0 {
            return Err(setting("window length", "at least 1", length));
        }
        if stride == 0 || stride > length {
            return Err(setting("stride", "1 to the window length", stride));
        }
        Ok(Self { rows, length, stride })
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        self.rows.saturating_sub(self.length).div_ceil(self.stride) + 1
    }

    /// Rows per window T.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Rows between windows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// First row of a window.
    pub fn start(&self, window: usize) -> usize {
        (window * self.stride).min(self.rows.saturating_sub(self.length))
    }

    /// Replaces `out` by the given windows, `[B, T, C]` row-major.
    pub fn gather(&self, series: &TimeSeries, windows: &[usize], out: &mut Vec<f32>) {
        debug_assert_eq!(series.rows(), self.rows);
        out.clear();
        out.reserve(windows.len() * self.length * series.channel_count());
        for &window in windows {
            let start = self.start(window);
            let end = (start + self.length).min(self.rows);
            let c = series.channel_count();
            out.extend_from_slice(&series.values()[start * c..end * c]);
            for _ in end..start + self.length {
                out.extend_from_slice(series.row(self.rows - 1));
            }
        }
    }

    /// An empty fold of windows back to rows, of `width` values each: 1 for a score per
    /// row, C for one per row and channel.
    pub fn fold(&self, width: usize) -> WindowFold {
        WindowFold { windows: *self, width, rows: RowFold::default() }
    }
}

/// Averages overlapping windows: each row gets the mean over the windows that cover it. Of the
/// last window, which was moved back, only the rows count from where it would have started:
/// what is said of the others does not depend on where a series ends, so that a stream can say
/// it too. Memory is proportional to the rows and their width.
#[derive(Debug, Clone)]
pub struct WindowFold {
    windows: Windows,
    width: usize,
    rows: RowFold,
}

impl WindowFold {
    /// Adds the values `[T, width]` of one window; those of padding are ignored.
    pub fn add(&mut self, window: usize, values: &[f32]) {
        let (start, due) = (self.windows.start(window), window * self.windows.stride);
        let end = (start + self.windows.length).min(self.windows.rows);
        let counted = (due - start) * self.width..(end - start) * self.width;
        self.rows.add(due, self.width, &values[counted]);
    }

    /// `[rows, width]`, in order; rows whose windows were not added are 0.
    pub fn finish(mut self) -> Vec<f32> {
        self.rows.grow(self.windows.rows, self.width);
        self.rows.take(self.windows.rows)
    }
}

/// Means of what windows say of rows, from the first row that has not been taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RowFold {
    /// `[rows, width]`.
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl RowFold {
    /// Adds values `[n, width]` of the rows from `row` on.
    pub fn add(&mut self, row: usize, width: usize, values: &[f32]) {
        let end = row + values.len() / width;
        self.grow(end, width);
        self.counts[row..end].iter_mut().for_each(|count| *count += 1);
        let sums = self.sums[row * width..].iter_mut().zip(values);
        sums.for_each(|(sum, value)| *sum += f64::from(*value));
    }

    fn grow(&mut self, rows: usize, width: usize) {
        let rows = rows.max(self.counts.len());
        self.counts.resize(rows, 0);
        self.sums.resize(rows * width, 0.0);
    }

    /// Removes the first rows and gives their means `[rows, width]`; 0 where nothing was said.
    pub fn take(&mut self, rows: usize) -> Vec<f32> {
        let width = self.sums.len() / self.counts.len().max(1);
        let counts: Vec<u32> = self.counts.drain(..rows).collect();
        let counts = counts.into_iter().flat_map(|count| std::iter::repeat_n(count, width));
        let sums = self.sums.drain(..rows * width);
        sums.zip(counts).map(|(sum, count)| (sum / f64::from(count.max(1))) as f32).collect()
    }

    /// Whether it holds so many rows of so many values. One that was read may hold anything.
    pub fn holds(&self, rows: usize, width: usize) -> bool {
        self.counts.len() == rows && self.sums.len() == rows * width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_window_ends_with_the_series() {
        let windows = Windows::new(10, 4, 3).unwrap();
        let starts: Vec<_> = (0..windows.count()).map(|w| windows.start(w)).collect();
        assert_eq!(starts, [0, 3, 6]);
        let ragged = Windows::new(11, 4, 3).unwrap();
        let starts: Vec<_> = (0..ragged.count()).map(|w| ragged.start(w)).collect();
        assert_eq!(starts, [0, 3, 6, 7]);
    }

    #[test]
    fn a_short_series_is_padded_with_its_last_row() {
        let series = TimeSeries::from_slice(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        let windows = Windows::new(2, 4, 2).unwrap();
        let mut out = Vec::new();
        windows.gather(&series, &[0], &mut out);
        assert_eq!((windows.count(), out), (1, vec![1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]));
        let mut fold = windows.fold(1);
        fold.add(0, &[5.0, 6.0, 99.0, 99.0]);
        assert_eq!(fold.finish(), [5.0, 6.0]);
    }

    #[test]
    fn overlaps_are_averaged() {
        let windows = Windows::new(4, 3, 1).unwrap();
        let mut fold = windows.fold(1);
        fold.add(0, &[1.0, 1.0, 1.0]);
        fold.add(1, &[3.0, 3.0, 3.0]);
        assert_eq!(fold.finish(), [1.0, 2.0, 2.0, 3.0]);
    }

    #[test]
    fn a_window_that_was_moved_back_counts_from_where_it_would_have_started() {
        let windows = Windows::new(6, 4, 3).unwrap();
        let mut fold = windows.fold(1);
        fold.add(0, &[1.0, 1.0, 1.0, 1.0]);
        fold.add(1, &[9.0, 9.0, 3.0, 3.0]);
        assert_eq!(windows.start(1), 2);
        assert_eq!(fold.finish(), [1.0, 1.0, 1.0, 5.0, 3.0, 3.0]);
    }

    #[test]
    fn channels_are_folded_apart() {
        let windows = Windows::new(3, 2, 1).unwrap();
        let mut fold = windows.fold(2);
        fold.add(0, &[1.0, 10.0, 1.0, 10.0]);
        fold.add(1, &[3.0, 30.0, 3.0, 30.0]);
        assert_eq!(fold.finish(), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    }

    #[test]
    fn bad_settings_are_refused() {
        assert!(matches!(Windows::new(0, 4, 1), Err(DataError::Empty { .. })));
        for (length, stride) in [(0, 1), (4, 0), (4, 5)] {
            assert!(matches!(Windows::new(9, length, stride), Err(DataError::Setting { .. })));
        }
    }

    proptest! {
        #[test]
        fn folding_what_was_gathered_restores_the_series(
            values in prop::collection::vec(-1e3f32..1e3, 1..200),
            length in 1usize..40,
            stride in 1usize..40,
        ) {
            let stride = stride.min(length);
            let series = TimeSeries::from_slice(&values, 1).unwrap();
            let windows = Windows::new(values.len(), length, stride).unwrap();
            let (mut fold, mut buffer) = (windows.fold(1), Vec::new());
            for window in 0..windows.count() {
                windows.gather(&series, &[window], &mut buffer);
                prop_assert_eq!(buffer.len(), length);
                fold.add(window, &buffer);
            }
            let back = fold.finish();
            prop_assert_eq!(back.len(), values.len());
            for (a, b) in values.iter().zip(&back) {
                prop_assert!((a - b).abs() <= 1e-3);
            }
        }
    }
}
