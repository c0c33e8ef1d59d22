use std::ops::Range;

use aster_base::SettingError;
use aster_data::{ScaledSeries, Windows};
use rayon::prelude::*;

use crate::score::apart::overlaps;

/// Memory bank: windows of the training series, and how far others are from the nearest of them.
///
/// Distances are computed where the windows are gathered, on the host: a window has the same one
/// whichever others it comes with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemoryBank {
    /// `[n, T * C]`.
    windows: Vec<f32>,
    /// Values of a window.
    width: usize,
}

/// Numbers that are added side by side.
const LANES: usize = 16;
/// Numbers after which a distance may already be too long.
const BLOCK: usize = 16 * LANES;

impl MemoryBank {
    /// Keeps so many windows of a series' first rows, evenly spaced, or as many as there are; of
    /// these none with a row that is left out, if there are others.
    ///
    /// # Errors
    /// A window of no rows.
    pub(crate) fn fit(
        train: &ScaledSeries,
        rows: usize,
        window: usize,
        size: usize,
        left_out: &[Range<usize>],
    ) -> Result<Self, SettingError> {
        let layout = Windows::new(window, 1)?;
        // Of all rows where these do not fill a window.
        let rows = if rows < window { train.rows() } else { rows };
        let mut numbers = layout.spaced(rows, size);
        let usual = |start: &usize| !overlaps(left_out, *start..start + window);
        if numbers.iter().any(usual) {
            numbers.retain(usual);
        }
        let windows = layout.of_series(train, &numbers);
        Ok(Self { windows, width: window * train.channel_count() })
    }

    /// Makes a bank of windows `[n, T * C]`, at least one; none where they are not whole.
    pub(crate) fn of(windows: Vec<f32>, width: usize) -> Option<Self> {
        let whole = !windows.is_empty() && windows.len().is_multiple_of(width);
        whole.then_some(Self { windows, width })
    }

    /// The windows, `[n, T, C]`.
    pub(crate) fn values(&self) -> &[f32] {
        &self.windows
    }

    /// Distances of windows `[B, T, C]` from the nearest in the bank.
    pub(crate) fn distances(&self, windows: &[f32]) -> Vec<f32> {
        windows.par_chunks(self.width).map(|window| self.nearest(window).sqrt()).collect()
    }

    fn nearest(&self, window: &[f32]) -> f32 {
        let banked = self.windows.chunks(self.width);
        banked.fold(f32::MAX, |least, banked| squared_distance(window, banked, least))
    }
}

/// Squared distance, or `most` where it is no less.
fn squared_distance(a: &[f32], b: &[f32], most: f32) -> f32 {
    let mut sum = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = [0.0; LANES];
        for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += (a - b) * (a - b);
            }
        }
        sum += lanes.iter().sum::<f32>();
        if sum >= most {
            return most;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_evenly_spaced_windows_counts() {
        let train = ScaledSeries::new((0..20).map(|at| at as f32).collect(), 2).unwrap();
        // Rows 0, 3 and 6 of seven windows of rows 0 to 8.
        let bank = MemoryBank::fit(&train, 9, 3, 3, &[]).unwrap();
        let first = |rows: [f32; 3]| rows.map(|row| [2.0 * row, 2.0 * row + 1.0]).concat();
        let expected = [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 6.0]].map(first).concat();
        assert_eq!(bank.values(), expected);
        assert_eq!(
            bank.distances(&[first([2.0, 3.0, 4.0]), vec![1.0; 6]].concat()),
            [0.0, (1.0f32 + 0.0 + 1.0 + 4.0 + 9.0 + 16.0).sqrt(),]
        );
        let without = MemoryBank::fit(&train, 9, 3, 3, &[5..6, 12..13]).unwrap();
        assert_eq!(without.values(), [first([0.0, 1.0, 2.0]), first([2.0, 3.0, 4.0])].concat());
        let none_left = MemoryBank::fit(&train, 9, 3, 3, &[0..5, 5..20]).unwrap();
        assert_eq!(none_left, bank);
        let all = MemoryBank::fit(&train, 9, 3, 100, &[]).unwrap();
        assert_eq!(all.values().len(), 7 * 6);
        assert_eq!(MemoryBank::of(all.values().to_vec(), 6), Some(all));
        assert_eq!(MemoryBank::of(vec![1.0; 7], 6), None);
    }

    #[test]
    fn a_short_series_goes_on_with_its_last_row() {
        let train = ScaledSeries::new(vec![1.0, 2.0], 1).unwrap();
        assert_eq!(MemoryBank::fit(&train, 1, 4, 9, &[]).unwrap().values(), [1.0, 2.0, 2.0, 2.0]);
    }

    proptest::proptest! {
        #[test]
        fn distances_are_those_of_euclid(
            a in proptest::collection::vec(-9.0f32..9.0, 700),
            b in proptest::collection::vec(-9.0f32..9.0, 700),
        ) {
            let sum: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let bank = MemoryBank::of(b, 700).unwrap();
            approx::assert_relative_eq!(f64::from(bank.distances(&a)[0]), sum.sqrt(), max_relative = 1e-4);
        }
    }
}
