use std::path::Path;
use std::sync::Arc;

use aster_base::require;
use aster_data::{Clock, Preparation, ScaledSeries, Scaler, TimeSeries, Windows};
use aster_model::Aster;
use aster_store::{digest_of, io};
use burn::tensor::Device;

use crate::components::CustomComponents;
use crate::config::AsterConfig;
use crate::error::DetectError;
use crate::record::RunRecord;
use crate::score::{
    Calibration, Components, Grid, Outputs, Runner, component_values, outputs_read,
};
use crate::weights;

/// A trained network and what it was trained with, before its scores are calibrated.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// Config of the training.
    pub config: AsterConfig,
    /// Custom components, those of the network included.
    pub components: CustomComponents,
    /// Preparation of rows before they are scaled.
    pub preparation: Preparation,
    /// Scaler of the rows that were trained on.
    pub scaler: Scaler,
    /// Clock of the series that was trained on.
    pub clock: Clock,
    /// Network of the best epoch, on a device without autodiff.
    pub model: Aster,
    /// Record of the training.
    pub record: RunRecord,
    /// Device that it scores on.
    pub device: Device,
}

impl TrainedModel {
    pub(crate) fn runner(&self, windows: Windows) -> Runner<'_> {
        Runner {
            model: &self.model,
            grid: Grid { windows, channels: self.scaler.channels().len() },
            batch_size: self.config.score.batch_size,
            device: &self.device,
        }
    }

    /// Prepares and scales a series.
    pub(crate) fn scale(&self, series: &TimeSeries) -> Result<ScaledSeries, DetectError> {
        Ok(self.scaler.transform(&*self.preparation.prepare(series)?)?)
    }

    /// Chooses the threshold from scores of validation rows.
    pub(crate) fn threshold(&self, scores: &[f32]) -> Result<f32, DetectError> {
        let threshold = match &self.components.threshold {
            Some(custom) => custom.fit(scores)?,
            None => self.config.threshold.fit(scores)?,
        };
        require("threshold", threshold.is_finite(), "a finite number", threshold)?;
        Ok(threshold)
    }

    /// Runs the network over a scaled series for the outputs that the score's components read.
    pub(crate) fn outputs(&self, windows: Windows, scaled: &ScaledSeries) -> Outputs {
        self.runner(windows).run_model(scaled, &outputs_read(&self.config.score))
    }

    /// Computes the score's components from scaled rows `[rows, C]` and the outputs for them.
    pub(crate) fn component_values(&self, values: &[f32], outputs: &Outputs) -> Components {
        let channels = self.scaler.channels().len();
        component_values(&self.config, &self.components, values, outputs, channels)
    }

    /// Digest of all that decides about scores: weights, preparation, scaler, the config of network and score,
    /// and calibration. What only decides about alarms does not belong to it.
    pub(crate) fn fingerprint(&self, calibration: &Calibration) -> Result<Arc<str>, DetectError> {
        let AsterConfig { scaler, model, score, .. } = &self.config;
        let fitted = (&self.preparation, &self.scaler, calibration);
        let all = (scaler, model, score, fitted, self.components.names());
        let text = serde_json::to_vec(&all).map_err(std::io::Error::from);
        let text = text.map_err(io(Path::new("the fingerprint")))?;
        Ok(digest_of(&[&text, &weights::to_bytes(&self.model)?]).into())
    }
}
