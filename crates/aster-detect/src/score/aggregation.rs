use serde::{Deserialize, Serialize};

use crate::score::smoothing::MovingMean;

/// Smooths and normalises each channel, then takes their mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChannelAggregator {
    channels: Vec<MovingMean>,
}

impl ChannelAggregator {
    pub(crate) fn new(width: usize, after: usize, channels: usize) -> Self {
        Self { channels: vec![MovingMean::new(width, after); channels] }
    }

    /// Takes the next row of channels; returns the value of the row that has waited for it.
    pub(crate) fn push(&mut self, row: &[f32], power: f64, norms: &[f32]) -> Option<f32> {
        let means = self.channels.iter_mut().zip(row);
        channel_mean(means.map(|(mean, x)| mean.push(f64::from(*x))), power, norms)
    }

    /// Returns the value of the next row that still waits, after the last one.
    pub(crate) fn drain(&mut self, power: f64, norms: &[f32]) -> Option<f32> {
        channel_mean(self.channels.iter_mut().map(MovingMean::drain), power, norms)
    }

    /// Returns the values of all rows `[rows, channels]`.
    pub(crate) fn whole(mut self, rows: &[f32], power: f64, norms: &[f32]) -> Vec<f32> {
        let rows = rows.chunks(self.channels.len());
        let mut values: Vec<f32> = rows.filter_map(|row| self.push(row, power, norms)).collect();
        values.extend(std::iter::from_fn(|| self.drain(power, norms)));
        values
    }

    /// Bytes that its averages take.
    pub(crate) fn memory(&self) -> usize {
        let own = self.channels.capacity() * size_of::<MovingMean>();
        own + self.channels.iter().map(MovingMean::memory).sum::<usize>()
    }

    /// Validates an aggregator that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        if self.channels.len() != fresh.channels.len() {
            return Err("averages over other channels than the detector's");
        }
        let mut pairs = self.channels.iter().zip(&fresh.channels);
        pairs.try_for_each(|(mean, fresh)| mean.validate(fresh))
    }
}

/// The mean over channels, all of which have a value at the same rows.
fn channel_mean(
    means: impl ExactSizeIterator<Item = Option<f64>>,
    power: f64,
    norms: &[f32],
) -> Option<f32> {
    let (mut sum, count) = (Some(0.0), means.len() as f64);
    for (mean, norm) in means.zip(norms) {
        let value = mean.map(|mean| channel_part(mean / f64::from(*norm), power));
        sum = sum.zip(value).map(|(sum, value)| sum + value);
    }
    sum.map(|sum| joined_parts(sum / count, power))
}

/// Part of a channel in the mean over channels.
///
/// Of the channel's value, divided by its norm, it is the power, or where the power is 0 the logarithm,
/// `ln(1 + x)`.
pub(crate) fn channel_part(value: f64, power: f64) -> f64 {
    if power == 0.0 { value.ln_1p() } else { value.powf(power) }
}

/// Mean over channels, of the mean of their parts.
pub(crate) fn joined_parts(mean: f64, power: f64) -> f32 {
    let joined = if power == 0.0 { mean } else { mean.powf(power.recip()) };
    joined.min(f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_weighed_by_their_norms_and_joined_by_a_mean_of_powers_or_logarithms() {
        let aggregate = |power| {
            let aggregator = ChannelAggregator::new(1, 0, 2);
            aggregator.whole(&[1.0, 30.0, 3.0, 10.0], power, &[0.5, 10.0])
        };
        assert_eq!(aggregate(1.0), [2.5, 3.5]);
        assert_eq!(aggregate(2.0), [6.5f32.sqrt(), 18.5f32.sqrt()]);
        assert_eq!(aggregate(0.0), [12f32.ln() / 2.0, 14f32.ln() / 2.0]);
    }
}
