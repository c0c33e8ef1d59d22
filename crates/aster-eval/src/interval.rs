use serde::{Deserialize, Serialize};

use crate::error::check_scores;
use crate::{EvalError, runs};

/// When scores above the threshold become an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmConfig {
    /// A row alarms when at least this many ... Default: 1.
    pub k: usize,
    /// ... of the last `n` rows, itself included, reach the threshold. Default: 1.
    pub n: usize,
    /// Intervals at most this many rows apart are joined. Default: 0.
    pub join: usize,
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self { k: 1, n: 1, join: 0 }
    }
}

/// A detected anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// First row.
    pub start: usize,
    /// One past the last row.
    pub end: usize,
    /// Row of the highest score.
    pub peak: usize,
    /// The highest score.
    pub peak_score: f32,
    /// Mean height of the rows' scores above the threshold (0 for rows below),
    /// in the score's unit.
    pub severity: f32,
}

/// The intervals in which the scores reach their thresholds, in order.
///
/// # Errors
/// No scores, a score that is not finite, another number of thresholds, `k` outside `1..=n`.
pub fn intervals(
    scores: &[f32],
    thresholds: &[f32],
    alarm: &AlarmConfig,
) -> Result<Vec<Interval>, EvalError> {
    check_scores(scores)?;
    if thresholds.len() != scores.len() {
        let (name, expected) = ("thresholds", "one per score");
        let got = format!("{} for {} scores", thresholds.len(), scores.len());
        return Err(EvalError::Setting { name, expected, got });
    }
    if alarm.k == 0 || alarm.k > alarm.n {
        let got = format!("{} of {}", alarm.k, alarm.n);
        return Err(EvalError::Setting { name: "k of n", expected: "1 <= k <= n", got });
    }
    let reaches = |row: usize| usize::from(scores[row] >= thresholds[row]);
    let mut recent = 0;
    let alarms = (0..scores.len()).map(|row| {
        recent += reaches(row);
        recent -= if row >= alarm.n { reaches(row - alarm.n) } else { 0 };
        recent >= alarm.k
    });
    let mut joined: Vec<std::ops::Range<usize>> = Vec::new();
    for run in runs(alarms) {
        match joined.last_mut() {
            Some(last) if run.start - last.end <= alarm.join => last.end = run.end,
            _ => joined.push(run),
        }
    }
    let describe = |rows: std::ops::Range<usize>| {
        let (start, end) = (rows.start, rows.end);
        let peak = rows.clone().fold(start, |p, r| if scores[r] > scores[p] { r } else { p });
        let excess: f32 = rows.map(|r| (scores[r] - thresholds[r]).max(0.0)).sum();
        let severity = excess / (end - start) as f32;
        Interval { start, end, peak, peak_score: scores[peak], severity }
    };
    Ok(joined.into_iter().map(describe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 9] = [0.0, 2.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0];

    fn spans(alarm: AlarmConfig) -> Vec<(usize, usize)> {
        let found = intervals(&SCORES, &[1.0; 9], &alarm).unwrap();
        found.iter().map(|i| (i.start, i.end)).collect()
    }

    #[test]
    fn runs_join_and_suppression() {
        assert_eq!(spans(AlarmConfig::default()), [(1, 3), (4, 5), (8, 9)]);
        assert_eq!(spans(AlarmConfig { join: 1, ..Default::default() }), [(1, 5), (8, 9)]);
        assert_eq!(spans(AlarmConfig { k: 2, n: 3, join: 0 }), [(2, 5)]);
    }

    #[test]
    fn peak_and_severity() {
        let first = intervals(&SCORES, &[1.0; 9], &AlarmConfig::default()).unwrap()[0];
        assert_eq!((first.peak, first.peak_score, first.severity), (2, 3.0, 1.5));
    }

    #[test]
    fn k_must_fit_n() {
        let alarm = AlarmConfig { k: 3, n: 2, join: 0 };
        assert!(matches!(intervals(&SCORES, &[1.0; 9], &alarm), Err(EvalError::Setting { .. })));
        let short = intervals(&SCORES, &[1.0], &AlarmConfig::default());
        assert!(matches!(short, Err(EvalError::Setting { name: "thresholds", .. })));
    }
}
