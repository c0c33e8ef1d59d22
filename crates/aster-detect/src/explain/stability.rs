use aster_data::{DataError, TimeSeries};
use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::error::DetectError;

/// Population stability indices of a series against training
/// ([`Population::stability`](aster_eval::Population::stability)).
///
/// Below 0.1 a distribution is customarily taken to be stable, above 0.25 to have drifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stability {
    /// Index of the scores, against those of validation.
    pub scores: f64,
    /// Index of each channel, with its name, the least stable first.
    pub channels: Vec<(String, f64)>,
}

impl Detector {
    /// Compares a series, and the scores of its rows, with training: when to refit.
    ///
    /// # Errors
    /// Other channels than those trained on, a number of scores other than that of the rows.
    pub fn stability(&self, series: &TimeSeries, scores: &[f32]) -> Result<Stability, DetectError> {
        series.check_channels(self.channels())?;
        if scores.len() != series.rows() {
            let (expected, got) = (series.rows(), scores.len());
            return Err(DataError::Length { what: "scores", expected, got }.into());
        }
        let scaled = self.trained.scale(series)?;
        let of_channel = |(channel, name): (usize, &String)| {
            let values: Vec<f32> = scaled.channel(channel).collect();
            Ok((name.clone(), self.reference.channels[channel].stability(&values)?))
        };
        let channels = self.channels().iter().enumerate().map(of_channel);
        let mut channels = channels.collect::<Result<Vec<_>, DetectError>>()?;
        channels.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Ok(Stability { scores: self.reference.scores.stability(scores)?, channels })
    }
}
