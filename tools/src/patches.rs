//! Windows without their level and spread under a random encoder: how far each is from those of
//! training. What a learned encoder of patches has to beat (compare PaAno, 2025).

use aster::data::{OverlapMean, ScaledSeries, Windows};
use ndarray::{Array2, Axis};
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

/// Rows of a window.
const LENGTH: usize = 96;
/// Rows between windows that are scored.
const STRIDE: usize = 4;
/// Features of the encoder.
const WIDTH: usize = 128;
/// Windows of training that are kept at most, evenly spaced.
const BANK: usize = 2000;
/// Nearest ones whose mean distance counts.
const NEIGHBOURS: usize = 3;
/// Windows that are encoded at once.
const BATCH: usize = 256;
/// Spread below which a channel of a window counts as still, in units of the training spread.
const STILL: f32 = 1e-3;

/// A random layer with a rectifier, and the features of training windows.
#[derive(Debug)]
pub struct Patches {
    /// `[T * C, D]`.
    weights: Array2<f32>,
    /// `[n, D]`.
    bank: Array2<f32>,
}

impl Patches {
    /// Draws an encoder, and keeps what it makes of training windows.
    ///
    /// # Errors
    /// None that is known.
    pub fn fit(train: &ScaledSeries, seed: u64) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let inputs = LENGTH * train.channel_count();
        let scale = (inputs as f32).sqrt().recip();
        let draw = || {
            let value: f32 = StandardNormal.sample(&mut rng);
            value * scale
        };
        let weights = Array2::from_shape_simple_fn((inputs, WIDTH), draw);
        let mut patches = Self { weights, bank: Array2::zeros((0, WIDTH)) };
        let windows = Windows::new(LENGTH, 1)?;
        let count = windows.count(train.rows());
        let numbers: Vec<usize> = (0..count).step_by(count.div_ceil(BANK)).collect();
        patches.bank = patches.encode(train, &windows, &numbers)?;
        Ok(patches)
    }

    /// Mean distance of the windows that cover a row from the nearest of training, per row.
    ///
    /// # Errors
    /// None that is known.
    pub fn score(&self, series: &ScaledSeries) -> anyhow::Result<Vec<f32>> {
        let (windows, rows) = (Windows::new(LENGTH, STRIDE)?, series.rows());
        let mut means = OverlapMean::default();
        let numbers: Vec<usize> = (0..windows.count(rows)).collect();
        let lengths = self.bank.map_axis(Axis(1), |row| row.dot(&row));
        for batch in numbers.chunks(BATCH) {
            let features = self.encode(series, &windows, batch)?;
            let products = features.dot(&self.bank.t());
            for ((number, feature), products) in
                batch.iter().zip(features.rows()).zip(products.rows())
            {
                let own = feature.dot(&feature);
                let gaps = products.iter().zip(&lengths).map(|(product, length)| {
                    // Rounding may leave less than nothing.
                    (own + length - 2.0 * product).max(0.0).sqrt()
                });
                let mut gaps: Vec<f32> = gaps.collect();
                gaps.sort_unstable_by(f32::total_cmp);
                gaps.truncate(NEIGHBOURS);
                let mean = gaps.iter().sum::<f32>() / gaps.len() as f32;
                means.add(windows.start(*number, rows), 1, &vec![mean; LENGTH.min(rows)]);
            }
        }
        Ok(means.take(rows))
    }

    /// `[n, D]`.
    fn encode(
        &self,
        series: &ScaledSeries,
        windows: &Windows,
        numbers: &[usize],
    ) -> anyhow::Result<Array2<f32>> {
        let (c, rows) = (series.channel_count(), series.rows());
        let mut features = Array2::zeros((0, WIDTH));
        for batch in numbers.chunks(BATCH) {
            let mut values = vec![];
            for number in batch {
                let from = values.len();
                let start = windows.start(*number, rows);
                windows.gather(&series.values()[start * c..], c, &mut values);
                (0..c).for_each(|channel| normalise(&mut values[from..], channel, c));
            }
            let values = Array2::from_shape_vec((batch.len(), LENGTH * c), values)?;
            let rectified = values.dot(&self.weights).mapv_into(|value| value.max(0.0));
            features.append(Axis(0), rectified.view())?;
        }
        Ok(features)
    }
}

/// Takes level and spread from a channel of a window `[T, C]`.
fn normalise(window: &mut [f32], channel: usize, channels: usize) {
    let own = || window.iter().skip(channel).step_by(channels);
    let mean = own().sum::<f32>() / LENGTH as f32;
    let square = own().map(|value| (value - mean).powi(2)).sum::<f32>() / LENGTH as f32;
    let spread = square.sqrt().max(STILL);
    for value in window.iter_mut().skip(channel).step_by(channels) {
        *value = (*value - mean) / spread;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_shape_stands_out_and_another_level_does_not() {
        let sine = |row: usize| (row as f32 / 5.0).sin();
        let train = ScaledSeries::new((0..2000).map(sine).collect(), 1).unwrap();
        let test = (0..1200).map(|row| match row {
            200..600 => sine(row) + 5.0,
            800..900 => (row as f32).sin(),
            _ => sine(row),
        });
        let test = ScaledSeries::new(test.collect(), 1).unwrap();
        let scores = Patches::fit(&train, 0).unwrap().score(&test).unwrap();
        assert_eq!(scores.len(), 1200);
        assert!(scores[850] > 5.0 * scores[400], "{} {}", scores[850], scores[400]);
        assert!(scores[850] > 5.0 * scores[100], "{} {}", scores[850], scores[100]);
    }
}
