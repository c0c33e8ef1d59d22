//! From evidence to scores, row by row: the same for a series and for a stream.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::evidence::Evidence;
use crate::smoothing::MovingMean;
use crate::{EvidenceConfig, ScoreConfig};

/// One piece of evidence on its way: each channel is smoothed, divided by its norm, and all are
/// joined by the power mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Joining {
    channels: Vec<MovingMean>,
}

impl Joining {
    pub(crate) fn new(config: &ScoreConfig, width: usize, channels: usize) -> Self {
        Self { channels: vec![MovingMean::new(width, config.alignment); channels] }
    }

    /// Takes the next row of channels; gives the value of the row that has waited for it.
    fn push(&mut self, row: &[f32], power: f64, norms: &[f32]) -> Option<f32> {
        let means = self.channels.iter_mut().zip(row);
        joined(means.map(|(mean, x)| mean.push(f64::from(*x))), power, norms)
    }

    /// The value of the next row that still waits, after the last one.
    fn drain(&mut self, power: f64, norms: &[f32]) -> Option<f32> {
        joined(self.channels.iter_mut().map(MovingMean::drain), power, norms)
    }

    /// The values of all rows `[rows, channels]`.
    pub(crate) fn whole(mut self, rows: &[f32], power: f64, norms: &[f32]) -> Vec<f32> {
        let rows = rows.chunks(self.channels.len());
        let mut values: Vec<f32> = rows.filter_map(|row| self.push(row, power, norms)).collect();
        values.extend(std::iter::from_fn(|| self.drain(power, norms)));
        values
    }
}

/// The power mean over channels, all of which have a value at the same rows.
fn joined(
    means: impl ExactSizeIterator<Item = Option<f64>>,
    power: f64,
    norms: &[f32],
) -> Option<f32> {
    let (mut sum, count) = (Some(0.0), means.len() as f64);
    for (mean, norm) in means.zip(norms) {
        let value = mean.map(|mean| (mean / f64::from(*norm)).powf(power));
        sum = sum.zip(value).map(|(sum, value)| sum + value);
    }
    sum.map(|sum| (sum / count).powf(power.recip()).min(f64::from(f32::MAX)) as f32)
}

/// All pieces on their way to scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    pieces: Vec<Joining>,
    /// What the pieces say of rows of which others say nothing yet, in nats.
    said: Vec<VecDeque<f64>>,
}

impl Fusion {
    pub(crate) fn new(config: &ScoreConfig, calibration: &Calibration) -> Self {
        let piece = |(piece, width): (&EvidenceConfig, &usize)| {
            Joining::new(config, *width, calibration.norms(piece.source).len())
        };
        let pieces: Vec<_> = config.evidence.iter().zip(calibration.widths()).map(piece).collect();
        Self { said: vec![VecDeque::new(); pieces.len()], pieces }
    }

    /// Takes the evidence of the next rows; gives the scores of those that have waited for
    /// them.
    pub(crate) fn push(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        evidence: &Evidence,
    ) -> Vec<f32> {
        self.hear(config, calibration, |joining, piece, norms, say| {
            for row in evidence[&piece.source].values.chunks(norms.len()) {
                joining.push(row, piece.power, norms).into_iter().for_each(&mut *say);
            }
        });
        self.sums()
    }

    /// The scores of the rows that still wait, after the last one.
    pub(crate) fn drain(&mut self, config: &ScoreConfig, calibration: &Calibration) -> Vec<f32> {
        self.hear(config, calibration, |joining, piece, norms, say| {
            std::iter::from_fn(|| joining.drain(piece.power, norms)).for_each(&mut *say);
        });
        self.sums()
    }

    /// Whether it can be of this config and calibration.
    pub(crate) fn suits(&self, config: &ScoreConfig, calibration: &Calibration) -> bool {
        let fresh = Self::new(config, calibration);
        self.said.len() == fresh.said.len()
            && self.pieces.len() == fresh.pieces.len()
            && self.pieces.iter().zip(&fresh.pieces).all(|(piece, fresh)| {
                let channels = || piece.channels.iter().zip(&fresh.channels);
                piece.channels.len() == fresh.channels.len()
                    && channels().all(|(mean, fresh)| mean.suits(fresh))
            })
    }

    fn hear(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        of: impl Fn(&mut Joining, &EvidenceConfig, &[f32], &mut dyn FnMut(f32)),
    ) {
        let pieces = self.pieces.iter_mut().zip(&mut self.said);
        let known = config.evidence.iter().zip(calibration.tails());
        for ((joining, said), (piece, tail)) in pieces.zip(known) {
            let norms = calibration.norms(piece.source);
            of(joining, piece, norms, &mut |value| said.push_back(tail.surprise(value)));
        }
    }

    /// `-ln P` of all pieces together, of the rows of which all have spoken.
    fn sums(&mut self) -> Vec<f32> {
        let rows = self.said.iter().map(VecDeque::len).min().unwrap_or(0);
        let sum = |_| {
            let sum: f64 = self.said.iter_mut().filter_map(VecDeque::pop_front).sum();
            sum.min(f64::from(f32::MAX)) as f32
        };
        (0..rows).map(sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_weighed_by_their_norms_and_joined_by_the_power_mean() {
        let join = |power| {
            let joining = Joining::new(&ScoreConfig::default(), 1, 2);
            joining.whole(&[1.0, 30.0, 3.0, 10.0], power, &[0.5, 10.0])
        };
        assert_eq!(join(1.0), [2.5, 3.5]);
        assert_eq!(join(2.0), [6.5f32.sqrt(), 18.5f32.sqrt()]);
    }
}
