//! What training looked like, to tell later whether the world still does.

use aster_data::TimeSeries;
use aster_eval::{EvalError, Population};
use serde::{Deserialize, Serialize};

use crate::{Detector, TrainError};

/// How the training series' channels and the validation scores are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reference {
    scores: Population,
    channels: Vec<Population>,
}

/// How far a series is from what training looked like, as population stability indices
/// ([`Population::stability`]): below 0.1 it is customarily taken to be stable, above 0.25 to
/// have shifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Of the scores, against those of validation.
    pub scores: f64,
    /// Of each channel, with its name, the least stable first.
    pub channels: Vec<(String, f64)>,
}

impl Reference {
    pub(crate) fn of(train: &TimeSeries, scores: &[f32]) -> Result<Self, EvalError> {
        let channel = |channel| Population::fit(&train.channel(channel).collect::<Vec<_>>());
        let channels = (0..train.channel_count()).map(channel).collect::<Result<_, _>>()?;
        Ok(Self { scores: Population::fit(scores)?, channels })
    }

    /// Whether it can be of so many channels.
    pub(crate) fn suits(&self, channels: usize) -> bool {
        self.channels.len() == channels
            && self.channels.iter().chain([&self.scores]).all(Population::is_sound)
    }
}

impl Detector {
    /// Compares a series, and the scores of its rows, with training: when to refit.
    ///
    /// # Errors
    /// Other channels than those trained on, a number of scores other than that of the rows.
    pub fn stability(&self, series: &TimeSeries, scores: &[f32]) -> Result<Stability, TrainError> {
        series.check_channels(self.channels())?;
        if scores.len() != series.rows() {
            let (expected, got) = (series.rows(), scores.len());
            return Err(aster_data::DataError::Length { what: "scores", expected, got }.into());
        }
        let of_channel = |(channel, name): (usize, &String)| {
            let values: Vec<f32> = series.channel(channel).collect();
            Ok((name.clone(), self.reference.channels[channel].stability(&values)?))
        };
        let channels = self.channels().iter().enumerate().map(of_channel);
        let mut channels = channels.collect::<Result<Vec<_>, TrainError>>()?;
        channels.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Ok(Stability { scores: self.reference.scores.stability(scores)?, channels })
    }
}
