use aster_base::{SettingError, require};

/// The errors of metrics, thresholds and alarms.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// No scores at all.
    #[error("no scores: expected at least one")]
    Empty,
    /// Scores and labels of different length.
    #[error("scores and labels differ in length: {scores} scores, {labels} labels")]
    Length {
        /// Number of scores.
        scores: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A metric that contrasts two classes got only one.
    #[error("labels hold one class only: expected both, got all {class}")]
    OneClass {
        /// The class found.
        class: bool,
    },
    /// A score that is NaN or infinite.
    #[error("score at row {row} is {value}: expected a finite number")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// The value found.
        value: f32,
    },
    /// Fewer false alarms were asked for than so few scores can promise.
    #[error("{asked}: expected at least {expected} calibration rows, got {got}")]
    TooFewRows {
        /// What was asked for.
        asked: String,
        /// Rows that it takes.
        expected: usize,
        /// Rows that there are.
        got: usize,
    },
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

pub(crate) fn check_scores(scores: &[f32]) -> Result<(), EvalError> {
    if scores.is_empty() {
        return Err(EvalError::Empty);
    }
    match scores.iter().position(|s| !s.is_finite()) {
        Some(row) => Err(EvalError::NotFinite { row, value: scores[row] }),
        None => Ok(()),
    }
}

pub(crate) fn check_pair(scores: &[f32], labels: &[bool]) -> Result<(), EvalError> {
    if scores.len() != labels.len() {
        return Err(EvalError::Length { scores: scores.len(), labels: labels.len() });
    }
    check_scores(scores)
}

pub(crate) fn check_thresholds(scores: &[f32], thresholds: &[f32]) -> Result<(), EvalError> {
    check_scores(scores)?;
    let got = format!("{} for {} scores", thresholds.len(), scores.len());
    require("thresholds", thresholds.len() == scores.len(), "one per score", got)?;
    Ok(())
}

pub(crate) fn check_classes(labels: &[bool]) -> Result<(), EvalError> {
    match labels.first() {
        Some(&class) if labels.iter().all(|l| *l == class) => Err(EvalError::OneClass { class }),
        _ => Ok(()),
    }
}
