use std::collections::BTreeMap;

use aster_eval::{EvalError, ParetoTail};
use serde::{Deserialize, Serialize};

use crate::evidence::{Channels, Evidence};
use crate::{ScoreConfig, Source};

/// Where the Pareto tail of each piece of evidence starts.
const TAIL_START: f64 = 0.9;

/// Share of the mean over channels that is added to each channel's norm: a channel that is
/// reconstructed without error would speak alone otherwise.
const NORM_FLOOR: f32 = 1e-3;

/// Turns evidence of any unit into one score: each piece becomes `-ln P` of a validation
/// timestamp showing as much, and the pieces add up. The Pareto tails keep growing beyond
/// everything validation has shown, where ranks would saturate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// What the channels of each source are divided by.
    norms: BTreeMap<Source, Vec<f32>>,
    /// Of each piece of evidence.
    tails: Vec<ParetoTail>,
}

impl Calibration {
    /// Of the evidence of the training series, whose rows from `validation` on validate.
    pub(crate) fn fit(
        config: &ScoreConfig,
        evidence: &Evidence,
        validation: usize,
    ) -> Result<Self, EvalError> {
        let norms = |channels: &Channels| match config.channel_norm && channels.width > 1 {
            true => norms(channels),
            false => vec![1.0; channels.width],
        };
        let norms = evidence.iter().map(|(source, channels)| (*source, norms(channels))).collect();
        let tails = pieces(config, &norms, evidence)
            .map(|values| ParetoTail::fit(&values[validation..], TAIL_START))
            .collect::<Result<_, _>>()?;
        Ok(Self { norms, tails })
    }

    /// Whether it was fitted on as many pieces of the same sources and channels.
    pub(crate) fn suits(&self, config: &ScoreConfig, channels: usize) -> bool {
        let known = |source: Source| {
            let width = source.output().width(channels);
            self.norms.get(&source).is_some_and(|norms| norms.len() == width)
        };
        self.tails.len() == config.evidence.len()
            && config.evidence.iter().all(|piece| known(piece.source))
    }

    /// One score per row.
    pub(crate) fn fuse(&self, config: &ScoreConfig, evidence: &Evidence) -> Vec<f32> {
        let mut scores = vec![];
        for (tail, values) in self.tails.iter().zip(pieces(config, &self.norms, evidence)) {
            scores.resize(values.len(), 0.0);
            for (score, value) in scores.iter_mut().zip(values) {
                *score += tail.surprise(value);
            }
        }
        scores.into_iter().map(|score: f64| score.min(f64::from(f32::MAX)) as f32).collect()
    }
}

fn pieces<'a>(
    config: &'a ScoreConfig,
    norms: &'a BTreeMap<Source, Vec<f32>>,
    evidence: &'a Evidence,
) -> impl Iterator<Item = Vec<f32>> + 'a {
    config.evidence.iter().map(|piece| evidence[&piece.source].join(piece, &norms[&piece.source]))
}

/// Mean of each channel, never zero.
fn norms(channels: &Channels) -> Vec<f32> {
    let means = channels.means();
    let floor = NORM_FLOOR * means.iter().sum::<f32>() / means.len() as f32;
    means.into_iter().map(|mean| (mean + floor).max(f32::MIN_POSITIVE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvidenceConfig;

    fn config(pieces: usize) -> ScoreConfig {
        ScoreConfig { evidence: vec![EvidenceConfig::default(); pieces], ..Default::default() }
    }

    fn of(width: usize, values: Vec<f32>) -> Evidence {
        [(Source::Reconstruction, Channels { width, values })].into()
    }

    fn normal() -> Evidence {
        of(1, (0..1000).map(|i| (i as f32 / 1000.0).powi(2)).collect())
    }

    #[test]
    fn one_piece_keeps_its_order_and_pieces_add_up() {
        let [one, two] = [1, 2].map(|pieces| {
            let calibration = Calibration::fit(&config(pieces), &normal(), 500).unwrap();
            assert!(calibration.suits(&config(pieces), 1));
            assert!(!calibration.suits(&config(3), 1) && !calibration.suits(&config(pieces), 2));
            let values = vec![0.1, 0.5, 0.9, 2.0, 50.0, f32::MAX];
            calibration.fuse(&config(pieces), &of(1, values))
        });
        assert!(one.windows(2).all(|pair| pair[0] < pair[1]), "{one:?}");
        assert!(one.iter().all(|score| score.is_finite()));
        for (one, two) in one.iter().zip(two).take(5) {
            approx::assert_relative_eq!(2.0 * one, two, max_relative = 1e-5);
        }
    }

    #[test]
    fn a_loud_channel_does_not_drown_a_quiet_one() {
        let quiet = |row: usize| 1.0 + (row % 7) as f32 / 7.0;
        let normal: Vec<f32> =
            (0..1000).flat_map(|row| [1e4 * quiet(row + 3), quiet(row)]).collect();
        let calibration = |channel_norm| {
            let config = ScoreConfig { channel_norm, ..config(1) };
            let calibration = Calibration::fit(&config, &of(2, normal.clone()), 0).unwrap();
            calibration.fuse(&config, &of(2, vec![1.5e4, 1.0, 1.5e4, 9.0]))
        };
        let [with, without] = [calibration(true), calibration(false)];
        assert!(with[1] > with[0] + 5.0, "{with:?}");
        assert!(without[1] < without[0] + 0.5, "{without:?}");
    }

    #[test]
    fn a_channel_without_error_in_training_has_a_norm_all_the_same() {
        let channels = Channels { width: 2, values: vec![0.0, 2.0, 0.0, 2.0] };
        assert_eq!(norms(&channels), [1e-3, 2.001]);
        assert!(norms(&Channels { width: 1, values: vec![0.0; 3] })[0] > 0.0);
    }
}
