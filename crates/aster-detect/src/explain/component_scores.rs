use aster_data::TimeSeries;

use crate::detector::Detector;
use crate::error::DetectError;
use crate::score::{Fusion, weighted_power_mean};

/// Surprisals of each component of the score for the rows of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentScores {
    /// Surprisals in nats, by component in the order of
    /// [`ScoreConfig::components`](crate::ScoreConfig::components), one per row.
    pub surprisals: Vec<Vec<f32>>,
}

impl ComponentScores {
    /// Fuses the components: their weighted power mean at each row, as
    /// [`FusionConfig`](crate::FusionConfig) says. With the detector's own weights and power it is
    /// its score; others are an ablation that costs nothing.
    ///
    /// Weights, one per component, are taken in relation to their sum. Components without a weight
    /// count as those of weight 0; where none is above 0, all scores are 0.
    pub fn fused(&self, weights: &[f64], power: f64) -> Vec<f32> {
        let rows = self.surprisals.first().map_or(0, Vec::len);
        let sum = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let score = |row: usize| {
            let surprisals = self.surprisals.iter().map(|values| f64::from(values[row]));
            weighted_power_mean(surprisals.zip(weights).map(|(x, w)| (x, w / sum)), power)
        };
        (0..rows).map(score).collect()
    }
}

impl Detector {
    /// Scores a series by each component alone: what a score is made of, and what ablations of it
    /// start from.
    ///
    /// # Errors
    /// As [`Detector::score`].
    pub fn component_scores(&self, series: &TimeSeries) -> Result<ComponentScores, DetectError> {
        let components = self.read_components(&self.trained.scale(series)?).0;
        let surprisals = Fusion::surprisals(&self.config().score, &self.calibration, &components);
        Ok(ComponentScores { surprisals })
    }

    /// Returns which of the training rows calibrate scores and threshold, counted without those of
    /// [`Detector::rows_left_out`].
    pub fn calibration_rows(&self) -> std::ops::Range<usize> {
        self.calibrated..self.train_scores.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_fused_by_weight_and_power() {
        let scores = ComponentScores { surprisals: vec![vec![4.0, 1.0], vec![16.0, 0.0]] };
        assert_eq!(scores.fused(&[1.0, 1.0], 1.0), [10.0, 0.5]);
        assert_eq!(scores.fused(&[3.0, 3.0], 0.5), [9.0, 0.25]);
        assert_eq!(scores.fused(&[0.0, 2.0], 0.5), [16.0, 0.0]);
        assert_eq!(scores.fused(&[0.0, 0.0], 0.5), [0.0, 0.0]);
    }
}
