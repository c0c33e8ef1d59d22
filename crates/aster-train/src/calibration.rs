use aster_eval::{EvalError, ParetoTail};
use serde::{Deserialize, Serialize};

/// Where the Pareto tail of each piece of evidence starts.
const TAIL_START: f64 = 0.9;

/// Turns evidence of any unit into one score: each piece becomes `-ln P` of a validation
/// timestamp showing as much, pieces of a group add up, and the largest group counts. The
/// Pareto tails keep growing beyond everything validation has shown, where ranks would
/// saturate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    groups: Vec<Vec<ParetoTail>>,
}

impl Calibration {
    /// Of evidence in groups of these sizes, one after the other.
    pub(crate) fn fit(sizes: &[usize], evidence: &[Vec<f32>]) -> Result<Self, EvalError> {
        let mut tails = evidence.iter().map(|piece| ParetoTail::fit(piece, TAIL_START));
        let group = |size: &usize| tails.by_ref().take(*size).collect();
        Ok(Self { groups: sizes.iter().map(group).collect::<Result<_, _>>()? })
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.groups.iter().map(Vec::len).collect()
    }

    /// One score per row.
    pub(crate) fn fuse(&self, evidence: &[Vec<f32>]) -> Vec<f32> {
        let rows = evidence.first().map_or(0, Vec::len);
        let score = |row: usize| -> f64 {
            let mut pieces = evidence.iter();
            let sum = |group: &Vec<ParetoTail>| -> f64 {
                group.iter().zip(&mut pieces).map(|(tail, piece)| tail.surprise(piece[row])).sum()
            };
            self.groups.iter().map(sum).fold(0.0, f64::max)
        };
        (0..rows).map(|row| score(row).min(f64::from(f32::MAX)) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_keeps_its_order_a_group_adds_up_and_the_largest_group_counts() {
        let normal: Vec<f32> = (0..1000).map(|i| (i as f32 / 1000.0).powi(2)).collect();
        let one = Calibration::fit(&[1], std::slice::from_ref(&normal)).unwrap();
        let scores = one.fuse(&[vec![0.1, 0.5, 0.9, 2.0, 50.0, f32::MAX]]);
        assert!(scores.windows(2).all(|pair| pair[0] < pair[1]), "{scores:?}");
        assert!(scores.iter().all(|score| score.is_finite()));
        let fused = |sizes: &[usize]| {
            let calibration = Calibration::fit(sizes, &[normal.clone(), normal.clone()]).unwrap();
            assert_eq!(calibration.sizes(), sizes);
            calibration.fuse(&[vec![0.5], vec![0.9]])[0]
        };
        assert!((fused(&[2]) - (scores[1] + scores[2])).abs() < 1e-5);
        assert_eq!(fused(&[1, 1]), scores[2]);
    }
}
