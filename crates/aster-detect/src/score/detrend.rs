use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::ScoreConfig;
use crate::score::smoothing::MovingMean;

/// Takes the moving mean off residuals and squares what is left, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Detrend {
    means: Vec<MovingMean>,
    /// Residuals of rows whose mean waits for later ones, row by row.
    waiting: VecDeque<f32>,
}

impl Detrend {
    pub(crate) fn new(config: &ScoreConfig, channels: usize) -> Self {
        let mean = MovingMean::new(config.offset_rows, config.offset_waits());
        Self { means: vec![mean; channels], waiting: VecDeque::new() }
    }

    /// Takes the next rows `[n, C]`; returns those that have waited for them.
    pub(crate) fn push(&mut self, rows: &[f32]) -> Vec<f32> {
        let mut squares = Vec::with_capacity(rows.len());
        for row in rows.chunks(self.means.len()) {
            self.waiting.extend(row);
            for (mean, residual) in self.means.iter_mut().zip(row) {
                let mean = mean.push(f64::from(*residual));
                // All channels wait for the same rows.
                squares.extend(mean.and_then(|mean| Some(square(self.waiting.pop_front()?, mean))));
            }
        }
        self.waiting.shrink_to(2 * self.waiting.len());
        squares
    }

    /// Returns the rows that still wait, after the last one.
    pub(crate) fn drain(&mut self) -> Vec<f32> {
        let mut squares = Vec::with_capacity(self.waiting.len());
        while !self.waiting.is_empty() {
            for mean in &mut self.means {
                let residual = self.waiting.pop_front();
                let value = mean.drain().zip(residual);
                squares.extend(value.map(|(mean, residual)| square(residual, mean)));
            }
        }
        squares
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        let means = self.means.iter().map(MovingMean::memory).sum::<usize>();
        let own = self.means.capacity() * size_of::<MovingMean>();
        own + means + self.waiting.capacity() * size_of::<f32>()
    }

    /// Validates one that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        let waiting = self.means.first().map_or(0, MovingMean::waiting);
        let fits = self.means.len() == fresh.means.len()
            && self.means.iter().all(|mean| mean.waiting() == waiting)
            && self.waiting.len() == waiting * self.means.len();
        if !fits {
            return Err("residuals of other channels than the detector's");
        }
        let mut pairs = self.means.iter().zip(&fresh.means);
        pairs.try_for_each(|(mean, fresh)| mean.validate(fresh))
    }
}

fn square(residual: f32, mean: f64) -> f32 {
    (f64::from(residual) - mean).powi(2).min(f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_taken_off_and_a_spike_stays() {
        let config = ScoreConfig { offset_rows: 5, ..Default::default() };
        let rows: Vec<f32> =
            (0..20).flat_map(|row| [7.0, if row == 10 { 5.0 } else { 0.0 }]).collect();
        let mut detrend = Detrend::new(&config, 2);
        let squares = [detrend.push(&rows), detrend.drain()].concat();
        assert_eq!(squares.len(), 40);
        assert!(squares.iter().step_by(2).all(|square| *square == 0.0));
        let spike: Vec<f32> = squares.iter().skip(1).step_by(2).copied().collect();
        assert_eq!([spike[7], spike[8], spike[10], spike[12]], [0.0, 1.0, 16.0, 1.0]);
    }

    #[test]
    fn rows_that_come_one_by_one_make_the_same() {
        let config = ScoreConfig::default();
        let rows: Vec<f32> = (0..300).map(|at| (at * at % 37) as f32).collect();
        let mut detrend = Detrend::new(&config, 3);
        let whole = [detrend.push(&rows), detrend.drain()].concat();
        let mut detrend = Detrend::new(&config, 3);
        let mut squares: Vec<f32> = rows.chunks(3).flat_map(|row| detrend.push(row)).collect();
        assert!(detrend.validate(&Detrend::new(&config, 3)).is_ok());
        assert!(detrend.validate(&Detrend::new(&config, 2)).is_err());
        squares.extend(detrend.drain());
        assert_eq!(squares, whole);
    }
}
