use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The least or the mean of each value, of so many before it and so many after it: what the subsequences that
/// hold a row say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Holding {
    before: usize,
    after: usize,
    counts: Counts,
    /// Values that wait for later ones, and those before them that count.
    values: VecDeque<f32>,
    /// Values of these that wait no more.
    passed: usize,
}

/// Aggregation of each value and those beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counts {
    /// The least: rows beside an anomaly have a subsequence without it.
    Least,
    /// All alike: a brief anomaly is far in every subsequence that holds it.
    Mean,
}

impl Holding {
    pub(crate) fn new(before: usize, after: usize, counts: Counts) -> Self {
        Self { before, after, counts, values: VecDeque::new(), passed: 0 }
    }

    /// Takes the next values; returns what counts for those that have waited for them.
    pub(crate) fn push(&mut self, values: &[f32]) -> Vec<f32> {
        let mut all = vec![];
        for value in values {
            self.values.push_back(*value);
            if self.values.len() > self.passed + self.after {
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
        if self.passed == self.values.len() {
            return None;
        }
        let values = self.values.iter().copied();
        let counted = match self.counts {
            Counts::Least => values.fold(f32::MAX, f32::min),
            Counts::Mean => {
                let count = values.len() as f64;
                (values.map(f64::from).sum::<f64>() / count) as f32
            }
        };
        match self.passed < self.before {
            true => self.passed += 1,
            false => drop(self.values.pop_front()),
        }
        Some(counted)
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }

    /// Validates one that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        let settings = |it: &Self| (it.before, it.after, it.counts);
        let waits = self.passed..=self.passed.saturating_add(self.after);
        let fits = self.passed <= self.before && waits.contains(&self.values.len());
        match settings(self) == settings(fresh) && fits {
            true => Ok(()),
            false => Err("values that wait for other rows than the detector's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32], beside: [usize; 2], counts: Counts, at_once: usize) -> Vec<f32> {
        let fresh = || Holding::new(beside[0], beside[1], counts);
        let mut holding = fresh();
        let mut all: Vec<f32> = values.chunks(at_once).flat_map(|it| holding.push(it)).collect();
        assert!(holding.validate(&fresh()).is_ok());
        assert!(holding.validate(&Holding::new(beside[0], beside[1] + 1, counts)).is_err());
        all.extend(holding.drain());
        all
    }

    #[test]
    fn what_lies_beside_counts_however_it_comes() {
        let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0];
        for at_once in [1, 2, 7] {
            let least = |before, after| of(&values, [before, after], Counts::Least, at_once);
            assert_eq!(least(0, 0), values);
            assert_eq!(least(0, 2), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
            assert_eq!(least(0, 9), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
            assert_eq!(least(1, 0), [3.0, 1.0, 1.0, 1.5, 1.5, 2.0, 2.0]);
            assert_eq!(least(2, 1), [1.0, 1.0, 1.0, 1.0, 1.5, 1.5, 2.0]);
            assert_eq!(least(9, 9), [1.0; 7]);
            let mean = |before, after| of(&values, [before, after], Counts::Mean, at_once);
            assert_eq!(mean(0, 0), values);
            assert_eq!(mean(0, 1), [2.0, 2.5, 2.75, 5.25, 5.5, 4.0, 6.0]);
            assert_eq!(mean(1, 0), [3.0, 2.0, 2.5, 2.75, 5.25, 5.5, 4.0]);
            assert_eq!(of(&[f32::MAX; 3], [1, 2], Counts::Mean, at_once), [f32::MAX; 3]);
        }
        let other = Holding::new(1, 2, Counts::Mean);
        assert!(other.validate(&Holding::new(1, 2, Counts::Least)).is_err());
        assert!(other.validate(&Holding::new(0, 2, Counts::Mean)).is_err());
    }
}
