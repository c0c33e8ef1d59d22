//! How often normal scores make an alarm: what a promise of few false alarms rests on.

use aster_base::quantile;
use serde::{Deserialize, Serialize};

use crate::alarm::tail::ParetoTail;
use crate::error::{EvalError, check_scores};

/// Rate at which normal data reaches a score, in episodes per row, from scores of normal data.
///
/// Scores are dependent: one odd moment makes a run of high ones, and an alarm is such a run. So
/// they are declustered first (runs method, Smith & Weissman, JRSS B 1994: exceedances of a high
/// quantile at most `join` rows apart are one episode), and a generalised Pareto tail is fitted to
/// the episodes' peaks (peaks over threshold, Davison & Smith, JRSS B 1990).
///
/// ```
/// use aster_eval::EpisodeRate;
///
/// // Every hundredth row is a peak, alternately of two heights, two rows long.
/// let peak = |row: usize| if row / 100 % 2 == 0 { 3.0 } else { 4.0 };
/// let scores: Vec<f32> =
///     (0..8000).map(|row| if row % 100 < 2 { peak(row) } else { 0.1 }).collect();
/// let rate = EpisodeRate::fit(&scores, 0)?;
/// assert_eq!(rate.episodes(), 80);
/// assert!(rate.per_row(3.0) <= 0.01 && rate.per_row(9.0) < 1e-3);
/// # Ok::<(), aster_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRate {
    rows: usize,
    /// Distribution of the episodes' peaks.
    peaks: ParetoTail,
    /// Number of episodes.
    episodes: usize,
}

/// Quantile of the scores from which episodes count.
const HIGH: f64 = 0.9;

impl EpisodeRate {
    /// Fits on scores of normal data, in the order of their rows. Exceedances at most `join` rows
    /// apart are one episode.
    ///
    /// # Errors
    /// No scores, a score that is not finite.
    pub fn fit(scores: &[f32], join: usize) -> Result<Self, EvalError> {
        check_scores(scores)?;
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let high = quantile(&sorted, HIGH).ok_or(EvalError::Empty)?;
        let mut peaks: Vec<f32> = vec![];
        let mut last = None;
        for (row, score) in scores.iter().enumerate().filter(|(_, score)| **score > high) {
            match (peaks.last_mut(), last) {
                (Some(peak), Some(last)) if row - last <= join.saturating_add(1) => {
                    *peak = peak.max(*score)
                }
                _ => peaks.push(*score),
            }
            last = Some(row);
        }
        let episodes = peaks.len();
        // Scores that are all equal have no episode; one that nothing reaches stands for them.
        let peaks = if peaks.is_empty() { vec![high.next_up()] } else { peaks };
        Ok(Self { rows: scores.len(), peaks: ParetoTail::fit(&peaks, LOW)?, episodes })
    }

    /// Returns the number of episodes that it was fitted on.
    pub fn episodes(&self) -> usize {
        self.episodes
    }

    /// Returns the expected number of episodes per row that reach a score.
    pub fn per_row(&self, score: f32) -> f64 {
        self.base() * (-self.peaks.surprisal(score)).exp()
    }

    /// Returns the lowest score that episodes are expected to reach no more than so many times per
    /// row.
    pub fn score(&self, per_row: f64) -> f32 {
        self.peaks.of_surprisal(-(per_row / self.base()).ln()).next_up()
    }

    /// Returns the factor by which the rate at a score may be off either way, with a probability
    /// of 0.8: that of so many independent peaks, of whose tail scale and shape are estimated
    /// (delta method about an exponential tail, ours).
    pub fn uncertainty(&self, score: f32) -> f64 {
        let surprisal = self.peaks.surprisal(score);
        let variance = 1.0 + surprisal.powi(2) + surprisal.powi(4) / 4.0;
        (1.2816 * (variance / self.count()).sqrt()).exp()
    }

    /// Returns the number of rows that it was fitted on.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn base(&self) -> f64 {
        self.count() / self.rows as f64
    }

    fn count(&self) -> f64 {
        self.episodes.max(1) as f64
    }
}

/// Where the tail of the peaks begins: all of them are peaks over a threshold already.
const LOW: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_are_runs_that_lie_apart() {
        let high = [3, 4, 5, 9, 10, 40, 41, 43];
        let scores: Vec<f32> =
            (0..100).map(|row| if high.contains(&row) { row as f32 } else { 0.0 }).collect();
        let count = |join| EpisodeRate::fit(&scores, join).unwrap().episodes();
        assert_eq!([0, 1, 3, 29].map(count), [4, 3, 2, 1]);
        let rate = EpisodeRate::fit(&scores, 3).unwrap();
        assert_eq!((rate.rows(), rate.per_row(43.0) <= 0.02), (100, true));
    }

    #[test]
    fn scores_that_are_equal_have_a_rate_too() {
        let equal = EpisodeRate::fit(&[2.0; 50], 0).unwrap();
        assert!(equal.score(1e-3) > 2.0 && equal.uncertainty(3.0) > 1.0);
        assert!(EpisodeRate::fit(&[], 0).is_err());
    }
}
