//! Range-based precision and recall (Tatbul et al., NeurIPS 2018).

use aster_base::require;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_pair};
use crate::metric::point::PrecisionRecall;
use aster_base::runs;

/// Position within a range that counts most (Tatbul et al., figure 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// Every row alike.
    #[default]
    Flat,
    /// Early rows most: early detection.
    Front,
    /// Late rows most: delayed detection.
    Back,
    /// Rows in the middle most.
    Middle,
}

/// Worth of a range that several ranges of the other side overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// Worth as much as with one overlap.
    #[default]
    One,
    /// Divided by their number: fragmentation is punished.
    Reciprocal,
}

/// The parameters of range-based precision and recall.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RangeConfig {
    /// Weight of existence (any overlap at all) against overlap size in recall,
    /// in [0, 1]. Default: 0, overlap size alone.
    pub alpha: f64,
    /// Positional bias. Default: flat.
    pub bias: Bias,
    /// Overlap cardinality. Default: one.
    pub cardinality: Cardinality,
}

/// Range-based precision and recall at a threshold.
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, alpha outside [0, 1].
pub fn range_precision_recall(
    scores: &[f32],
    labels: &[bool],
    threshold: f32,
    config: &RangeConfig,
) -> Result<PrecisionRecall, EvalError> {
    check_pair(scores, labels)?;
    let inside = (0.0..=1.0).contains(&config.alpha);
    require("alpha", inside, "a number in [0, 1]", config.alpha)?;
    let real = runs(labels.iter().copied());
    let predicted = runs(scores.iter().map(|s| *s >= threshold));
    // Existence has no meaning for precision (Tatbul et al., section 4.2).
    let precision = reward(&predicted, &real, 0.0, config);
    let recall = reward(&real, &predicted, config.alpha, config);
    Ok(PrecisionRecall::new(precision, recall))
}

/// Mean reward of `ranges` for being overlapped by `others`; 0 without ranges.
fn reward(
    ranges: &[Range<usize>],
    others: &[Range<usize>],
    alpha: f64,
    config: &RangeConfig,
) -> f64 {
    let mut total = 0.0;
    for range in ranges {
        let first = others.partition_point(|o| o.end <= range.start);
        let overlaps = others[first..].iter().take_while(|o| o.start < range.end);
        let (mut count, mut overlap) = (0, 0.0);
        for other in overlaps {
            count += 1;
            let from = other.start.max(range.start) - range.start;
            let to = other.end.min(range.end) - range.start;
            overlap += weight(from..to, range.len(), config.bias);
        }
        if count > 0 {
            let share = overlap / weight(0..range.len(), range.len(), config.bias);
            let fragments = match config.cardinality {
                Cardinality::One => 1.0,
                Cardinality::Reciprocal => 1.0 / f64::from(count),
            };
            total += alpha + (1.0 - alpha) * fragments * share;
        }
    }
    if ranges.is_empty() { 0.0 } else { total / ranges.len() as f64 }
}

/// Summed positional weight of rows within a range of the given length.
fn weight(rows: Range<usize>, length: usize, bias: Bias) -> f64 {
    let at = |row: usize| match bias {
        Bias::Flat => 1,
        Bias::Front => length - row,
        Bias::Back => row + 1,
        Bias::Middle => (row + 1).min(length - row),
    };
    rows.map(at).sum::<usize>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_alpha_and_cardinality_by_hand() {
        // One anomaly of four rows; its rows 0 and 2 are predicted, and one row outside.
        let labels = [true, true, true, true, false, false];
        let scores = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let at = |config: RangeConfig| range_precision_recall(&scores, &labels, 0.5, &config);
        let plain = at(RangeConfig::default()).unwrap();
        assert_eq!((plain.precision, plain.recall), (2.0 / 3.0, 0.5));
        let front = at(RangeConfig { bias: Bias::Front, ..Default::default() }).unwrap();
        assert_eq!(front.recall, 0.6);
        let exists = at(RangeConfig { alpha: 0.5, ..Default::default() }).unwrap();
        assert_eq!(exists.recall, 0.75);
        let reciprocal = RangeConfig { cardinality: Cardinality::Reciprocal, ..Default::default() };
        assert_eq!(at(reciprocal).unwrap().recall, 0.25);
        assert!(at(RangeConfig { alpha: 2.0, ..Default::default() }).is_err());
    }
}
