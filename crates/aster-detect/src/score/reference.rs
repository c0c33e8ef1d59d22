//! Reference distributions for drift monitoring (population stability index).

use aster_data::ScaledSeries;
use aster_eval::{EvalError, Population};
use serde::{Deserialize, Serialize};

/// Distributions of the training series' channels and of the calibration scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReferenceDistributions {
    pub(crate) scores: Population,
    pub(crate) channels: Vec<Population>,
}

impl ReferenceDistributions {
    pub(crate) fn fit(train: &ScaledSeries, scores: &[f32]) -> Result<Self, EvalError> {
        let channel = |channel| Population::fit(&train.channel(channel).collect::<Vec<_>>());
        let channels = (0..train.channel_count()).map(channel).collect::<Result<_, _>>()?;
        Ok(Self { scores: Population::fit(scores)?, channels })
    }

    /// Validates distributions that were read from outside: they are of so many channels.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, channels: usize) -> Result<(), &'static str> {
        match self.channels.len() == channels {
            true => self.channels.iter().chain([&self.scores]).try_for_each(Population::validate),
            false => Err("reference distributions of another number of channels"),
        }
    }
}
