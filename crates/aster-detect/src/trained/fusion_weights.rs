use aster_data::{ScaledSeries, Windows};
use aster_eval::auroc;

use crate::config::{AsterConfig, Source};
use crate::error::DetectError;
use crate::score::{Calibration, Fusion, Kind, MemoryBank, Surrogate};
use crate::trained::TrainedModel;

impl TrainedModel {
    /// Learns the components' weights from pseudo-anomalies in a scaled training series, if the
    /// config says so and there is more than one.
    pub(crate) fn learn_weights(
        &self,
        windows: Windows,
        bank: Option<&MemoryBank>,
        scaled: &ScaledSeries,
        calibration: Calibration,
    ) -> Result<Calibration, DetectError> {
        let AsterConfig { score, model, train, .. } = &self.config;
        let (Some(learned), 2..) = (score.fusion.weights, score.components.len()) else {
            return Ok(calibration);
        };
        let channels = self.channels().len();
        let length = learned.rows.min(scaled.rows());
        // No more parts than lie side by side.
        let parts = learned.parts.min(scaled.rows() / length);
        let starts = (0..parts).map(|part| (scaled.rows() - length).saturating_mul(part) / parts);
        let starts: Vec<usize> = starts.collect();
        let mut weights = vec![0.0; score.components.len()];
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let (mut labels, mut surprisals) = (vec![], vec![vec![]; weights.len()]);
            for (part, start) in starts.iter().enumerate() {
                let seed = train.seed ^ ((number * starts.len() + part) as u64) << 32;
                let rows = *start..start + length;
                let drawn = Surrogate::draw(scaled, channels, rows, kind, &model.generator, seed);
                let outputs = self.outputs(windows, bank, &drawn.series);
                let values = self.components_of(&calibration, drawn.series.values(), &outputs);
                let of_part = Fusion::surprisals(score, &calibration, &values);
                surprisals.iter_mut().zip(of_part).for_each(|(all, part)| all.extend(part));
                labels.extend(drawn.labels);
            }
            // Short series may have no room for pseudo-anomalies, or for anything else.
            if labels.contains(&true) && labels.contains(&false) {
                for (weight, surprisals) in weights.iter_mut().zip(&surprisals) {
                    // What tells nothing of pseudo-anomalies may tell of others: it keeps half a say.
                    *weight += auroc(surprisals, &labels)?.max(0.5);
                }
            }
        }
        Ok(calibration.with_weights(&weights))
    }

    /// Gives components that compare subsequences no weight where these are longer than the rows that the
    /// memory bank cannot hold: then none in training is new to it, and what is far for one that is new
    /// cannot be known.
    pub(crate) fn weigh_known(
        &self,
        bank: Option<&MemoryBank>,
        unseen: usize,
        calibration: Calibration,
    ) -> Calibration {
        match bank.is_none_or(|bank| bank.rows() <= unseen) {
            true => calibration,
            false => calibration.without(&self.config.score, Source::is_subsequence),
        }
    }
}
