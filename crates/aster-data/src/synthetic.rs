use std::f64::consts::TAU;
use std::ops::Range;

use aster_base::require;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::series::{TimeSeries, TrainSeries};

/// The kinds of anomaly that the generator injects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// A burst of large single-row jumps.
    Spike,
    /// A constant offset.
    LevelShift,
    /// A ramp.
    Trend,
    /// The seasonal pattern runs at another speed.
    Frequency,
    /// A channel follows a factor that it normally does not.
    CorrelationBreak,
    /// The sensor repeats one value.
    StuckSensor,
}

impl AnomalyKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Spike,
        Self::LevelShift,
        Self::Trend,
        Self::Frequency,
        Self::CorrelationBreak,
        Self::StuckSensor,
    ];
}

/// Injected anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// Kind of the anomaly.
    pub kind: AnomalyKind,
    /// The test rows affected.
    pub rows: Range<usize>,
    /// The channels affected.
    pub channels: Vec<usize>,
}

/// A seeded generator of correlated, seasonal channels with regimes: channels
/// mix a few periodic factors, whose amplitudes change from regime to regime,
/// plus autocorrelated noise. Ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SyntheticConfig {
    /// Training rows. Default: 4000.
    pub train_rows: usize,
    /// Test rows. Default: 2000.
    pub test_rows: usize,
    /// Channels C. Default: 8.
    pub channels: usize,
    /// Standard deviation of the noise; the factors have amplitude about 1.
    /// Default: 0.15.
    pub noise: f64,
    /// Kinds of anomaly, injected in turn. Default: all.
    pub kinds: Vec<AnomalyKind>,
    /// Number of anomalies in the test part. Default: 12.
    pub anomalies: usize,
    /// Rows per anomaly, at least and at most. Default: (15, 60).
    pub anomaly_rows: (usize, usize),
    /// Seed. Default: 0.
    pub seed: u64,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            train_rows: 4000,
            test_rows: 2000,
            channels: 8,
            noise: 0.15,
            kinds: AnomalyKind::ALL.to_vec(),
            anomalies: 12,
            anomaly_rows: (15, 60),
            seed: 0,
        }
    }
}

/// A generated training series, a labelled test series, and what was injected.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSplit {
    /// Normal rows only.
    pub train: TrainSeries,
    /// Rows that follow the training rows, with labels.
    pub test: TimeSeries,
    /// The anomalies, by row.
    pub injections: Vec<Injection>,
}

const FACTORS: usize = 3;

impl SyntheticConfig {
    /// Generates the series; the same config gives the same values.
    ///
    /// # Errors
    /// No channel or row, or anomalies that do not fit the test rows.
    pub fn generate(&self) -> Result<SyntheticSplit, DataError> {
        self.check()?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let world = World::draw(self.channels, &mut rng);
        let rows = self.train_rows + self.test_rows;
        let mut values = world.simulate(rows, self.noise, &mut rng);
        let injections = self.place(&mut rng);
        let mut labels = vec![false; self.test_rows];
        for injection in &injections {
            let first = self.train_rows + injection.rows.start;
            world.inject(&mut values, injection, first, &mut rng);
            labels[injection.rows.clone()].fill(true);
        }
        let names = (0..self.channels).map(|c| format!("sensor_{c}")).collect();
        let series = TimeSeries::new(names, values)?;
        Ok(SyntheticSplit {
            train: series.slice(0..self.train_rows)?.into_train(),
            test: series.slice(self.train_rows..rows)?.with_labels(labels)?,
            injections,
        })
    }

    fn check(&self) -> Result<(), DataError> {
        let (least, most) = self.anomaly_rows;
        if self.channels == 0 {
            return Err(DataError::NoFeatures);
        }
        let (ordered, got) = (least > 0 && most >= least, format!("{least}, {most}"));
        require("anomaly_rows", ordered, "1 <= least <= most", got)?;
        let room = |anomalies| !self.kinds.is_empty() && self.test_rows / anomalies > most;
        let got = format!("{} in {} rows", self.anomalies, self.test_rows);
        let expected = "a kind, and room for each beside normal rows";
        require("anomalies", self.anomalies == 0 || room(self.anomalies), expected, got)?;
        Ok(())
    }

    /// One anomaly per equal share of the test rows, so that none overlap.
    fn place(&self, rng: &mut StdRng) -> Vec<Injection> {
        let share = self.test_rows / self.anomalies.max(1);
        let mut channels: Vec<usize> = (0..self.channels).collect();
        (0..self.anomalies)
            .map(|i| {
                let length = rng.random_range(self.anomaly_rows.0..=self.anomaly_rows.1);
                let start = i * share + rng.random_range(0..share - length);
                channels.shuffle(rng);
                let affected = rng.random_range(1..=self.channels.div_ceil(3));
                Injection {
                    kind: self.kinds[i % self.kinds.len()],
                    rows: start..start + length,
                    channels: channels[..affected].to_vec(),
                }
            })
            .collect()
    }
}

/// The fixed laws of one generated system.
struct World {
    periods: [f64; FACTORS],
    phases: [f64; FACTORS],
    mixing: Vec<[f64; FACTORS]>,
}

impl World {
    fn draw(channels: usize, rng: &mut StdRng) -> Self {
        let mut weight = || StandardNormal.sample(&mut *rng);
        let mixing: Vec<[f64; FACTORS]> =
            (0..channels).map(|_| std::array::from_fn(|_| weight())).collect();
        Self {
            periods: std::array::from_fn(|f| {
                25.0 * 2.3f64.powi(f as i32) * rng.random_range(0.9..1.1)
            }),
            phases: std::array::from_fn(|_| rng.random_range(0.0..TAU)),
            mixing,
        }
    }

    fn factor(&self, f: usize, time: f64) -> f64 {
        (TAU * time / self.periods[f] + self.phases[f]).sin()
    }

    fn simulate(&self, rows: usize, noise: f64, rng: &mut StdRng) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows * self.mixing.len());
        let mut residual = vec![0.0; self.mixing.len()];
        let (mut amplitude, mut target) = ([1.0; FACTORS], [1.0; FACTORS]);
        for row in 0..rows {
            if row % 400 == 0 {
                target = std::array::from_fn(|_| if rng.random_bool(0.5) { 1.0 } else { 0.5 });
            }
            let state: [f64; FACTORS] = std::array::from_fn(|f| {
                amplitude[f] += 0.05 * (target[f] - amplitude[f]);
                amplitude[f] * self.factor(f, row as f64)
            });
            for (weights, residual) in self.mixing.iter().zip(&mut residual) {
                let shock: f64 = StandardNormal.sample(rng);
                // Stationary AR(1) of standard deviation `noise`.
                *residual = 0.7 * *residual + noise * (1.0 - 0.7f64.powi(2)).sqrt() * shock;
                let signal: f64 = weights.iter().zip(&state).map(|(w, s)| w * s).sum();
                values.push((signal + *residual) as f32);
            }
        }
        values
    }

    fn inject(&self, values: &mut [f32], injection: &Injection, first: usize, rng: &mut StdRng) {
        let (c, length) = (self.mixing.len(), injection.rows.len());
        for &channel in &injection.channels {
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let size = sign * rng.random_range(1.0..3.0);
            let stuck = values[first * c + channel];
            for i in 0..length {
                let progress = (i + 1) as f64 / length as f64;
                let mix = |speed: f64, shift: usize| -> f64 {
                    (0..FACTORS)
                        .map(|f| {
                            let weight = self.mixing[channel][(f + shift) % FACTORS];
                            weight * self.factor(f, first as f64 + speed * i as f64)
                        })
                        .sum()
                };
                let normal = mix(1.0, 0);
                let value = &mut values[(first + i) * c + channel];
                *value = match injection.kind {
                    AnomalyKind::Spike if i % 5 == 0 => *value + 1.5 * size as f32,
                    AnomalyKind::Spike => *value,
                    AnomalyKind::LevelShift => *value + size as f32,
                    AnomalyKind::Trend => *value + (1.5 * size * progress) as f32,
                    AnomalyKind::Frequency => *value + (mix(3.0, 0) - normal) as f32,
                    AnomalyKind::CorrelationBreak => *value + (mix(1.0, 1) - normal) as f32,
                    AnomalyKind::StuckSensor => stuck,
                };
            }
        }
    }
}

aster_base::words!(AnomalyKind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_series_and_labels_match_injections() {
        let config = SyntheticConfig::default();
        let split = config.generate().unwrap();
        assert_eq!(split, config.generate().unwrap());
        let other = SyntheticConfig { seed: 1, ..config }.generate().unwrap();
        assert_ne!(split.test.values(), other.test.values());
        let labelled = split.test.labels().unwrap().iter().filter(|l| **l).count();
        assert_eq!(labelled, split.injections.iter().map(|i| i.rows.len()).sum::<usize>());
        for kind in AnomalyKind::ALL {
            assert!(split.injections.iter().any(|i| i.kind == kind));
        }
    }

    #[test]
    fn every_injection_changes_its_channels_and_nothing_else() {
        let clean = SyntheticConfig { anomalies: 0, ..Default::default() }.generate().unwrap();
        let split = SyntheticConfig::default().generate().unwrap();
        assert_eq!(clean.train, split.train);
        for row in 0..clean.test.rows() {
            for channel in 0..clean.test.channel_count() {
                let hit = split
                    .injections
                    .iter()
                    .any(|i| i.rows.contains(&row) && i.channels.contains(&channel));
                if !hit {
                    assert_eq!(clean.test.row(row)[channel], split.test.row(row)[channel]);
                }
            }
        }
        for injection in &split.injections {
            let moved = injection.rows.clone().any(|row| {
                let c = injection.channels[0];
                clean.test.row(row)[c] != split.test.row(row)[c]
            });
            assert!(moved, "{injection:?} left its rows as they were");
        }
    }

    #[test]
    fn settings_that_do_not_fit_are_errors() {
        let crowded = SyntheticConfig { anomalies: 100, ..Default::default() };
        assert!(matches!(crowded.generate(), Err(DataError::Setting(_))));
        let none = SyntheticConfig { channels: 0, ..Default::default() };
        assert!(matches!(none.generate(), Err(DataError::NoFeatures)));
    }
}
