//! Clean series of five kinds that do not change: every alarm on them is a false one.

use aster::data::{DataError, TimeSeries};
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal, StudentT};

/// Kind of a stationary series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Independent normal values.
    White,
    /// Autoregressive, with a coefficient of 0.7 to 0.98 by channel.
    Autocorrelated,
    /// Two harmonics of a period of 48 to 300 rows, with noise.
    Seasonal,
    /// Independent values with heavy tails: Student's t with 3 degrees of freedom, a power of them,
    /// log-normal ones.
    HeavyTailed,
    /// Machine cycles of four levels, each of another length, smoothed, with noise.
    Cycles,
}

/// Channels of each series.
const CHANNELS: usize = 5;

impl Kind {
    /// Draws so many rows.
    ///
    /// # Errors
    /// No rows.
    pub fn draw(self, rows: usize, seed: u64) -> Result<TimeSeries, DataError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let values = match self {
            Self::White => normals(&mut rng, rows),
            Self::Autocorrelated => autocorrelated(&mut rng, rows),
            Self::Seasonal => seasonal(&mut rng, rows),
            Self::HeavyTailed => heavy_tailed(&mut rng, rows),
            Self::Cycles => cycles(&mut rng, rows),
        };
        TimeSeries::from_slice(&values, CHANNELS)
    }
}

pub(crate) fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

fn normals(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    (0..rows * CHANNELS).map(|_| normal(rng)).collect()
}

fn autocorrelated(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    let share: [f64; CHANNELS] = std::array::from_fn(|_| rng.random_range(0.7..0.98));
    let mut values = normals(rng, rows);
    for at in CHANNELS..values.len() {
        values[at] += share[at % CHANNELS] * values[at - CHANNELS];
    }
    values
}

fn seasonal(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    let turn = std::f64::consts::TAU / f64::from(rng.random_range(48..300u32));
    let channel: [(f64, f64); CHANNELS] = std::array::from_fn(|_| {
        (rng.random_range(1.0..3.0), rng.random_range(0.0..std::f64::consts::TAU))
    });
    let mut values = normals(rng, rows);
    for (at, value) in values.iter_mut().enumerate() {
        let (height, phase) = channel[at % CHANNELS];
        let angle = turn * (at / CHANNELS) as f64 + phase;
        *value = 0.3 * *value + height * (angle.sin() + 0.3 * (2.0 * angle).sin());
    }
    values
}

fn heavy_tailed(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    // Three degrees of freedom are more than none.
    let tail = StudentT::new(3.0).ok();
    let draw = |channel: usize, rng: &mut StdRng| match (channel, &tail) {
        (0, Some(tail)) => Distribution::<f64>::sample(tail, rng).abs().powf(1.5),
        (1, _) | (_, None) => normal(rng).exp(),
        (_, Some(tail)) => tail.sample(rng),
    };
    (0..rows * CHANNELS).map(|at| draw(at % CHANNELS, rng)).collect()
}

fn cycles(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    let length = f64::from(rng.random_range(30..90u32));
    let levels: Vec<f64> = (0..4 * CHANNELS).map(|_| 2.0 * normal(rng)).collect();
    let (mut values, mut smooth) = (Vec::with_capacity(rows * CHANNELS), [0.0; CHANNELS]);
    while values.len() < rows * CHANNELS {
        let length = (length * rng.random_range(0.85..1.15)) as usize;
        for row in 0..length {
            let level = &levels[4 * row / length * CHANNELS..][..CHANNELS];
            for (smooth, level) in smooth.iter_mut().zip(level) {
                *smooth = 0.7 * *smooth + 0.3 * level;
                values.push(*smooth + 0.1 * normal(rng));
            }
        }
    }
    values.truncate(rows * CHANNELS);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_one_series_that_stays_where_it_is() {
        for kind in Kind::value_variants() {
            let series = kind.draw(8000, 3).unwrap();
            assert_eq!((series.rows(), series.channel_count()), (8000, CHANNELS));
            assert_eq!(series, kind.draw(8000, 3).unwrap());
            let median = |rows: std::ops::Range<usize>| {
                let part = series.slice(rows).unwrap();
                let mut values: Vec<f64> = part.channel(2).collect();
                values.sort_by(f64::total_cmp);
                (values[2000], values[3200] - values[800])
            };
            let ((first, spread), (second, _)) = (median(0..4000), median(4000..8000));
            assert!((first - second).abs() < 0.3 * spread, "{kind:?}: {first} and {second}");
        }
    }
}
