mod ends;
mod fusion_weights;
mod left_out;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use aster_base::{SettingError, require};
use aster_data::{Clock, Preparation, ScaledSeries, Scaler, TimeSeries, Windows};
use aster_eval::NormalScores;
use aster_model::Aster;
use aster_store::{digest_of, io};
use burn::tensor::Device;

use crate::components::CustomComponents;
use crate::config::AsterConfig;
use crate::error::DetectError;
use crate::numbers::to_bytes;
use crate::record::RunRecord;
use crate::score::{
    Calibration, Components, Grid, MemoryBank, Outputs, Reading, Runner, component_values,
};
use crate::weights;

/// A trained network and what it was trained with, before its scores are calibrated.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// Config of the training.
    pub config: AsterConfig,
    /// Custom components, those of the network included.
    pub components: CustomComponents,
    /// Preparation of rows before they are scaled, calendar features among them.
    pub preparation: Preparation,
    /// Scaler of the rows that were trained on, calendar features among them.
    pub scaler: Scaler,
    /// Clock of the series that was trained on.
    pub clock: Clock,
    /// Rows of a day by the median step of that series, where its timestamps are dates.
    pub rows_per_day: Option<f64>,
    /// Network of the best epoch, on a device without autodiff.
    pub model: Aster,
    /// Record of the training.
    pub record: RunRecord,
    /// Device that it scores on.
    pub device: Device,
}

impl TrainedModel {
    pub(crate) fn runner<'a>(
        &'a self,
        windows: Windows,
        bank: Option<&'a MemoryBank>,
    ) -> Runner<'a> {
        Runner {
            model: &self.model,
            bank,
            grid: Grid {
                windows,
                read: bank.map_or(windows.length(), MemoryBank::rows),
                counted: self.config.score.counted(windows.length()),
                channels: self.inputs().len(),
            },
            batch_size: self.config.score.batch_size,
            device: &self.device,
        }
    }

    /// Channels of the rows that the network sees: those of a series, and its calendar features.
    pub(crate) fn inputs(&self) -> &[String] {
        self.scaler.channels()
    }

    /// Channels of a series.
    pub(crate) fn channels(&self) -> &[String] {
        &self.inputs()[..self.inputs().len() - self.config.calendar_channels()]
    }

    /// Appends the calendar features to a series of the channels trained on.
    pub(crate) fn with_calendar<'a>(
        &self,
        series: &'a TimeSeries,
    ) -> Result<Cow<'a, TimeSeries>, DetectError> {
        series.check_channels(self.channels())?;
        Ok(series.with_calendar(&self.config.calendar)?)
    }

    /// Prepares and scales a series.
    pub(crate) fn scale(&self, series: &TimeSeries) -> Result<ScaledSeries, DetectError> {
        self.scale_inputs(&*self.with_calendar(series)?)
    }

    /// Prepares and scales a series that has its calendar features.
    pub(crate) fn scale_inputs(&self, series: &TimeSeries) -> Result<ScaledSeries, DetectError> {
        Ok(self.scaler.transform(&*self.preparation.prepare(series)?)?)
    }

    /// Chooses the threshold from scores of the training series, whose rows from `calibrated` on
    /// calibrate.
    pub(crate) fn threshold(&self, scores: &[f32], calibrated: usize) -> Result<f32, DetectError> {
        let normal = self.normal_scores(scores, calibrated);
        let threshold = match &self.components.threshold {
            Some(custom) => custom.fit(normal.unseen()?)?,
            None => self.config.threshold.fit_on(&normal)?,
        };
        require("threshold", threshold.is_finite(), "a finite number", threshold)?;
        Ok(threshold)
    }

    /// Scores of the training series, and what else a threshold is chosen by.
    pub(crate) fn normal_scores<'a>(&self, scores: &'a [f32], unseen: usize) -> NormalScores<'a> {
        let (alarm, rows_per_day) = (self.config.alarm, self.rows_per_day);
        NormalScores { scores, unseen, alarm, rows_per_day }
    }

    /// Runs the network over a scaled series for what the score's components read.
    pub(crate) fn outputs(
        &self,
        windows: Windows,
        bank: Option<&MemoryBank>,
        scaled: &ScaledSeries,
    ) -> Outputs {
        self.runner(windows, bank).run_model(scaled, &Reading::of_score(&self.config.score))
    }

    /// Fits the memory bank on a scaled training series up to where validation begins, without some
    /// rows, if a component reads one.
    pub(crate) fn memory_bank(
        &self,
        scaled: &ScaledSeries,
        validation: usize,
        left_out: &[Range<usize>],
    ) -> Result<Option<MemoryBank>, SettingError> {
        let AsterConfig { score, model, .. } = &self.config;
        let rows = score.most_read_rows(model.window);
        let fit =
            || MemoryBank::fit(scaled, validation, model.window, rows, score.bank_size, left_out);
        (!Reading::of_bank(score).is_empty()).then(fit).transpose()
    }

    /// Computes the score's components from scaled rows `[rows, C]` and the outputs for them.
    pub(crate) fn component_values(&self, values: &[f32], outputs: &Outputs) -> Components {
        let channels = self.inputs().len();
        component_values(&self.config, &self.components, values, outputs, channels)
    }

    /// The score's components of scaled rows `[rows, C]`, with binary channels and calendar features as
    /// context.
    pub(crate) fn components_of(
        &self,
        calibration: &Calibration,
        values: &[f32],
        outputs: &Outputs,
    ) -> Components {
        let mut components = self.component_values(values, outputs);
        calibration.mask_context(&self.config, values, &mut components);
        components
    }

    /// Digest of all that decides about scores: weights, preparation, scaler, the config of network and score,
    /// calibration and memory bank. What only decides about alarms does not belong to it.
    pub(crate) fn fingerprint(
        &self,
        calibration: &Calibration,
        bank: Option<&MemoryBank>,
    ) -> Result<Arc<str>, DetectError> {
        let AsterConfig { scaler, model, score, .. } = &self.config;
        let fitted = (&self.preparation, &self.scaler, calibration);
        let all = (scaler, model, score, fitted, self.components.names());
        let text = serde_json::to_vec(&all).map_err(std::io::Error::from);
        let text = text.map_err(io(Path::new("the fingerprint")))?;
        let bank = bank.map(|bank| to_bytes(&bank.values())).unwrap_or_default();
        Ok(digest_of(&[&text, &weights::to_bytes(&self.model)?, &bank]).into())
    }
}
