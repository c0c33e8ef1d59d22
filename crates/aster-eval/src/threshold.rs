use serde::{Deserialize, Serialize};

use crate::error::{check_scores, check_thresholds};
use crate::{EvalError, ParetoTail};

/// How a threshold is chosen from the scores of normal data, without labels.
///
/// ```
/// use aster_eval::ThresholdRule;
///
/// let normal: Vec<f32> = (1..=100u8).map(f32::from).collect();
/// let threshold = ThresholdRule::FalseAlarmRate { rate: 0.05 }.fit(&normal)?;
/// assert_eq!(normal.iter().filter(|score| **score >= threshold).count(), 5);
/// # Ok::<(), aster_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// Just above the `q`-quantile of the scores.
    Quantile {
        /// In (0, 1].
        q: f64,
    },
    /// Median plus `k` times the scaled median absolute deviation (1.4826 makes
    /// it the standard deviation of a normal distribution).
    Mad {
        /// Above 0; 3 is customary.
        k: f64,
    },
    /// Peaks over threshold: the score that a Pareto tail fitted above the
    /// `initial` quantile reaches with probability `risk` (Siffer et al., KDD 2017).
    Pot {
        /// Where the tail starts, in (0, 1); 0.98 is customary.
        initial: f64,
        /// Probability of a false alarm per timestamp, in (0, 1).
        risk: f64,
    },
    /// This value, whatever the scores: in their unit.
    Fixed {
        /// A finite number.
        value: f32,
    },
    /// Peaks over threshold from the 0.9 quantile, at a risk of `10^(4 sensitivity - 5)`: one
    /// false alarm in a thousand timestamps at 0.5, ten times as many for each quarter more
    /// (ours).
    Sensitivity {
        /// In (0, 1).
        sensitivity: f64,
    },
    /// The lowest threshold at which at most this share of the scores alarms.
    FalseAlarmRate {
        /// In [0, 1).
        rate: f64,
    },
}

/// How far each score lies above its own threshold, for metrics where thresholds differ by row: a
/// score reaches its threshold where its margin reaches 0.
///
/// ```
/// use aster_eval::{f1_at, margins};
///
/// let above = margins(&[1.0, 2.0, 3.0], &[1.0, 1.5, 3.5])?;
/// assert_eq!(above, [0.0, 0.5, -0.5]);
/// assert_eq!(f1_at(&above, &[true, true, false], 0.0)?.f1, 1.0);
/// # Ok::<(), aster_eval::EvalError>(())
/// ```
///
/// # Errors
/// No scores, a score that is not finite, another number of thresholds.
pub fn margins(scores: &[f32], thresholds: &[f32]) -> Result<Vec<f32>, EvalError> {
    check_thresholds(scores, thresholds)?;
    // Metrics expect finite numbers; the sign is what they need.
    let margin = |(score, at): (&f32, &f32)| (score - at).clamp(f32::MIN, f32::MAX);
    Ok(scores.iter().zip(thresholds).map(margin).collect())
}

/// Chooses a threshold in a way of one's own, in place of a [`ThresholdRule`].
pub trait Threshold: std::fmt::Debug + Send + Sync + 'static {
    /// Names it in saved detectors and in messages.
    fn name(&self) -> &str;

    /// The threshold for scores of normal data, of which there is at least one: scores that
    /// reach it alarm.
    ///
    /// # Errors
    /// Whatever makes it impossible.
    fn fit(&self, scores: &[f32]) -> Result<f32, EvalError>;
}

impl ThresholdRule {
    /// The threshold for scores of training or validation data.
    ///
    /// # Errors
    /// No scores, a score that is not finite, a parameter outside its range.
    pub fn fit(&self, scores: &[f32]) -> Result<f32, EvalError> {
        check_scores(scores)?;
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        match *self {
            Self::Quantile { q } => {
                within("q", q, q > 0.0 && q <= 1.0, "a number in (0, 1]")?;
                Ok(rank(&sorted, q).next_up())
            }
            Self::FalseAlarmRate { rate } => {
                within("rate", rate, (0.0..1.0).contains(&rate), "a number in [0, 1)")?;
                Ok(rank(&sorted, 1.0 - rate).next_up())
            }
            Self::Mad { k } => {
                within("k", k, k > 0.0, "a number above 0")?;
                let median = rank(&sorted, 0.5);
                let mut deviations: Vec<f32> = sorted.iter().map(|s| (s - median).abs()).collect();
                deviations.sort_unstable_by(f32::total_cmp);
                let spread = 1.4826 * f64::from(rank(&deviations, 0.5));
                Ok(((f64::from(median) + k * spread) as f32).max(median.next_up()))
            }
            Self::Fixed { value } => {
                within("value", f64::from(value), value.is_finite(), "a finite number")?;
                Ok(value)
            }
            Self::Sensitivity { sensitivity } => {
                let inside = sensitivity > 0.0 && sensitivity < 1.0;
                within("sensitivity", sensitivity, inside, "a number in (0, 1)")?;
                let risk = 10f64.powf(4.0 * sensitivity - 5.0);
                Self::Pot { initial: 0.9, risk }.fit(scores)
            }
            Self::Pot { initial, risk } => {
                within("risk", risk, risk > 0.0 && risk < 1.0, "a number in (0, 1)")?;
                Ok(ParetoTail::fit(scores, initial)?.quantile(risk).next_up())
            }
        }
    }
}

fn within(
    name: &'static str,
    value: f64,
    holds: bool,
    expected: &'static str,
) -> Result<(), EvalError> {
    match holds {
        true => Ok(()),
        false => Err(EvalError::Setting { name, expected, got: value.to_string() }),
    }
}

/// The smallest score that at least the share `q` of the scores does not exceed.
fn rank(sorted: &[f32], q: f64) -> f32 {
    let n = sorted.len();
    // The subtraction keeps 0.9 * 10, which rounds up to 9.000000000000002, at 9.
    let rank = (q * n as f64 - 1e-9).ceil() as usize;
    sorted[rank.clamp(1, n) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hundred() -> Vec<f32> {
        (1..=100u8).rev().map(f32::from).collect()
    }

    #[test]
    fn exact_small_cases() {
        let fit = |rule: ThresholdRule| rule.fit(&hundred()).unwrap();
        assert_eq!(fit(ThresholdRule::Quantile { q: 0.9 }), 90f32.next_up());
        assert_eq!(fit(ThresholdRule::FalseAlarmRate { rate: 0.05 }), 95f32.next_up());
        assert_eq!(fit(ThresholdRule::Mad { k: 2.0 }), 50.0 + 2.0 * 1.4826 * 25.0);
    }

    #[test]
    fn a_value_is_taken_as_it_is_and_more_sensitivity_alarms_more() {
        assert_eq!(ThresholdRule::Fixed { value: 7.5 }.fit(&hundred()).unwrap(), 7.5);
        let at = |sensitivity| ThresholdRule::Sensitivity { sensitivity }.fit(&hundred()).unwrap();
        let thresholds = [0.2, 0.5, 0.8, 0.99].map(at);
        assert!(thresholds.windows(2).all(|pair| pair[0] > pair[1]), "{thresholds:?}");
        assert_eq!(
            at(0.5),
            ThresholdRule::Pot { initial: 0.9, risk: 1e-3 }.fit(&hundred()).unwrap()
        );
    }

    #[test]
    fn constant_scores_never_alarm() {
        for rule in [
            ThresholdRule::Quantile { q: 0.5 },
            ThresholdRule::Mad { k: 3.0 },
            ThresholdRule::Pot { initial: 0.9, risk: 1e-3 },
            ThresholdRule::FalseAlarmRate { rate: 0.1 },
        ] {
            assert!(rule.fit(&[2.0; 30]).unwrap() > 2.0, "{rule:?}");
        }
    }

    #[test]
    fn parameters_outside_their_range_are_errors() {
        for rule in [
            ThresholdRule::Quantile { q: 0.0 },
            ThresholdRule::Mad { k: 0.0 },
            ThresholdRule::Pot { initial: 1.0, risk: 1e-3 },
            ThresholdRule::Pot { initial: 0.9, risk: 0.0 },
            ThresholdRule::FalseAlarmRate { rate: f64::NAN },
            ThresholdRule::Fixed { value: f32::INFINITY },
            ThresholdRule::Sensitivity { sensitivity: 0.0 },
            ThresholdRule::Sensitivity { sensitivity: 1.0 },
        ] {
            assert!(matches!(rule.fit(&hundred()), Err(EvalError::Setting { .. })), "{rule:?}");
        }
        assert_eq!(ThresholdRule::Mad { k: 1.0 }.fit(&[]), Err(EvalError::Empty));
    }

    proptest! {
        #[test]
        fn the_false_alarm_rate_is_kept(
            scores in prop::collection::vec((0u8..50).prop_map(f32::from), 1..200),
            rate in 0.0f64..0.99,
        ) {
            let threshold = ThresholdRule::FalseAlarmRate { rate }.fit(&scores).unwrap();
            let alarms = scores.iter().filter(|s| **s >= threshold).count();
            prop_assert!(alarms as f64 <= rate * scores.len() as f64 + 1e-6);
        }
    }
}
