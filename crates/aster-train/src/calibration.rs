use aster_eval::{EvalError, ParetoTail};
use serde::{Deserialize, Serialize};

/// Where the Pareto tail of each piece of evidence starts.
const TAIL_START: f64 = 0.9;

/// Turns evidence of any unit into one score: the sum of `-ln P` of a validation
/// timestamp showing as much. The Pareto tails keep growing beyond everything
/// validation has shown, where ranks would saturate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    tails: Vec<ParetoTail>,
}

impl Calibration {
    pub(crate) fn fit(evidence: &[Vec<f32>]) -> Result<Self, EvalError> {
        let tails = evidence.iter().map(|piece| ParetoTail::fit(piece, TAIL_START));
        Ok(Self { tails: tails.collect::<Result<_, _>>()? })
    }

    pub(crate) fn pieces(&self) -> usize {
        self.tails.len()
    }

    /// One score per row.
    pub(crate) fn fuse(&self, evidence: &[Vec<f32>]) -> Vec<f32> {
        let rows = evidence.first().map_or(0, Vec::len);
        let score = |row: usize| -> f64 {
            self.tails.iter().zip(evidence).map(|(tail, piece)| tail.surprise(piece[row])).sum()
        };
        (0..rows).map(|row| score(row).min(f64::from(f32::MAX)) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_keeps_the_order_of_one_piece_and_adds_up_two() {
        let normal: Vec<f32> = (0..1000).map(|i| (i as f32 / 1000.0).powi(2)).collect();
        let one = Calibration::fit(std::slice::from_ref(&normal)).unwrap();
        let scores = one.fuse(&[vec![0.1, 0.5, 0.9, 2.0, 50.0, f32::MAX]]);
        assert!(scores.windows(2).all(|pair| pair[0] < pair[1]), "{scores:?}");
        assert!(scores.iter().all(|score| score.is_finite()));
        let two = Calibration::fit(&[normal.clone(), normal]).unwrap();
        let sum = two.fuse(&[vec![0.5], vec![0.9]])[0];
        assert!((sum - (scores[1] + scores[2])).abs() < 1e-5);
    }
}
