use std::borrow::Cow;
use std::ops::Range;

use aster_base::SettingError;
use aster_data::{ScaledSeries, Windows};
use ndarray::{Array2, ArrayView1, Axis, Slice};
use rayon::prelude::*;

use crate::score::apart::overlaps;
use crate::score::reading::Reading;

/// Memory bank: subsequences of the training series, and how far others are from the nearest of them.
///
/// Distances are computed where the rows are gathered, on the host: a window has the same ones whichever
/// others it comes with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemoryBank {
    subsequences: Banked,
    /// Subsequences whose channels are less their means.
    centred: Banked,
    /// The windows that they end with.
    windows: Banked,
    channels: usize,
}

/// Subsequences, and what of their distances does not depend on what is compared with them.
#[derive(Debug, Clone, PartialEq)]
struct Banked {
    /// `[n, R * C]`.
    values: Array2<f32>,
    /// Sum of the squares of each.
    norms: Vec<f32>,
}

impl Banked {
    fn new<R: AsRef<[f32]>>(rows: &[R]) -> Self {
        let values = stacked(rows);
        let norms = values.rows().into_iter().map(|row| row.dot(&row)).collect();
        Self { values, norms }
    }
}

/// Subsequences whose nearest are looked for at once.
const AT_ONCE: usize = 64;

impl MemoryBank {
    /// Keeps so many subsequences of a series' first rows, evenly spaced, or as many as there are; of
    /// these none with a row that is left out, if there are others. They have `most` rows where the series
    /// does, a window at least.
    ///
    /// # Errors
    /// A window of no rows.
    pub(crate) fn fit(
        train: &ScaledSeries,
        rows: usize,
        window: usize,
        most: usize,
        size: usize,
        left_out: &[Range<usize>],
    ) -> Result<Self, SettingError> {
        // Of all rows where these do not fill a window.
        let rows = if rows < window { train.rows() } else { rows };
        let length = most.min(rows).max(window);
        let layout = Windows::new(length, 1)?;
        let mut numbers = layout.spaced(rows, size);
        let usual = |start: &usize| !overlaps(left_out, *start..start + length);
        if numbers.iter().any(usual) {
            numbers.retain(usual);
        }
        let channels = train.channel_count();
        Ok(Self::new(&layout.of_series(train, &numbers), length, window, channels))
    }

    /// Makes a bank of subsequences `[n, R, C]`, at least one; none where they are not whole, or shorter
    /// than a window.
    pub(crate) fn of(
        subsequences: &[f32],
        rows: usize,
        window: usize,
        channels: usize,
    ) -> Option<Self> {
        let whole = !subsequences.is_empty() && subsequences.len().is_multiple_of(rows * channels);
        (whole && rows >= window).then(|| Self::new(subsequences, rows, window, channels))
    }

    fn new(subsequences: &[f32], rows: usize, window: usize, channels: usize) -> Self {
        let each: Vec<&[f32]> = subsequences.chunks(rows * channels).collect();
        let centred: Vec<Vec<f32>> = each.iter().map(|rows| centred(rows, channels)).collect();
        let windows: Vec<&[f32]> = each.iter().map(|it| last(it, window * channels)).collect();
        Self {
            subsequences: Banked::new(&each),
            centred: Banked::new(&centred),
            windows: Banked::new(&windows),
            channels,
        }
    }

    /// The subsequences, `[n, R, C]`.
    pub(crate) fn values(&self) -> Vec<f32> {
        self.subsequences.values.iter().copied().collect()
    }

    /// Rows R of a subsequence.
    pub(crate) fn rows(&self) -> usize {
        self.subsequences.values.ncols() / self.channels
    }

    /// Returns the subsequences that a reading compares with.
    fn banked(&self, of: Reading) -> &Banked {
        match of {
            Reading::BankDistance => &self.windows,
            Reading::CentredDistance => &self.centred,
            _ => &self.subsequences,
        }
    }

    /// Values that a reading compares, of some rows `[n, C]` of which the last are a window.
    fn read<'a>(&self, rows: &'a [f32], of: Reading) -> Cow<'a, [f32]> {
        match of {
            Reading::BankDistance => Cow::Borrowed(last(rows, self.windows.values.ncols())),
            Reading::CentredDistance => Cow::Owned(centred(rows, self.channels)),
            _ => Cow::Borrowed(rows),
        }
    }

    /// Distances, from the nearest in the bank, of what a reading takes of each of some rows `[n, C]`, at
    /// most R, of which the last are a window: roots of the mean squared distance by row.
    pub(crate) fn distances(&self, all: &[Vec<f32>], of: Reading) -> Vec<f32> {
        let read: Vec<Cow<[f32]>> = all.par_iter().map(|rows| self.read(rows, of)).collect();
        let whole = self.banked(of);
        // Those at the start of a series are shorter.
        let alike = read.chunk_by(|a, b| a.len() == b.len());
        let squared = alike.flat_map(|rows| {
            let numbers = rows.first().map_or(0, |it| it.len());
            if numbers == whole.values.ncols() {
                return nearest(rows, whole);
            }
            let tails = self.subsequences.values.rows().into_iter().map(|row| {
                let tail = row.slice_axis(Axis(0), Slice::from(row.len() - numbers..)).to_vec();
                if of == Reading::CentredDistance { centred(&tail, self.channels) } else { tail }
            });
            nearest(rows, &Banked::new(&tails.collect::<Vec<_>>()))
        });
        let distance = |(squared, rows): (f32, &Cow<[f32]>)| {
            (squared / (rows.len() / self.channels) as f32).sqrt()
        };
        squared.zip(&read).map(distance).collect()
    }
}

/// The last of some values.
fn last(values: &[f32], count: usize) -> &[f32] {
    &values[values.len() - count..]
}

/// Squared distance of each of some numbers from the nearest of as many that are banked.
///
/// Products tell which is the nearest, many at once, to their own precision: the distance from it is then
/// computed for itself, so that it is 0 from an equal one.
fn nearest<R: AsRef<[f32]> + Sync>(all: &[R], Banked { values: bank, norms }: &Banked) -> Vec<f32> {
    let of_one = |(numbers, products): (&R, ArrayView1<'_, f32>)| {
        let apart = norms.iter().zip(products).map(|(norm, product)| norm - 2.0 * product);
        let nearest = apart.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let banked = nearest.map(|(number, _)| bank.row(number));
        banked.map_or(f32::MAX, |banked| {
            let pairs = numbers.as_ref().iter().zip(banked);
            pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() as f32
        })
    };
    let of_some = |all: &[R]| {
        let products = stacked(all).dot(&bank.t());
        all.iter().zip(products.rows()).map(of_one).collect::<Vec<_>>()
    };
    all.par_chunks(AT_ONCE).flat_map_iter(of_some).collect()
}

/// Rows of as many numbers each as an array.
fn stacked<R: AsRef<[f32]>>(rows: &[R]) -> Array2<f32> {
    let numbers = rows.first().map_or(0, |row| row.as_ref().len());
    Array2::from_shape_fn((rows.len(), numbers), |(row, at)| rows[row].as_ref()[at])
}

/// Rows `[n, C]`, each channel less its mean over them.
fn centred(rows: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    for row in rows.chunks(channels) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let count = (rows.len() / channels) as f64;
    let means: Vec<f32> = sums.into_iter().map(|sum| (sum / count) as f32).collect();
    rows.chunks(channels).flat_map(|row| row.iter().zip(&means).map(|(x, mean)| x - mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(values: Vec<f32>, rows: usize, window: usize) -> MemoryBank {
        MemoryBank::of(&values, rows, window, 1).unwrap()
    }

    #[test]
    fn the_nearest_of_evenly_spaced_windows_counts() {
        let train = ScaledSeries::new((0..20).map(|at| at as f32).collect(), 2).unwrap();
        let fit = |size, left_out: &[_]| MemoryBank::fit(&train, 9, 3, 3, size, left_out).unwrap();
        // Rows 0, 3 and 6 of seven windows of rows 0 to 8.
        let bank = fit(3, &[]);
        let first = |rows: [f32; 3]| rows.map(|row| [2.0 * row, 2.0 * row + 1.0]).concat();
        let expected = [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 6.0]].map(first).concat();
        assert_eq!(bank.values(), expected);
        assert_eq!(
            bank.distances(&[first([2.0, 3.0, 4.0]), vec![1.0; 6]], Reading::BankDistance),
            [0.0, ((1.0f32 + 0.0 + 1.0 + 4.0 + 9.0 + 16.0) / 3.0).sqrt(),]
        );
        let without = fit(3, &[5..6, 12..13]);
        assert_eq!(without.values(), [first([0.0, 1.0, 2.0]), first([2.0, 3.0, 4.0])].concat());
        let none_left = fit(3, &[0..5, 5..20]);
        assert_eq!(none_left, bank);
        let all = fit(100, &[]);
        assert_eq!(all.values().len(), 7 * 6);
        assert_eq!(MemoryBank::of(&all.values(), 3, 3, 2), Some(all));
        assert_eq!(MemoryBank::of(&[1.0; 7], 3, 3, 2), None);
        assert_eq!(MemoryBank::of(&[1.0; 6], 3, 4, 2), None, "shorter than a window");
    }

    #[test]
    fn subsequences_are_as_long_as_the_series_allows() {
        let train = ScaledSeries::new(vec![1.0, 2.0, 4.0, 8.0, 16.0], 1).unwrap();
        let fit = |rows, most| MemoryBank::fit(&train, rows, 2, most, 9, &[]).unwrap();
        assert_eq!(fit(4, 3).values(), [1.0, 2.0, 4.0, 2.0, 4.0, 8.0]);
        assert_eq!((fit(4, 9).values(), fit(4, 9).rows()), (vec![1.0, 2.0, 4.0, 8.0], 4));
        // Rows that do not fill a window: all of them.
        assert_eq!(fit(1, 9).rows(), 5);
        let short = ScaledSeries::new(vec![1.0, 2.0], 1).unwrap();
        let short = MemoryBank::fit(&short, 1, 4, 9, 9, &[]).unwrap();
        assert_eq!(short.values(), [1.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn readings_take_the_window_the_rows_and_what_is_left_of_them_without_their_level() {
        let bank = bank(vec![9.0, 0.0, 1.0, 2.0, 0.0, 5.0, 5.0, 5.0], 4, 2);
        let of = |rows: &[f32], reading| bank.distances(&[rows.to_vec()], reading)[0];
        let root = |squares: f32, rows: f32| (squares / rows).sqrt();
        let rows = [9.0, 0.0, 2.0, 2.0];
        assert_eq!(of(&rows, Reading::BankDistance), root(1.0, 2.0));
        assert_eq!(of(&rows, Reading::SubsequenceDistance), root(1.0, 4.0));
        let moved = rows.map(|value| value + 100.0);
        let apart = root(0.75f32.powi(2) + 3.0 * 0.25f32.powi(2), 4.0);
        approx::assert_relative_eq!(of(&moved, Reading::CentredDistance), apart, epsilon = 1e-5);
        // Of three rows, the last three of each: 0 1 2 is the nearest to 7 8 9 without a level.
        assert_eq!(of(&[7.0, 8.0, 9.0], Reading::CentredDistance), 0.0);
        assert_eq!(of(&[0.0, 1.0, 3.0], Reading::SubsequenceDistance), root(1.0, 3.0));
    }

    #[test]
    fn beyond_all_numbers_is_as_far_as_can_be() {
        let bank = bank(vec![0.0, 0.0], 2, 2);
        for reading in [Reading::BankDistance, Reading::CentredDistance] {
            assert!(bank.distances(&[vec![-3e38, 3e38]], reading)[0] > 1e18);
        }
    }

    proptest::proptest! {
        #[test]
        fn distances_are_those_of_euclid(
            a in proptest::collection::vec(-9.0f32..9.0, 700),
            b in proptest::collection::vec(-9.0f32..9.0, 700),
        ) {
            let mean = |values: &[f32]| values.iter().map(|x| f64::from(*x)).sum::<f64>() / 700.0;
            let (level_a, level_b) = (mean(&a), mean(&b));
            let square = |offset: f64| {
                let pairs = a.iter().zip(&b);
                let sum: f64 = pairs.map(|(a, b)| (f64::from(a - b) - offset).powi(2)).sum();
                (sum / 700.0).sqrt()
            };
            let bank = bank(b.clone(), 700, 700);
            let of = |reading| f64::from(bank.distances(std::slice::from_ref(&a), reading)[0]);
            approx::assert_relative_eq!(of(Reading::BankDistance), square(0.0), max_relative = 1e-4);
            let expected = square(level_a - level_b);
            approx::assert_relative_eq!(of(Reading::CentredDistance), expected, max_relative = 1e-4);
        }
    }
}
