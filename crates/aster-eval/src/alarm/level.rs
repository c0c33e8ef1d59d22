use std::collections::VecDeque;

use aster_base::quantile_index;
use serde::{Deserialize, Serialize};

use crate::alarm::config::DriftConfig;

/// Threshold above the level of the latest scores, and never below the base of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    latest: VecDeque<f32>,
    /// Scores that have counted, normal ones of before included.
    counted: u64,
    current: f32,
    /// Scores until it is found anew.
    due: usize,
}

/// From which share of the variance that lies between two groups the scores count as two: a normal
/// distribution cut in the middle has 0.64, a uniform one 0.75.
const SEPARATION: f64 = 0.8;

impl Level {
    pub(crate) fn new(config: &DriftConfig, base: f32, counted: u64) -> Self {
        Self { latest: VecDeque::new(), counted, current: base, due: config.warmup.max(1) }
    }

    /// The threshold of the next score.
    pub(crate) fn threshold(&mut self, config: &DriftConfig, base: f32) -> f32 {
        if self.due == 0 && !self.latest.is_empty() {
            let mut sorted: Vec<f32> = self.latest.iter().copied().collect();
            sorted.sort_unstable_by(f32::total_cmp);
            self.current = base.max(above_level(&sorted, config.quantile));
            // Sorting every fiftieth part costs each score no more than a few comparisons.
            self.due = (self.latest.len() / 50).max(10);
        }
        self.current
    }

    /// Scores that have counted.
    pub(crate) fn counted(&self) -> u64 {
        self.counted
    }

    /// Takes scores that count.
    pub(crate) fn accept(&mut self, config: &DriftConfig, scores: impl Iterator<Item = f32>) {
        for score in scores {
            while self.latest.len() >= config.memory.max(1) {
                self.latest.pop_front();
            }
            if self.latest.len() == self.latest.capacity() {
                // No further than the memory, where doubling would go.
                let room = config.memory.saturating_sub(self.latest.len());
                self.latest.reserve_exact(self.latest.len().max(64).min(room));
            }
            self.latest.push_back(score);
            self.counted = self.counted.saturating_add(1);
            self.due = self.due.saturating_sub(1);
        }
    }

    /// Finds the threshold anew with the next score.
    pub(crate) fn hasten(&mut self) {
        self.due = 0;
    }

    /// Forgets all but so many of the latest scores.
    pub(crate) fn keep(&mut self, scores: usize) {
        self.latest.drain(..self.latest.len().saturating_sub(scores));
        self.due = 0;
    }

    pub(crate) fn memory(&self) -> usize {
        self.latest.capacity() * size_of::<f32>()
    }

    /// Validates a level that was read from outside.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(crate) fn validate(&self, config: &DriftConfig) -> Result<(), &'static str> {
        match self.current.is_finite() && self.latest.len() <= config.memory {
            true => Ok(()),
            false => Err("a threshold that is not finite, or of more scores than it keeps"),
        }
    }
}

/// Just above the quantile, or above the lower of two groups.
fn above_level(sorted: &[f32], quantile: f64) -> f32 {
    let n = sorted.len();
    let quantile = quantile_index(n, quantile);
    let cut = match two_groups(sorted) {
        Some((cut, share)) if share >= SEPARATION && 2 * cut >= n => quantile.min(cut - 1),
        _ => quantile,
    };
    sorted[cut].next_up()
}

/// How many scores the lower of two groups has, and the share of the variance that lies between the
/// groups, for the cut that has most of it (Otsu, IEEE Trans. SMC 1979). Nothing for equal scores. It is
/// the variance of `asinh`, which leaves scores of a few nats as they are and takes logarithms of those
/// far beyond: what is anomalous has scores of all heights, which would be no group.
fn two_groups(sorted: &[f32]) -> Option<(usize, f64)> {
    let levels: Vec<f64> = sorted.iter().map(|score| f64::from(*score).asinh()).collect();
    let n = levels.len() as f64;
    let total: f64 = levels.iter().sum();
    let square: f64 = levels.iter().map(|level| level.powi(2)).sum();
    let variance = square / n - (total / n).powi(2);
    let mut below = 0.0;
    let between = levels.iter().enumerate().take(levels.len() - 1).map(|(place, level)| {
        below += level;
        let count = (place + 1) as f64;
        let gap = (total - below) / (n - count) - below / count;
        (place + 1, count * (n - count) / (n * n) * gap.powi(2))
    });
    let (cut, most) = between.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (variance > 0.0).then(|| (cut, most / variance))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn groups_by_hand() {
        assert_eq!(two_groups(&[1.0, 1.0, 125.0]).map(|(cut, _)| cut), Some(2));
        assert_eq!(two_groups(&[3.0; 4]), None);
        // Four levels in equal distances.
        for first in [0.0, -1.0] {
            let scores = [0.0, 1.0, 2.0, 3.0].map(|level: f32| (first + level).sinh());
            let (cut, share) = two_groups(&scores).unwrap();
            assert_eq!(cut, 2);
            assert_relative_eq!(share, 0.8, max_relative = 1e-6);
        }
    }

    #[test]
    fn it_lies_above_the_quantile_or_between_two_groups() {
        let base = 2.0;
        let at = |scores: Vec<f32>| {
            let config = DriftConfig::default();
            let mut level = Level::new(&config, base, 0);
            level.accept(&config, scores.into_iter());
            level.threshold(&config, base)
        };
        let even = |row: usize| (row * 37 % 100) as f32 / 100.0;
        assert_eq!(at((0..100).map(even).collect()), base);
        assert_eq!(at((0..100).map(|row| 10.0 + even(row)).collect()), 10.94f32.next_up());
        let groups = (0..100).map(|row| if row % 5 == 0 { 300.0 } else { 10.0 } + even(row));
        let between = at(groups.collect());
        assert!((10.9..11.1).contains(&between), "{between}");
    }
}
