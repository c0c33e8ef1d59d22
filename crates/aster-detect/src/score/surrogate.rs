//! A surrogate validation set: training rows with pseudo-anomalies, which tell without labels what
//! each component of the score can be trusted with.

use aster_data::ScaledSeries;
use aster_decoder::GeneratorConfig;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// Kind of a pseudo-anomaly: what it is made of, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Values of another time, in place of noise.
    swapped: bool,
    /// 32 to 256 rows, in place of 4 to 32.
    long: bool,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [
        Self { swapped: false, long: false },
        Self { swapped: false, long: true },
        Self { swapped: true, long: false },
        Self { swapped: true, long: true },
    ];
}

/// Rows with pseudo-anomalies, and which of them are.
#[derive(Debug)]
pub(crate) struct Surrogate {
    pub(crate) series: ScaledSeries,
    pub(crate) labels: Vec<bool>,
}

impl Surrogate {
    /// Puts pseudo-anomalies of a kind into some rows of a scaled training series, in its first
    /// channels: calendar features, which follow, are as they are.
    pub(crate) fn draw(
        train: &ScaledSeries,
        channels: usize,
        rows: std::ops::Range<usize>,
        kind: Kind,
        generator: &GeneratorConfig,
        seed: u64,
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (c, count) = (train.channel_count(), rows.len());
        let mut series = train.slice(rows);
        let mut labels = vec![false; count];
        let lengths = if kind.long { 32..=256 } else { 4..=32 };
        let mut at = 0;
        loop {
            let length = rng.random_range(lengths.clone()).min(count / 4).max(1);
            // Between pseudo-anomalies lie one to six times as many rows.
            at += rng.random_range(length..=6 * length);
            if at + length > count {
                return Self { series, labels };
            }
            let share = rng.random::<f64>().powi(2) * channels as f64;
            let some = (share.round() as usize).clamp(1, channels);
            let chosen = sample(&mut rng, channels, some);
            let radius = generator.radius(&mut rng);
            let from = rng.random_range(0..=train.rows() - length);
            for channel in chosen {
                let constant: f32 = StandardNormal.sample(&mut rng);
                for row in 0..length {
                    let noise: f32 = StandardNormal.sample(&mut rng);
                    let place = &mut series.values_mut()[(at + row) * c + channel];
                    *place = match kind {
                        Kind { swapped: true, .. } => train.values()[(from + row) * c + channel],
                        Kind { long: true, .. } => *place + radius * constant,
                        Kind { long: false, .. } => *place + radius * noise,
                    };
                }
            }
            labels[at..at + length].fill(true);
            at += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_changes_the_labelled_rows_and_no_others() {
        let train = ScaledSeries::new((0..6000).map(|at| (at % 97) as f32).collect(), 3).unwrap();
        for kind in Kind::ALL {
            let generator = GeneratorConfig::default();
            let Surrogate { series, labels } =
                Surrogate::draw(&train, 2, 500..1500, kind, &generator, 7);
            assert_eq!((series.rows(), labels.len()), (1000, 1000));
            let share = labels.iter().filter(|it| **it).count() as f64 / 1000.0;
            assert!((0.05..0.6).contains(&share), "{kind:?}: {share}");
            let changed = |row: &usize| {
                series.values()[3 * row..3 * row + 3] != train.values()[1500 + 3 * row..][..3]
            };
            let changed: Vec<usize> = (0..1000).filter(changed).collect();
            let last = |row: &usize| series.values()[3 * row + 2] == train.values()[1502 + 3 * row];
            assert!((0..1000).all(|row| last(&row)), "{kind:?} changes what is no channel");
            assert!(!changed.is_empty() && changed.iter().all(|row| labels[*row]), "{kind:?}");
        }
    }
}
