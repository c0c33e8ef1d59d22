use std::collections::BTreeMap;

use aster_data::TimeSeries;
use aster_eval::{EvalError, ParetoTail};
use serde::{Deserialize, Serialize};

use crate::config::LARGEST;
use crate::evidence::{Channels, Evidence};
use crate::fusion::{Fusion, Joining};
use crate::states::States;
use crate::{AsterConfig, ScoreConfig, Smoothing, Source};

/// Turns evidence of any unit into one score: each piece becomes `-ln P` of a validation
/// timestamp showing as much, and the pieces add up. The Pareto tails keep growing beyond
/// everything validation has shown, where ranks would saturate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// What the channels of each source are divided by.
    norms: BTreeMap<Source, Vec<f32>>,
    states: States,
    /// Rows over which each piece is smoothed.
    widths: Vec<usize>,
    /// Of each piece of evidence.
    tails: Vec<ParetoTail>,
}

impl Calibration {
    /// Of the scaled training series, whose rows from `validation` on validate, and its
    /// evidence; with one score per row, as [`Calibration::fuse`] would give.
    pub(crate) fn fit(
        config: &AsterConfig,
        train: &TimeSeries,
        mut evidence: Evidence,
        validation: usize,
    ) -> Result<(Self, Vec<f32>), EvalError> {
        let AsterConfig { score: config, scaler, .. } = config;
        let norms = |channels: &Channels| match config.channel_norm && channels.width > 1 {
            true => norms(channels, config.channel_floor as f32),
            false => vec![1.0; channels.width],
        };
        let norms: BTreeMap<Source, Vec<f32>> =
            evidence.iter().map(|(source, channels)| (*source, norms(channels))).collect();
        let states = match config.binary_as_context {
            true => States::of(train),
            false => States::none(train.channel_count()),
        };
        states.settle(&mut evidence, train.values(), scaler);
        let smoothing: Vec<_> = config.evidence.iter().map(|piece| piece.smoothing).collect();
        let widths = Smoothing::widths(&smoothing, train);
        let pieces = config.evidence.iter().zip(&widths).map(|(piece, width)| {
            let Channels { width: channels, values } = &evidence[&piece.source];
            let joining = Joining::new(config, *width, *channels);
            joining.whole(values, piece.power, &norms[&piece.source])
        });
        let tails = pieces.map(|piece| ParetoTail::fit(&piece[validation..], config.tail));
        let tails = tails.collect::<Result<_, _>>()?;
        let calibration = Self { norms, states, widths, tails };
        let scores = calibration.scores(config, &evidence);
        Ok((calibration, scores))
    }

    /// What the channels of a source are divided by.
    pub(crate) fn norms(&self, source: Source) -> &[f32] {
        self.norms.get(&source).map_or(&[], Vec::as_slice)
    }

    /// Rows over which each piece is smoothed.
    pub(crate) fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Of each piece.
    pub(crate) fn tails(&self) -> &[ParetoTail] {
        &self.tails
    }

    /// Whether it was fitted on as many pieces of the same sources and channels.
    pub(crate) fn suits(&self, config: &ScoreConfig, channels: usize) -> bool {
        let known = |source: Source| {
            let width = source.width(channels);
            let sound = |norms: &Vec<f32>| {
                norms.len() == width && norms.iter().all(|norm| norm.is_finite() && *norm > 0.0)
            };
            self.norms.get(&source).is_some_and(sound)
        };
        self.tails.len() == config.evidence.len()
            && self.widths.len() == config.evidence.len()
            && self.widths.iter().all(|width| (1..=LARGEST).contains(width))
            && self.tails.iter().all(ParetoTail::is_sound)
            && self.states.channels() == channels
            && config.evidence.iter().all(|piece| known(piece.source))
    }

    /// One score per row of a scaled series with its evidence.
    pub(crate) fn fuse(
        &self,
        config: &AsterConfig,
        series: &TimeSeries,
        mut evidence: Evidence,
    ) -> Vec<f32> {
        self.settle(config, series.values(), &mut evidence);
        self.scores(&config.score, &evidence)
    }

    /// Makes context of the states of binary channels.
    pub(crate) fn settle(&self, config: &AsterConfig, values: &[f32], evidence: &mut Evidence) {
        self.states.settle(evidence, values, &config.scaler);
    }

    fn scores(&self, config: &ScoreConfig, evidence: &Evidence) -> Vec<f32> {
        let mut fusion = Fusion::new(config, self);
        let mut scores = fusion.push(config, self, evidence);
        scores.extend(fusion.drain(config, self));
        scores
    }
}

/// Mean of each channel and a share of the mean over all, never zero.
fn norms(channels: &Channels, floor: f32) -> Vec<f32> {
    let means = channels.means();
    let floor = floor * means.iter().sum::<f32>() / means.len() as f32;
    means.into_iter().map(|mean| (mean + floor).max(f32::MIN_POSITIVE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvidenceConfig;

    fn config(pieces: usize) -> AsterConfig {
        let evidence = vec![EvidenceConfig::default(); pieces];
        AsterConfig { score: ScoreConfig { evidence, ..Default::default() }, ..Default::default() }
    }

    /// A series as its own evidence.
    fn of(width: usize, values: Vec<f32>) -> (TimeSeries, Evidence) {
        let series = TimeSeries::from_slice(&values, width).unwrap();
        (series, [(Source::Reconstruction, Channels { width, values })].into())
    }

    fn fuse(
        config: &AsterConfig,
        (train, normal): (TimeSeries, Evidence),
        (test, evidence): (TimeSeries, Evidence),
    ) -> Vec<f32> {
        let (calibration, _) = Calibration::fit(config, &train, normal, 0).unwrap();
        let channels = train.channel_count();
        assert!(calibration.suits(&config.score, channels));
        assert!(!calibration.suits(&config.score, channels + 1));
        calibration.fuse(config, &test, evidence)
    }

    #[test]
    fn one_piece_keeps_its_order_and_pieces_add_up() {
        let normal = || of(1, (0..1000).map(|i| (i as f32 / 1000.0).powi(2)).collect());
        let test = || of(1, vec![0.1, 0.5, 0.9, 2.0, 50.0, f32::MAX]);
        let [one, two] = [1, 2].map(|pieces| fuse(&config(pieces), normal(), test()));
        assert!(one.windows(2).all(|pair| pair[0] < pair[1]), "{one:?}");
        assert!(one.iter().all(|score| score.is_finite()));
        for (one, two) in one.iter().zip(two).take(5) {
            approx::assert_relative_eq!(2.0 * one, two, max_relative = 1e-5);
        }
    }

    #[test]
    fn a_loud_channel_does_not_drown_a_quiet_one() {
        let quiet = |row: usize| 1.0 + (row % 7) as f32 / 7.0;
        let rows = 0..1000;
        let normal = || rows.clone().flat_map(|row| [100.0 * quiet(row + 3), quiet(row)]).collect();
        let [with, without] = [true, false].map(|channel_norm| {
            let mut config = config(1);
            config.score.channel_norm = channel_norm;
            fuse(&config, of(2, normal()), of(2, vec![150.0, 1.0, 150.0, 9.0]))
        });
        assert!(with[1] > with[0] + 5.0, "{with:?}");
        assert!(without[1] < without[0] + 0.5, "{without:?}");
    }

    #[test]
    fn the_state_of_a_binary_channel_is_context_unless_the_config_says_otherwise() {
        let normal = || (0..1000).flat_map(|row| [f32::from(row % 100 == 0), 0.1]).collect();
        let [context, evidence] = [true, false].map(|binary_as_context| {
            let mut config = config(1);
            config.score.binary_as_context = binary_as_context;
            fuse(&config, of(2, normal()), of(2, vec![1.0, 0.1, 0.0, 0.1]))
        });
        assert_eq!(context[0], context[1]);
        assert!(evidence[0] > evidence[1]);
    }

    #[test]
    fn a_channel_without_error_in_training_has_a_norm_all_the_same() {
        let channels = Channels { width: 2, values: vec![0.0, 2.0, 0.0, 2.0] };
        assert_eq!(norms(&channels, 0.25), [0.25, 2.25]);
        assert!(norms(&Channels { width: 1, values: vec![0.0; 3] }, 0.25)[0] > 0.0);
    }
}
