use std::collections::VecDeque;

use aster_base::{
    SettingError, at_least_one, open_share, quantile_index, require, share_above_zero,
    share_below_one,
};
use serde::{Deserialize, Serialize};

use crate::tail::ParetoTail;

/// Adaptation of a threshold to scores whose normal level has moved since training (drift).
///
/// It reads the scores so far and no label, so a stream and a finished series alarm alike.
///
/// ```
/// use aster_eval::DriftConfig;
///
/// let drift = DriftConfig::default();
/// let scores: Vec<f32> = (0..500).map(|row| if row < 100 { 0.5 } else { 6.0 }).collect();
/// let thresholds = drift.thresholds(3.0, &scores);
/// assert_eq!(thresholds[99], 3.0);
/// assert!(thresholds[499] > 6.0, "the new level is normal by now");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// Method of adaptation. Default: above the level of the latest scores.
    pub method: DriftMethod,
    /// Scores (warm-up) before the threshold first moves, at least 1. Default: 50.
    pub warmup: usize,
    /// Number of the latest scores that count, at least the warm-up. Default: 10 000.
    pub memory: usize,
}

/// Method by which a threshold follows the latest scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DriftMethod {
    /// The training's threshold or a quantile of the latest scores, whichever is larger (ours):
    /// anomalies are taken to be rare. Where the latest scores fall into two groups, of which
    /// the upper one is no majority, it lies between the groups if that is lower: a long
    /// anomaly, or the next one that is smaller, would hide behind the quantile.
    Level {
        /// The quantile, in [0, 1); 0.95 by default.
        quantile: f64,
        /// From which share of the variance, in (0, 1], that lies between two groups the
        /// scores count as two (Otsu, IEEE Trans. SMC 1979); 0.8 by default. A normal
        /// distribution cut in the middle has 0.64, a uniform one 0.75.
        separation: f64,
        /// Power of the scores in which groups are sought, in (0, 1]; 1/3 by default. Sums of
        /// surprisals are spread like a gamma distribution, whose cube root is nearly normal
        /// (Wilson & Hilferty, PNAS 1931).
        #[serde(default = "cube_root")]
        power: f64,
    },
    /// Peaks over threshold of the latest scores that did not alarm (after SPOT of Siffer et
    /// al., KDD 2017): up or down with the tail of normal scores, and by design never after a
    /// jump, all of which alarms.
    Pot {
        /// Where the tail starts, in (0, 1); 0.98 is customary.
        initial: f64,
        /// Probability of a false alarm per timestamp, in (0, 1).
        risk: f64,
    },
}

impl Default for DriftMethod {
    fn default() -> Self {
        Self::Level { quantile: 0.95, separation: 0.8, power: cube_root() }
    }
}

fn cube_root() -> f64 {
    1.0 / 3.0
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self { method: DriftMethod::default(), warmup: 50, memory: 10_000 }
    }
}

impl DriftConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let Self { method, warmup, memory } = *self;
        match method {
            DriftMethod::Level { quantile, separation, power } => {
                share_below_one("method.level.quantile", quantile)?;
                share_above_zero("method.level.separation", separation)?;
                share_above_zero("method.level.power", power)?;
            }
            DriftMethod::Pot { initial, risk } => {
                open_share("method.pot.initial", initial)?;
                open_share("method.pot.risk", risk)?;
            }
        }
        at_least_one("warmup", warmup)?;
        require("memory", memory >= warmup, format!("at least the warmup {warmup}"), memory)
    }

    /// Returns the threshold of each score, in order, from a `base` that training has set.
    pub fn thresholds(&self, base: f32, scores: &[f32]) -> Vec<f32> {
        let mut threshold = DriftingThreshold::new(*self, base);
        scores.iter().map(|score| threshold.next(*score)).collect()
    }
}

/// Threshold that follows a stream of scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftingThreshold {
    config: DriftConfig,
    base: f32,
    latest: VecDeque<f32>,
    current: f32,
    /// Scores until it is found anew.
    due: usize,
}

impl DriftingThreshold {
    /// Creates a threshold that starts at the one that training has set.
    pub fn new(config: DriftConfig, base: f32) -> Self {
        let due = config.warmup.max(1);
        Self { config, base, latest: VecDeque::new(), current: base, due }
    }

    /// Returns whether it would have started like this at the beginning.
    pub fn starts_as(&self, config: &DriftConfig, base: f32) -> bool {
        (&self.config, self.base) == (config, base)
    }

    /// Returns the bytes that its scores take.
    pub fn memory(&self) -> usize {
        self.latest.capacity() * size_of::<f32>()
    }

    /// Takes the next score and returns its threshold, which only later scores change.
    pub fn next(&mut self, score: f32) -> f32 {
        if self.due == 0 && !self.latest.is_empty() {
            self.current = self.moved();
            // Sorting every fiftieth part costs each score no more than a few comparisons.
            self.due = (self.latest.len() / 50).max(10);
        }
        if matches!(self.config.method, DriftMethod::Pot { .. }) && score >= self.current {
            return self.current;
        }
        self.due = self.due.saturating_sub(1);
        while self.latest.len() >= self.config.memory.max(1) {
            self.latest.pop_front();
        }
        if self.latest.len() == self.latest.capacity() {
            // No further than the memory, where doubling would go.
            let more = self.latest.len().max(64).min(self.config.memory - self.latest.len());
            self.latest.reserve_exact(more);
        }
        self.latest.push_back(score);
        self.current
    }

    fn moved(&self) -> f32 {
        let mut sorted: Vec<f32> = self.latest.iter().copied().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        match self.config.method {
            DriftMethod::Level { quantile, separation, power } => {
                self.base.max(above_level(&sorted, quantile, separation, power))
            }
            DriftMethod::Pot { initial, risk } => match ParetoTail::fit(&sorted, initial) {
                Ok(tail) => tail.quantile(risk).next_up(),
                Err(_) => self.current,
            },
        }
    }
}

/// Just above the quantile, or above the lower of two groups.
fn above_level(sorted: &[f32], quantile: f64, separation: f64, power: f64) -> f32 {
    let n = sorted.len();
    let quantile = quantile_index(n, quantile);
    let cut = match two_groups(sorted, power) {
        Some((cut, share)) if share >= separation && 2 * cut >= n => quantile.min(cut - 1),
        _ => quantile,
    };
    sorted[cut].next_up()
}

/// How many scores the lower of two groups has, and the share of the variance of their powers that
/// lies between the groups, for the cut that has most of it. Nothing for equal scores.
fn two_groups(sorted: &[f32], power: f64) -> Option<(usize, f64)> {
    let root = |score: f64| score.abs().powf(power).copysign(score);
    let roots: Vec<f64> = sorted.iter().map(|score| root(f64::from(*score))).collect();
    let n = roots.len() as f64;
    let total: f64 = roots.iter().sum();
    let square: f64 = roots.iter().map(|root| root.powi(2)).sum();
    let variance = square / n - (total / n).powi(2);
    let mut below = 0.0;
    let between = roots.iter().enumerate().take(roots.len() - 1).map(|(place, root)| {
        below += root;
        let count = (place + 1) as f64;
        let gap = (total - below) / (n - count) - below / count;
        (place + 1, count * (n - count) / (n * n) * gap.powi(2))
    });
    let (cut, most) = between.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (variance > 0.0).then(|| (cut, most / variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread evenly over one unit, in an order without a trend.
    fn noise(row: usize) -> f32 {
        (row * 37 % 100) as f32 / 100.0
    }

    fn alarms(scores: &[f32]) -> Vec<bool> {
        let thresholds = DriftConfig::default().thresholds(2.0, scores);
        scores.iter().zip(thresholds).map(|(score, threshold)| *score >= threshold).collect()
    }

    #[test]
    fn at_the_level_of_training_it_stays() {
        let scores: Vec<f32> = (0..500).map(noise).collect();
        assert_eq!(DriftConfig::default().thresholds(2.0, &scores), [2.0; 500]);
    }

    #[test]
    fn it_climbs_with_a_level_that_has_moved_and_still_finds_a_long_anomaly() {
        let level = |row| if (600..1000).contains(&row) { 20.0 } else { 10.0 };
        let scores: Vec<f32> = (0..1200).map(|row| level(row) + noise(row)).collect();
        let alarms = alarms(&scores);
        let share = |rows: std::ops::Range<usize>| {
            rows.clone().filter(|row| alarms[*row]).count() as f64 / rows.len() as f64
        };
        assert_eq!(share(0..50), 1.0, "nothing to compare with yet");
        assert!(share(100..600) < 0.1, "{}", share(100..600));
        assert!(share(600..1000) > 0.9, "{}", share(600..1000));
        assert!(share(1000..1200) < 0.1, "{}", share(1000..1200));
    }

    #[test]
    fn a_large_anomaly_does_not_hide_the_next_one() {
        // Scores rise and fall over twice a smoothing kernel.
        let bump =
            |row: i32, at: i32, peak: f32| peak * (1.0 - (row - at).abs() as f32 / 80.0).max(0.0);
        let score =
            |row: usize| noise(row) + bump(row as i32, 700, 1300.0) + bump(row as i32, 1500, 250.0);
        let alarms = alarms(&(0..2000).map(score).collect::<Vec<_>>());
        assert!((650..750).all(|row| alarms[row]) && (1460..1540).all(|row| alarms[row]));
        assert!(!(900..1400).any(|row| alarms[row]));
    }

    #[test]
    fn peaks_over_threshold_follow_normal_scores_both_ways_and_no_anomaly() {
        let method = DriftMethod::Pot { initial: 0.9, risk: 1e-3 };
        let config = DriftConfig { method, memory: 500, ..Default::default() };
        let anomalous = |row| (700..720).contains(&row);
        let score = |row| noise(row) * if row < 1000 { 1.0 } else { 0.5 };
        let scores: Vec<f32> =
            (0..3000).map(|row| if anomalous(row) { 30.0 } else { score(row) }).collect();
        let thresholds = config.thresholds(5.0, &scores);
        assert_eq!(thresholds[..50], [5.0; 50]);
        let alarms = |row: &usize| scores[*row] >= thresholds[*row];
        assert!((700..720).all(|row| alarms(&row)));
        assert!((0..3000).filter(alarms).count() < 30);
        // Half the spread, half the threshold.
        let ratio = thresholds[2999] / thresholds[999];
        assert!((ratio - 0.5).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn groups_by_hand() {
        assert_eq!(two_groups(&[1.0, 1.0, 5.0], 1.0).map(|(cut, _)| cut), Some(2));
        assert_eq!(two_groups(&[3.0; 4], 1.0), None);
        assert_eq!(two_groups(&[0.0, 1.0, 2.0, 3.0], 1.0), Some((2, 0.8)));
        assert_eq!(two_groups(&[-1.0, 0.0, 1.0, 4.0], 0.5), Some((2, 0.8)));
    }

    #[test]
    fn it_takes_no_more_memory_than_its_scores() {
        let config = DriftConfig { memory: 100, ..Default::default() };
        let mut threshold = DriftingThreshold::new(config, 2.0);
        for row in 0..1000 {
            threshold.next(noise(row));
            assert!(threshold.memory() <= 4 * 100);
        }
        assert_eq!(threshold.memory(), 4 * 100);
    }

    #[test]
    fn only_the_latest_scores_count() {
        let config = DriftConfig { memory: 100, ..Default::default() };
        let scores: Vec<f32> =
            (0..400).map(|row| if row < 200 { 50.0 } else { 0.0 } + noise(row)).collect();
        assert_eq!(config.thresholds(2.0, &scores)[399], 2.0);
        assert!(DriftConfig::default().thresholds(2.0, &scores)[399] > 40.0);
    }

    #[test]
    fn impossible_settings_are_errors() {
        let config = DriftConfig::default();
        assert!(config.check().is_ok());
        let with = |method| DriftConfig { method, ..config }.check();
        assert!(with(DriftMethod::Level { quantile: 1.0, separation: 0.8, power: 1.0 }).is_err());
        assert!(with(DriftMethod::Level { quantile: 0.9, separation: 0.0, power: 1.0 }).is_err());
        assert!(with(DriftMethod::Level { quantile: 0.9, separation: 0.8, power: 0.0 }).is_err());
        assert!(with(DriftMethod::Pot { initial: 0.0, risk: 0.1 }).is_err());
        assert!(with(DriftMethod::Pot { initial: 0.9, risk: 1.0 }).is_err());
        assert!(with(DriftMethod::Pot { initial: 0.9, risk: 0.1 }).is_ok());
        assert!(DriftConfig { warmup: 0, ..config }.check().is_err());
        assert!(DriftConfig { memory: 10, ..config }.check().is_err());
    }
}
