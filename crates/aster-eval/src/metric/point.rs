//! Metrics per timestamp.

use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_classes, check_pair};
use aster_base::runs;

/// Precision, recall and their harmonic mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecall {
    /// Share of the predicted that is anomalous; 0 where nothing is predicted.
    pub precision: f64,
    /// Share of the anomalous that is predicted; 0 where nothing is anomalous.
    pub recall: f64,
    /// Harmonic mean of both; 0 where both are 0.
    pub f1: f64,
}

impl PrecisionRecall {
    pub(crate) fn new(precision: f64, recall: f64) -> Self {
        let sum = precision + recall;
        let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
        Self { precision, recall, f1 }
    }

    fn from_counts(true_positives: usize, predicted: usize, anomalous: usize) -> Self {
        let ratio = |of: usize| if of > 0 { true_positives as f64 / of as f64 } else { 0.0 };
        Self::new(ratio(predicted), ratio(anomalous))
    }
}

/// The best F1 that any threshold reaches. An oracle: it reads the labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OracleF1 {
    /// The F1 reached.
    pub f1: f64,
    /// The highest threshold that reaches it.
    pub threshold: f32,
}

/// One distinct score and the counts at that threshold.
struct Cut {
    threshold: f32,
    true_positives: usize,
    predicted: usize,
}

/// Counts at every distinct score, from the highest down: ties share a cut.
fn cuts(scores: &[f32], labels: &[bool]) -> Vec<Cut> {
    let mut ranked: Vec<(f32, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut cuts: Vec<Cut> = Vec::new();
    let mut true_positives = 0;
    for (i, (score, label)) in ranked.into_iter().enumerate() {
        true_positives += usize::from(label);
        // 0.0 and -0.0 are one threshold, though the sort tells them apart.
        match cuts.last_mut() {
            Some(last) if last.threshold == score => {
                (last.true_positives, last.predicted) = (true_positives, i + 1);
            }
            _ => cuts.push(Cut { threshold: score, true_positives, predicted: i + 1 }),
        }
    }
    cuts
}

/// How many rows are anomalous and how many are not, of which there has to be one of each.
fn of_both_classes(scores: &[f32], labels: &[bool]) -> Result<(f64, f64), EvalError> {
    check_pair(scores, labels)?;
    check_classes(labels)?;
    let positives = labels.iter().filter(|l| **l).count();
    Ok((positives as f64, (labels.len() - positives) as f64))
}

/// Area under the ROC curve; a tie between the classes counts one half.
/// O(n log n).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn auroc(scores: &[f32], labels: &[bool]) -> Result<f64, EvalError> {
    let (positives, negatives) = of_both_classes(scores, labels)?;
    let (mut area, mut last) = (0.0, (0.0, 0.0));
    for cut in cuts(scores, labels) {
        let tp = cut.true_positives as f64;
        let fp = cut.predicted as f64 - tp;
        area += (fp - last.1) * (tp + last.0) / 2.0;
        last = (tp, fp);
    }
    Ok(area / (positives * negatives))
}

/// Average precision: precision at each distinct threshold, weighted by the
/// recall gained there (no interpolation; scikit-learn's definition). Reported
/// as AUPR. O(n log n).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Result<f64, EvalError> {
    let (positives, _) = of_both_classes(scores, labels)?;
    let (mut sum, mut last) = (0.0, 0);
    for cut in cuts(scores, labels) {
        let gained = (cut.true_positives - last) as f64;
        sum += gained * cut.true_positives as f64 / cut.predicted as f64;
        last = cut.true_positives;
    }
    Ok(sum / positives)
}

/// The ROC curve: false-alarm rate and recall at every distinct score, from (0, 0) to (1, 1).
/// O(n log n).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn roc_curve(scores: &[f32], labels: &[bool]) -> Result<Vec<(f64, f64)>, EvalError> {
    let (positives, negatives) = of_both_classes(scores, labels)?;
    let point = |cut: Cut| {
        let false_alarms = (cut.predicted - cut.true_positives) as f64;
        (false_alarms / negatives, cut.true_positives as f64 / positives)
    };
    Ok(std::iter::once((0.0, 0.0)).chain(cuts(scores, labels).into_iter().map(point)).collect())
}

/// The precision-recall curve: recall and precision at every distinct score, in order of
/// recall. O(n log n).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn precision_recall_curve(
    scores: &[f32],
    labels: &[bool],
) -> Result<Vec<(f64, f64)>, EvalError> {
    let (positives, _) = of_both_classes(scores, labels)?;
    let point = |cut: Cut| {
        let found = cut.true_positives as f64;
        (found / positives, found / cut.predicted as f64)
    };
    Ok(cuts(scores, labels).into_iter().map(point).collect())
}

/// The best F1 over all thresholds: an upper bound, never a result.
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn best_f1(scores: &[f32], labels: &[bool]) -> Result<OracleF1, EvalError> {
    check_pair(scores, labels)?;
    check_classes(labels)?;
    let positives = labels.iter().filter(|l| **l).count();
    let mut best = OracleF1 { f1: -1.0, threshold: f32::INFINITY };
    for cut in cuts(scores, labels) {
        let f1 = PrecisionRecall::from_counts(cut.true_positives, cut.predicted, positives).f1;
        if f1 > best.f1 {
            best = OracleF1 { f1, threshold: cut.threshold };
        }
    }
    Ok(best)
}

/// Precision, recall and F1 per timestamp at a threshold.
///
/// # Errors
/// Different lengths, no scores, a score that is not finite.
pub fn f1_at(
    scores: &[f32],
    labels: &[bool],
    threshold: f32,
) -> Result<PrecisionRecall, EvalError> {
    check_pair(scores, labels)?;
    let predicted = scores.iter().map(|s| *s >= threshold).collect::<Vec<_>>();
    Ok(counted(&predicted, labels))
}

/// **Point-adjusted** precision, recall and F1: one hit anywhere in an anomaly
/// counts the whole of it as found. A random score looks excellent under it (Kim
/// et al., AAAI 2022); it exists to compare with papers that report it.
///
/// # Errors
/// Different lengths, no scores, a score that is not finite.
pub fn point_adjusted_f1(
    scores: &[f32],
    labels: &[bool],
    threshold: f32,
) -> Result<PrecisionRecall, EvalError> {
    check_pair(scores, labels)?;
    let mut predicted: Vec<bool> = scores.iter().map(|s| *s >= threshold).collect();
    for anomaly in runs(labels.iter().copied()) {
        if predicted[anomaly.clone()].contains(&true) {
            predicted[anomaly].fill(true);
        }
    }
    Ok(counted(&predicted, labels))
}

fn counted(predicted: &[bool], labels: &[bool]) -> PrecisionRecall {
    let count = |flags: &mut dyn Iterator<Item = bool>| flags.filter(|f| *f).count();
    let hits = count(&mut predicted.iter().zip(labels).map(|(p, l)| *p && *l));
    let all = (count(&mut predicted.iter().copied()), count(&mut labels.iter().copied()));
    PrecisionRecall::from_counts(hits, all.0, all.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABELS: [bool; 4] = [false, true, false, true];

    #[test]
    fn ties_count_one_half() {
        assert_eq!(auroc(&[1.0; 4], &LABELS), Ok(0.5));
        assert_eq!(auroc(&[0.0, 1.0, 1.0, 2.0], &LABELS), Ok(0.875));
        assert_eq!(average_precision(&[1.0; 4], &LABELS), Ok(0.5));
        assert_eq!(average_precision(&[0.0, 1.0, 1.0, 2.0], &LABELS), Ok(0.5 + 0.5 * 2.0 / 3.0));
        assert_eq!(auroc(&[0.0, -0.0], &[true, false]), Ok(0.5));
    }

    #[test]
    fn curves_have_a_point_per_distinct_score() {
        let scores = [0.0, 1.0, 1.0, 2.0];
        let roc = roc_curve(&scores, &LABELS).unwrap();
        assert_eq!(roc, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        let curve = precision_recall_curve(&scores, &LABELS).unwrap();
        assert_eq!(curve, [(0.5, 1.0), (1.0, 2.0 / 3.0), (1.0, 0.5)]);
        assert_eq!(roc_curve(&[], &[]), Err(EvalError::Empty));
        let one_class = Err(EvalError::OneClass { class: true });
        assert_eq!(precision_recall_curve(&[1.0; 2], &[true; 2]), one_class);
    }

    #[test]
    fn the_oracle_threshold_reproduces_the_oracle() {
        let scores = [0.1, 0.7, 0.6, 0.5];
        let oracle = best_f1(&scores, &LABELS).unwrap();
        assert_eq!(oracle.threshold, 0.5);
        assert_eq!(f1_at(&scores, &LABELS, oracle.threshold).unwrap().f1, oracle.f1);
    }

    #[test]
    fn point_adjustment_flatters() {
        let labels = [true, true, true, true, false];
        let scores = [0.0, 1.0, 0.0, 0.0, 0.0];
        assert_eq!(f1_at(&scores, &labels, 1.0).unwrap().recall, 0.25);
        assert_eq!(point_adjusted_f1(&scores, &labels, 1.0).unwrap().recall, 1.0);
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(auroc(&[], &[]), Err(EvalError::Empty));
        let length = Err(EvalError::Length { scores: 1, labels: 4 });
        assert_eq!(auroc(&[1.0], &LABELS), length);
        assert_eq!(auroc(&[1.0; 2], &[true; 2]), Err(EvalError::OneClass { class: true }));
        let nan = average_precision(&[0.0, f32::NAN, 0.0, 0.0], &LABELS);
        assert!(matches!(nan, Err(EvalError::NotFinite { row: 1, .. })));
    }

    prop_compose! {
        fn scored()(rows in prop::collection::vec((0u8..20, any::<bool>()), 2..80))
            -> (Vec<f32>, Vec<bool>) {
            let (scores, mut labels): (Vec<f32>, Vec<bool>) =
                rows.into_iter().map(|(s, l)| (f32::from(s), l)).unzip();
            (labels[0], labels[1]) = (true, false);
            (scores, labels)
        }
    }

    proptest! {
        #[test]
        fn ranks_alone_matter((scores, labels) in scored()) {
            let monotone: Vec<f32> = scores.iter().map(|s| (s / 5.0).exp() - 3.0).collect();
            prop_assert_eq!(auroc(&scores, &labels), auroc(&monotone, &labels));
            prop_assert_eq!(
                average_precision(&scores, &labels),
                average_precision(&monotone, &labels)
            );
        }

        #[test]
        fn auroc_is_the_probability_of_the_right_order((scores, labels) in scored()) {
            let of = |class| scores.iter().zip(&labels).filter(move |(_, l)| **l == class);
            let (mut wins, mut pairs) = (0.0, 0.0);
            for (positive, _) in of(true) {
                for (negative, _) in of(false) {
                    pairs += 1.0;
                    wins += match positive.total_cmp(negative) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let area = auroc(&scores, &labels).unwrap();
            prop_assert!((area - wins / pairs).abs() < 1e-12);
            let trapezoid = |w: &[(f64, f64)]| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0;
            let roc = roc_curve(&scores, &labels).unwrap();
            prop_assert!((roc.windows(2).map(trapezoid).sum::<f64>() - area).abs() < 1e-12);
        }

        #[test]
        fn no_threshold_beats_the_oracle((scores, labels) in scored(), threshold in 0f32..20.0) {
            let oracle = best_f1(&scores, &labels).unwrap();
            prop_assert!(f1_at(&scores, &labels, threshold).unwrap().f1 <= oracle.f1);
            prop_assert!(average_precision(&scores, &labels).unwrap() <= 1.0 + 1e-12);
        }
    }
}
