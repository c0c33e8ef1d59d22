/// Sequences of equally many rows, of which the nearest to others is looked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequences {
    /// `[n, R, C]`.
    values: Vec<f32>,
    /// Means of each one's segments by channel, the last segment first, `[n, S, C]`.
    means: Vec<f32>,
    /// R.
    rows: usize,
    channels: usize,
}

/// Rows of a segment.
const SEGMENT: usize = 8;
/// What a bound may be too large by, as it is a sum that is rounded.
const ROUNDED: f32 = 0.999;
/// Numbers that are added side by side.
const LANES: usize = 16;
/// Numbers after which a distance may already be too long.
const BLOCK: usize = 16 * LANES;

impl Sequences {
    /// Takes sequences `[n, R, C]`.
    pub(crate) fn new(values: Vec<f32>, rows: usize, channels: usize) -> Self {
        let each = values.chunks(rows * channels);
        let means = each.flat_map(|rows| segment_means(rows, channels)).collect();
        Self { values, means, rows, channels }
    }

    /// The sequences, `[n, R, C]`.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// R.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The last rows `[n, C]` of each that are so many numbers.
    pub(crate) fn last(&self, numbers: usize) -> impl Iterator<Item = &[f32]> {
        let each = self.values.chunks(self.rows * self.channels);
        each.map(move |rows| &rows[rows.len() - numbers..])
    }

    /// Squared distance of rows `[n, C]` from the nearest of the last n rows of each.
    ///
    /// Means of segments bound a distance from below (piecewise aggregate approximation, Keogh et al.,
    /// KAIS 2001), so that most are never computed.
    pub(crate) fn nearest(&self, rows: &[f32]) -> f32 {
        let means = segment_means(rows, self.channels);
        let each = self.rows / SEGMENT * self.channels;
        let bound = |at: usize| {
            let own = &self.means[at * each..][..means.len()];
            ROUNDED * SEGMENT as f32 * squared_distance(&means, own, f32::MAX)
        };
        let last: Vec<&[f32]> = self.last(rows.len()).collect();
        let bounds: Vec<f32> = (0..last.len()).map(bound).collect();
        // What is likely the nearest first: the others are the sooner too far.
        let likely = bounds.iter().zip(&last).min_by(|(a, _), (b, _)| a.total_cmp(b));
        let least = likely.map_or(f32::MAX, |(_, own)| squared_distance(rows, own, f32::MAX));
        bounds.iter().zip(&last).fold(least, |least, (bound, own)| match *bound < least {
            true => squared_distance(rows, own, least),
            false => least,
        })
    }
}

/// Means of whole segments of rows `[n, C]` by channel, the last segment first.
fn segment_means(rows: &[f32], channels: usize) -> Vec<f32> {
    let segments = rows.rchunks_exact(SEGMENT * channels);
    let means = segments.flat_map(|rows| {
        let mut means = vec![0.0; channels];
        for row in rows.chunks(channels) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / SEGMENT as f32);
        }
        means
    });
    means.collect()
}

/// Squared distance, or `most` where it is no less.
pub(crate) fn squared_distance(a: &[f32], b: &[f32], most: f32) -> f32 {
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
    fn segments_are_counted_from_the_end() {
        let rows: Vec<f32> = (0..20).flat_map(|row| [row as f32, 1.0]).collect();
        assert_eq!(segment_means(&rows, 2), [15.5, 1.0, 7.5, 1.0]);
        assert!(segment_means(&rows[..14], 2).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn none_that_is_nearer_is_passed_over(
            values in proptest::collection::vec(-9.0f32..9.0, 20 * 19 * 2),
            of in proptest::collection::vec(-9.0f32..9.0, 19 * 2),
            rows in 1usize..=19,
            like in 0usize..20,
            noise in 0.0f32..2.0,
        ) {
            let sequences = Sequences::new(values, 19, 2);
            let last = &of[..2 * rows];
            let noisy = sequences.last(2 * rows).nth(like).unwrap().iter().zip(last);
            let rows: Vec<f32> = noisy.map(|(value, of)| value + noise * of).collect();
            let all = sequences.last(rows.len()).map(|own| squared_distance(&rows, own, f32::MAX));
            let least = all.fold(f32::MAX, f32::min);
            proptest::prop_assert_eq!(sequences.nearest(&rows), least);
        }
    }
}
