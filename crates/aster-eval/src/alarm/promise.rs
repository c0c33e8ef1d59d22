//! A promise of few false alarms: what a threshold amounts to, and which one keeps it.

use aster_base::SettingError;
use serde::{Deserialize, Serialize};

use crate::alarm::config::AlarmConfig;
use crate::alarm::episodes::EpisodeRate;
use crate::error::{EvalError, check_scores};

/// Unit that a number of false alarms refers to: so many rows, or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Per {
    /// So many rows, at least 1.
    Rows(usize),
    /// A day, by the median step of the training series' times.
    Day,
}

impl std::fmt::Display for Per {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows} rows"),
            Self::Day => f.write_str("day"),
        }
    }
}

/// Expected number of false alarms at a threshold, and between what it lies with a probability of
/// 0.8.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Promise {
    /// Threshold of the score.
    pub threshold: f32,
    /// Expected number of episodes on normal data.
    pub expected: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Unit that the numbers refer to.
    pub per: Per,
    /// Calibration rows.
    pub rows: usize,
    /// Episodes in those rows.
    pub episodes: usize,
}

/// Least number of false alarms that can be expected in the calibration rows: a hundredth of one
/// says that the tail is extended to a hundred times the rows.
const LEAST: f64 = 0.01;

impl Promise {
    /// Finds the threshold at which so many episodes are expected.
    ///
    /// # Errors
    /// Too few rows for so small a number; per day without the rows of a day.
    pub fn new(
        rate: &EpisodeRate,
        expected: f64,
        per: Per,
        rows_per_day: Option<f64>,
    ) -> Result<Self, EvalError> {
        let rows = rows_of(per, rows_per_day)?;
        let per_row = expected / rows;
        if per_row * (rate.rows() as f64) < LEAST {
            return Err(EvalError::TooFewRows {
                asked: format!("{expected} false alarms per {per}"),
                expected: (LEAST / per_row).ceil() as usize,
                got: rate.rows(),
            });
        }
        Ok(Self { expected, ..Self::at(rate, rate.score(per_row), per, rows) })
    }

    /// Computes the promise that a threshold of another rule amounts to.
    ///
    /// # Errors
    /// Per day without the rows of a day.
    pub fn of_threshold(
        rate: &EpisodeRate,
        threshold: f32,
        per: Per,
        rows_per_day: Option<f64>,
    ) -> Result<Self, EvalError> {
        Ok(Self::at(rate, threshold, per, rows_of(per, rows_per_day)?))
    }

    fn at(rate: &EpisodeRate, threshold: f32, per: Per, rows: f64) -> Self {
        let expected = rate.per_row(threshold) * rows;
        let factor = rate.uncertainty(threshold);
        Self {
            threshold,
            expected,
            low: expected / factor,
            high: expected * factor,
            per,
            rows: rate.rows(),
            episodes: rate.episodes(),
        }
    }
}

fn rows_of(per: Per, rows_per_day: Option<f64>) -> Result<f64, SettingError> {
    match (per, rows_per_day) {
        (Per::Rows(rows), _) => Ok(rows as f64),
        (Per::Day, Some(rows)) => Ok(rows),
        (Per::Day, None) => {
            Err(SettingError::new("false_alarms.per", "a training series with dates", "per day"))
        }
    }
}

/// As `3 false alarms per 10000 rows, between 1.1 and 8.0 (24 episodes in 1000 calibration rows)`.
impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { expected, low, high, per, rows, episodes, .. } = *self;
        write!(f, "{expected:.2} false alarms per {per}, between {low:.2} and {high:.2} ")?;
        write!(f, "({episodes} episodes in {rows} calibration rows)")
    }
}

/// Scores of normal data, and what else a threshold is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct NormalScores<'a> {
    /// Scores in the order of their rows.
    pub scores: &'a [f32],
    /// First of the rows, up to the last, that nothing was fitted on: their scores are like those to
    /// come, but the rows before show more of what is rare.
    pub unseen: usize,
    /// Config of the alarms that the scores make.
    pub alarm: AlarmConfig,
    /// Rows of a day, where rows have times.
    pub rows_per_day: Option<f64>,
}

impl<'a> NormalScores<'a> {
    /// Returns the scores of the rows that nothing was fitted on.
    ///
    /// # Errors
    /// No scores, a score that is not finite.
    pub fn unseen(&self) -> Result<&'a [f32], EvalError> {
        let scores = &self.scores[self.unseen.min(self.scores.len())..];
        check_scores(scores)?;
        Ok(scores)
    }

    /// Finds the threshold at which so many false alarms are expected: by the rows that nothing
    /// was fitted on or by all of them, whichever is higher. The former are few, the latter
    /// flattered.
    ///
    /// # Errors
    /// As [`Promise::new`], no scores.
    pub fn promise(&self, expected: f64, per: Per) -> Result<Promise, EvalError> {
        let rates = self.rates()?;
        let promise = |rate| Promise::new(rate, expected, per, self.rows_per_day);
        let [unseen, all] = [promise(&rates[0])?, promise(&rates[1])?];
        Ok(if all.threshold > unseen.threshold { all } else { unseen })
    }

    /// Says how many false alarms are expected at a threshold: the larger number of the two.
    ///
    /// # Errors
    /// As [`NormalScores::promise`].
    pub fn promise_of(&self, threshold: f32, per: Per) -> Result<Promise, EvalError> {
        let rates = self.rates()?;
        let promise = |rate| Promise::of_threshold(rate, threshold, per, self.rows_per_day);
        let [unseen, all] = [promise(&rates[0])?, promise(&rates[1])?];
        Ok(if all.expected > unseen.expected { all } else { unseen })
    }

    /// Fits the rate of episodes on the rows that nothing was fitted on.
    ///
    /// # Errors
    /// No scores, a score that is not finite.
    pub fn rate(&self) -> Result<EpisodeRate, EvalError> {
        EpisodeRate::fit(self.unseen()?, self.alarm.join)
    }

    fn rates(&self) -> Result<[EpisodeRate; 2], EvalError> {
        Ok([self.rate()?, EpisodeRate::fit(self.scores, self.alarm.join)?])
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Independent exponential scores, each held for `hold` rows.
    fn exponential(rows: usize, hold: usize, seed: u64) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(seed);
        let draws: Vec<f32> =
            (0..rows.div_ceil(hold)).map(|_| -(1.0 - rng.random::<f64>()).ln() as f32).collect();
        (0..rows).map(|row| draws[row / hold]).collect()
    }

    fn episodes(scores: &[f32], threshold: f32) -> usize {
        aster_base::runs(scores.iter().map(|score| *score >= threshold)).len()
    }

    #[test]
    fn a_promise_is_kept_on_rows_to_come_however_long_episodes_are() {
        for hold in [1, 8] {
            let mut kept = vec![];
            for seed in 0..20 {
                let rate = EpisodeRate::fit(&exponential(4000, hold, seed), 0).unwrap();
                let promise = Promise::new(&rate, 10.0, Per::Rows(10_000), None).unwrap();
                let later = exponential(100_000, hold, 1000 + seed);
                kept.push(episodes(&later, promise.threshold) as f64 / 10.0);
                assert!(promise.low < 10.0 && 10.0 < promise.high);
            }
            let mean = kept.iter().sum::<f64>() / 20.0;
            assert!((5.0..20.0).contains(&mean), "episodes of {hold} rows: {mean} for 10");
            let within = kept.iter().filter(|it| (2.5..40.0).contains(*it)).count();
            assert!(within >= 19, "{kept:?}");
        }
    }

    #[test]
    fn the_interval_covers_what_comes_as_often_as_it_says() {
        let covered = (0..100).filter(|seed| {
            let rate = EpisodeRate::fit(&exponential(4000, 1, *seed), 0).unwrap();
            let promise = Promise::new(&rate, 10.0, Per::Rows(10_000), None).unwrap();
            // Of independent exponential scores the rate is known.
            let realised = 1e4 * f64::from(-promise.threshold).exp();
            (promise.low..promise.high).contains(&realised)
        });
        let covered = covered.count();
        assert!((65..=98).contains(&covered), "{covered} of 100");
    }

    #[test]
    fn what_so_few_rows_cannot_promise_is_refused() {
        let rate = EpisodeRate::fit(&exponential(300, 1, 0), 0).unwrap();
        let promise = |episodes, per, day| Promise::new(&rate, episodes, per, day);
        assert!(promise(3.0, Per::Rows(10_000), None).is_ok());
        let error = promise(1.0, Per::Rows(1_000_000), None).unwrap_err().to_string();
        let expected =
            "1 false alarms per 1000000 rows: expected at least 10000 calibration rows, got 300";
        assert_eq!(error, expected);
        assert!(promise(1.0, Per::Day, None).is_err());
        let day = promise(1.0, Per::Day, Some(1440.0)).unwrap();
        let rows = promise(1.0, Per::Rows(1440), None).unwrap();
        assert_eq!(day.threshold, rows.threshold);
    }

    #[test]
    fn a_threshold_from_elsewhere_says_what_it_amounts_to() {
        let rate = EpisodeRate::fit(&exponential(4000, 4, 3), 0).unwrap();
        let promise = Promise::new(&rate, 5.0, Per::Rows(10_000), None).unwrap();
        let same = Promise::of_threshold(&rate, promise.threshold, promise.per, None).unwrap();
        assert!((same.expected - 5.0).abs() < 0.01, "{same}");
        assert!(rate.per_row(promise.threshold + 1.0) < rate.per_row(promise.threshold));
        let equal = EpisodeRate::fit(&[2.0; 50], 0).unwrap();
        assert!(equal.score(1e-3) > 2.0);
    }
}
