use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The least or the mean of each value and of so many that come after it: what the subsequences that hold a
/// row say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Following {
    after: usize,
    counts: Counts,
    /// Values that wait for later ones.
    waiting: VecDeque<f32>,
}

/// Aggregation of each value and those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counts {
    /// The least: rows beside an anomaly have a subsequence without it.
    Least,
    /// All alike: a brief anomaly is far in every subsequence that holds it.
    Mean,
}

impl Following {
    pub(crate) fn new(after: usize, counts: Counts) -> Self {
        Self { after, counts, waiting: VecDeque::new() }
    }

    /// Takes the next values; returns what counts for those that have waited for them.
    pub(crate) fn push(&mut self, values: &[f32]) -> Vec<f32> {
        let mut all = vec![];
        for value in values {
            self.waiting.push_back(*value);
            if self.waiting.len() > self.after {
                all.extend(self.next());
            }
        }
        all
    }

    /// Returns what counts for the values that still wait, after the last one.
    pub(crate) fn drain(&mut self) -> Vec<f32> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<f32> {
        let values = self.waiting.iter().copied();
        let counted = match self.counts {
            Counts::Least => values.reduce(f32::min),
            Counts::Mean => {
                let count = values.len() as f64;
                let sum: f64 = values.map(f64::from).sum();
                (count > 0.0).then_some((sum / count) as f32)
            }
        };
        self.waiting.pop_front();
        counted
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        self.waiting.capacity() * size_of::<f32>()
    }

    /// Validates one that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        let settings = |it: &Self| (it.after, it.counts);
        match settings(self) == settings(fresh) && self.waiting.len() <= self.after {
            true => Ok(()),
            false => Err("values that wait for other rows than the detector's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32], after: usize, counts: Counts, at_once: usize) -> Vec<f32> {
        let mut following = Following::new(after, counts);
        let mut all: Vec<f32> = values.chunks(at_once).flat_map(|it| following.push(it)).collect();
        assert!(following.validate(&Following::new(after, counts)).is_ok());
        assert!(following.validate(&Following::new(after + 1, counts)).is_err());
        all.extend(following.drain());
        all
    }

    #[test]
    fn what_comes_counts_however_it_comes() {
        let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0];
        for at_once in [1, 2, 7] {
            let least = |after| of(&values, after, Counts::Least, at_once);
            assert_eq!(least(0), values);
            assert_eq!(least(2), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
            assert_eq!(least(9), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
            let mean = |after| of(&values, after, Counts::Mean, at_once);
            assert_eq!(mean(0), values);
            assert_eq!(mean(1), [2.0, 2.5, 2.75, 5.25, 5.5, 4.0, 6.0]);
            assert_eq!(of(&[f32::MAX; 3], 2, Counts::Mean, at_once), [f32::MAX; 3]);
        }
        let other = Following::new(2, Counts::Mean);
        assert!(other.validate(&Following::new(2, Counts::Least)).is_err());
    }
}
