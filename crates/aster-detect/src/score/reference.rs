//! Reference of training for the monitoring of later rows.

use aster_data::ScaledSeries;
use aster_eval::{EvalError, Population};
use serde::{Deserialize, Serialize};

/// Distributions of the training series' channels and of the calibration scores, for drift (population
/// stability index), and what else of a channel is usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReferenceDistributions {
    pub(crate) scores: Population,
    pub(crate) channels: Vec<Population>,
    /// Rows of the longest run of equal values of each channel; no end of them for a constant one.
    pub(crate) longest_runs: Vec<u64>,
}

impl ReferenceDistributions {
    pub(crate) fn fit(train: &ScaledSeries, scores: &[f32]) -> Result<Self, EvalError> {
        let channel = |channel| Population::fit(&train.channel(channel).collect::<Vec<_>>());
        let channels = (0..train.channel_count()).map(channel).collect::<Result<_, _>>()?;
        let longest = |channel| {
            let values: Vec<f32> = train.channel(channel).collect();
            let runs = values.chunk_by(|a, b| a == b).map(<[f32]>::len);
            // One that never moved may stand still for ever.
            let longest = runs.max().filter(|longest| *longest < values.len());
            longest.map_or(u64::MAX, |longest| longest as u64)
        };
        let longest_runs = (0..train.channel_count()).map(longest).collect();
        Ok(Self { scores: Population::fit(scores)?, channels, longest_runs })
    }

    /// Validates distributions that were read from outside: they are of so many channels.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, channels: usize) -> Result<(), &'static str> {
        match [self.channels.len(), self.longest_runs.len()] == [channels; 2] {
            true => self.channels.iter().chain([&self.scores]).try_for_each(Population::validate),
            false => Err("reference distributions of another number of channels"),
        }
    }
}
