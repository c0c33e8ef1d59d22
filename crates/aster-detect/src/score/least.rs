use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Least of each value and of so many that come after it: of the subsequences that hold a row, the one that
/// is nearest to training counts, so that rows beside an anomaly have one without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MovingLeast {
    after: usize,
    /// Values that wait for later ones.
    waiting: VecDeque<f32>,
}

impl MovingLeast {
    pub(crate) fn new(after: usize) -> Self {
        Self { after, waiting: VecDeque::new() }
    }

    /// Takes the next values; returns the least for those that have waited for them.
    pub(crate) fn push(&mut self, values: &[f32]) -> Vec<f32> {
        let mut least = vec![];
        for value in values {
            self.waiting.push_back(*value);
            if self.waiting.len() > self.after {
                least.extend(self.next());
            }
        }
        least
    }

    /// Returns the least for the values that still wait, after the last one.
    pub(crate) fn drain(&mut self) -> Vec<f32> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<f32> {
        let least = self.waiting.iter().copied().reduce(f32::min);
        self.waiting.pop_front();
        least
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
        match self.after == fresh.after && self.waiting.len() <= self.after {
            true => Ok(()),
            false => Err("a moving least of other rows than the detector's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_what_comes_counts_however_it_comes() {
        let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0];
        let least = |after: usize, at_once: usize| {
            let mut least = MovingLeast::new(after);
            let mut all: Vec<f32> = values.chunks(at_once).flat_map(|it| least.push(it)).collect();
            assert!(least.validate(&MovingLeast::new(after)).is_ok());
            assert!(least.validate(&MovingLeast::new(after + 1)).is_err());
            all.extend(least.drain());
            all
        };
        for at_once in [1, 2, 7] {
            assert_eq!(least(0, at_once), values);
            assert_eq!(least(2, at_once), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
            assert_eq!(least(9, at_once), [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 6.0]);
        }
    }
}
