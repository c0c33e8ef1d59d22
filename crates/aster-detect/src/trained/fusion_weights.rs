use aster_data::{ScaledSeries, Windows};
use aster_eval::{EvalError, auroc};

use crate::config::AsterConfig;
use crate::error::DetectError;
use crate::score::{Calibration, Fusion, Kind, MemoryBank, Surrogate, two_values};
use crate::trained::TrainedModel;

impl TrainedModel {
    /// Learns the components' weights from pseudo-anomalies in a scaled training series, if the
    /// config says so and there is more than one. They are made of the rows that calibrate, those from `calibrated`
    /// on, as the memory bank may hold the others.
    pub(crate) fn learn_weights(
        &self,
        windows: Windows,
        bank: Option<&MemoryBank>,
        scaled: &ScaledSeries,
        calibrated: usize,
        calibration: Calibration,
    ) -> Result<Calibration, DetectError> {
        let AsterConfig { score, train, .. } = &self.config;
        let (Some(learned), 2..) = (score.fusion.weights, score.components.len()) else {
            return Ok(calibration);
        };
        let unseen = scaled.slice(calibrated..scaled.rows());
        let channels = 0..self.channels().len();
        let flags = channels.map(|channel| two_values(&unseen, channel).is_some());
        let flags: Vec<bool> = flags.collect();
        let length = learned.rows.min(unseen.rows());
        // Side by side where there are enough rows, or the same ones with other pseudo-anomalies, a few times.
        let between = unseen.rows() - length;
        let most = learned.times.saturating_mul(unseen.rows().div_ceil(length));
        let parts = learned.parts.min(most);
        let starts = (0..parts).map(|part| between.saturating_mul(part) / parts);
        let starts: Vec<usize> = starts.collect();
        let mut weights = vec![0.0; score.components.len()];
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let (mut labels, mut surprisals) = (vec![], vec![vec![]; weights.len()]);
            for (part, start) in starts.iter().enumerate() {
                let seed = train.seed ^ ((number * starts.len() + part) as u64) << 32;
                let rows = *start..start + length;
                let drawn = Surrogate::draw(&unseen, &flags, rows, kind, seed);
                let outputs = self.outputs(windows, bank, &drawn.series);
                let values = self.components_of(&calibration, drawn.series.values(), &outputs);
                let of_part = Fusion::surprisals(score, &calibration, &values);
                surprisals.iter_mut().zip(of_part).for_each(|(all, part)| all.extend(part));
                labels.extend(drawn.labels);
            }
            // Short series may have no room for pseudo-anomalies, or for anything else.
            if labels.contains(&true) && labels.contains(&false) {
                let gain =
                    |surprisals: &Vec<f32>| Ok((2.0 * auroc(surprisals, &labels)? - 1.0).max(0.0));
                let gains = surprisals.iter().map(gain).collect::<Result<Vec<f64>, EvalError>>()?;
                let best = gains.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
                for (weight, gain) in weights.iter_mut().zip(gains) {
                    // What tells nothing of pseudo-anomalies may tell of others: it keeps a say.
                    *weight += best * (gain / best).powf(learned.power) + learned.least;
                }
            }
        }
        Ok(calibration.with_weights(&weights))
    }

    /// Rows of the subsequences that are compared, where they are more than those that the memory bank cannot
    /// hold: then none in training is new to it, and what is far for one that is new cannot be known.
    pub(crate) fn unused_subsequences(
        &self,
        bank: Option<&MemoryBank>,
        unseen: usize,
    ) -> Option<usize> {
        let mut compared = self.config.score.components.iter().map(|it| it.source.is_subsequence());
        // Where there is nothing else, they are better than nothing.
        let some = compared.clone().any(|it| it) && compared.any(|it| !it);
        bank.map(MemoryBank::rows).filter(|rows| some && *rows > unseen)
    }
}
