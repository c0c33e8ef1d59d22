use aster_base::{
    SettingError, at_least_one, median, open_share, positive, quantile, require, share_above_zero,
    share_below_one,
};
use serde::{Deserialize, Serialize};

use crate::alarm::config::AlarmConfig;
use crate::alarm::promise::{NormalScores, Per};
use crate::alarm::tail::ParetoTail;
use crate::error::{EvalError, check_thresholds};

/// Rule that chooses a threshold from the scores of normal data, without labels.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ThresholdRule {
    /// As many false alarms as this are expected on normal data: episodes, not rows. Their rate
    /// is that of [`EpisodeRate`](crate::EpisodeRate), so the promise holds as far as calibration scores are like those
    /// to come.
    FalseAlarms {
        /// Expected number, above 0.
        episodes: f64,
        /// Unit that the number refers to.
        per: Per,
    },
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
        /// Probability that a timestamp reaches the threshold, in (0, 1), as far as the tail of
        /// few and dependent scores tells: [`ThresholdRule::FalseAlarms`] takes dependence into
        /// account.
        risk: f64,
    },
    /// This value, whatever the scores: in their unit.
    Fixed {
        /// A finite number.
        value: f32,
    },
    /// Peaks over threshold from the 0.9 quantile, at a risk of `10^(4 sensitivity - 5)`: one
    /// timestamp in a thousand at 0.5, ten times as many for each quarter more (ours), as
    /// far as such a tail tells.
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

/// As `false_alarm_rate 0.05`: the words of the config.
impl std::fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::FalseAlarms { episodes, per } => write!(f, "false_alarms {episodes} per {per}"),
            Self::Quantile { q } => write!(f, "quantile {q}"),
            Self::Mad { k } => write!(f, "mad {k}"),
            Self::Pot { initial, risk } => write!(f, "pot, initial {initial}, risk {risk}"),
            Self::Fixed { value } => write!(f, "fixed {value}"),
            Self::Sensitivity { sensitivity } => write!(f, "sensitivity {sensitivity}"),
            Self::FalseAlarmRate { rate } => write!(f, "false_alarm_rate {rate}"),
        }
    }
}

/// Returns the margin of each score above its own threshold, for metrics where thresholds differ
/// by row.
///
/// A score reaches its threshold where its margin reaches 0.
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

/// Custom rule that chooses a threshold, in place of a [`ThresholdRule`].
pub trait Threshold: std::fmt::Debug + Send + Sync + 'static {
    /// Returns the name used in saved detectors and in messages.
    fn name(&self) -> &str;

    /// Chooses the threshold for scores of normal data, of which there is at least one: scores that
    /// reach it alarm.
    ///
    /// # Errors
    /// Whatever makes it impossible.
    fn fit(&self, scores: &[f32]) -> Result<f32, EvalError>;
}

impl ThresholdRule {
    /// Checks the parameters.
    ///
    /// # Errors
    /// A parameter outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        match *self {
            Self::FalseAlarms { episodes, per } => {
                positive("false_alarms.episodes", episodes)?;
                match per {
                    Per::Rows(rows) => at_least_one("false_alarms.per.rows", rows),
                    Per::Day => Ok(()),
                }
            }
            Self::Quantile { q } => share_above_zero("quantile.q", q),
            Self::FalseAlarmRate { rate } => share_below_one("false_alarm_rate.rate", rate),
            Self::Mad { k } => positive("mad.k", k),
            Self::Fixed { value } => {
                require("fixed.value", value.is_finite(), "a finite number", value)
            }
            Self::Sensitivity { sensitivity } => open_share("sensitivity.sensitivity", sensitivity),
            Self::Pot { initial, risk } => {
                open_share("pot.initial", initial)?;
                open_share("pot.risk", risk)
            }
        }
    }

    /// Chooses the threshold from scores of normal data that nothing was fitted on, in the order of
    /// their rows, for alarms by default.
    ///
    /// # Errors
    /// As [`ThresholdRule::fit_on`].
    pub fn fit(&self, scores: &[f32]) -> Result<f32, EvalError> {
        let alarm = AlarmConfig::default();
        self.fit_on(&NormalScores { scores, unseen: 0, alarm, rows_per_day: None })
    }

    /// Chooses the threshold from scores of normal data.
    ///
    /// # Errors
    /// No scores, a score that is not finite, a parameter outside its range, a number of false
    /// alarms that is too small for so few scores, or per day where there are no times.
    pub fn fit_on(&self, normal: &NormalScores) -> Result<f32, EvalError> {
        self.check()?;
        let scores = normal.unseen()?;
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |q| quantile(&sorted, q).ok_or(EvalError::Empty);
        match *self {
            Self::Quantile { q } => Ok(at(q)?.next_up()),
            Self::FalseAlarmRate { rate } => Ok(at(1.0 - rate)?.next_up()),
            Self::Mad { k } => {
                let center = at(0.5)?;
                let mut deviations: Vec<f32> = sorted.iter().map(|s| (s - center).abs()).collect();
                let spread = 1.4826 * f64::from(median(&mut deviations).ok_or(EvalError::Empty)?);
                Ok(((f64::from(center) + k * spread) as f32).max(center.next_up()))
            }
            Self::FalseAlarms { episodes, per } => Ok(normal.promise(episodes, per)?.threshold),
            Self::Fixed { value } => Ok(value),
            Self::Sensitivity { sensitivity } => {
                let risk = 10f64.powf(4.0 * sensitivity - 5.0);
                Self::Pot { initial: 0.9, risk }.fit(scores)
            }
            Self::Pot { initial, risk } => {
                Ok(ParetoTail::fit(scores, initial)?.quantile(risk).next_up())
            }
        }
    }
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
            assert!(matches!(rule.fit(&hundred()), Err(EvalError::Setting(_))), "{rule:?}");
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
