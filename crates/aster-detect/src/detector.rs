use aster_base::require;
use aster_data::{Scaler, TimeSeries, TrainSeries, Windows};
use aster_eval::{Interval, IntervalTimes, ThresholdRule, intervals};
use aster_model::Aster;
use burn::tensor::Device;

use crate::components::CustomComponents;
use crate::config::{AsterConfig, ScoreConfig};
use crate::error::DetectError;
use crate::record::RunRecord;
use crate::score::{
    Calibration, Components, Fusion, Grid, Outputs, ReferenceDistributions, Runner,
    component_values, outputs_read,
};

/// A trained network with everything around it: raw series in, scores and alarms out.
///
/// It is made by `aster-train` (`aster::fit`) and kept by [`Detector::save`] and
/// [`Detector::load`]; [`Detector::attribute`] explains its scores, [`Detector::stability`] tells
/// when to refit, [`Detector::latent_codes`] shows its latent space, and
/// [`StreamingDetector`](crate::StreamingDetector) and [`Streams`](crate::Streams) score rows that
/// arrive one by one.
///
/// ```no_run
/// use aster_data::TimeSeries;
/// use aster_detect::Detector;
/// use burn::tensor::Device;
///
/// # fn run(device: Device, new: TimeSeries) -> Result<(), Box<dyn std::error::Error>> {
/// for alarm in Detector::load("detector", &device)?.detect(&new)?.intervals {
///     println!("rows {}..{}", alarm.start, alarm.end);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Detector {
    pub(crate) trained: TrainedModel,
    pub(crate) windows: Windows,
    pub(crate) calibration: Calibration,
    pub(crate) reference: ReferenceDistributions,
    pub(crate) threshold: f32,
}

/// A trained network and what it was trained with, before its scores are calibrated.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// Config of the training.
    pub config: AsterConfig,
    /// Custom components, those of the network included.
    pub components: CustomComponents,
    /// Scaler of the rows that were trained on.
    pub scaler: Scaler,
    /// Network of the best epoch, on a device without autodiff.
    pub model: Aster,
    /// Record of the training.
    pub record: RunRecord,
    /// Device that it scores on.
    pub device: Device,
}

impl TrainedModel {
    fn runner(&self, windows: Windows) -> Runner<'_> {
        Runner {
            model: &self.model,
            grid: Grid { windows, channels: self.scaler.channels().len() },
            batch_size: self.config.score.batch_size,
            device: &self.device,
        }
    }

    /// Runs the network over a scaled series for the outputs that the score's components read.
    fn outputs(&self, windows: Windows, scaled: &TimeSeries) -> Outputs {
        self.runner(windows).run_model(scaled, &outputs_read(&self.config.score))
    }

    /// Computes the score's components from scaled rows `[rows, C]` and the outputs for them.
    fn component_values(&self, values: &[f32], outputs: &Outputs) -> Components {
        let channels = self.scaler.channels().len();
        component_values(&self.config, &self.components, values, outputs, channels)
    }
}

/// Scores and alarms of a series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Detection {
    /// Scores, one per row, in nats: higher is more anomalous.
    pub scores: Vec<f32>,
    /// Thresholds, one per row: a row alarms when its score reaches its threshold.
    pub thresholds: Vec<f32>,
    /// Alarms, in order.
    pub intervals: Vec<Interval>,
}

impl Detection {
    /// Writes the alarms as JSON, one to a line.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_alarms(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        for interval in &self.intervals {
            serde_json::to_writer(&mut writer, interval)?;
            writeln!(writer)?;
        }
        Ok(())
    }
}

impl Detector {
    /// Calibrates the scores of a trained network on the series that it was trained on, and
    /// chooses the threshold.
    ///
    /// # Errors
    /// A setting outside its range, other channels than those trained on, a threshold rule that
    /// fails on the validation scores.
    pub fn calibrate(trained: TrainedModel, train: &TrainSeries) -> Result<Self, DetectError> {
        let TrainedModel { config, components, .. } = &trained;
        config.check()?;
        components.check(&config.score)?;
        let validation = train.validation_start(config.train.validation)?;
        let scaled = trained.scaler.transform(train)?;
        let windows = config.windows()?;
        let outputs = trained.outputs(windows, &scaled);
        let mut values = trained.component_values(scaled.values(), &outputs);
        let calibration = Calibration::fit(config, &scaled, &mut values, validation)?;
        let scores = Fusion::whole(&config.score, &calibration, &values);
        let normal = &scores[validation..];
        let threshold = match &components.threshold {
            Some(custom) => custom.fit(normal)?,
            None => config.threshold.fit(normal)?,
        };
        require("threshold", threshold.is_finite(), "a finite number", threshold)?;
        let reference = ReferenceDistributions::fit(train, normal)?;
        Ok(Self { trained, windows, calibration, reference, threshold })
    }

    /// Chooses another score and another threshold rule for the network as it is: an ablation of
    /// the score without training again. `train` is the series that it was trained on.
    ///
    /// # Errors
    /// A setting outside its range, other channels than those trained on.
    pub fn recalibrate(
        &mut self,
        score: &ScoreConfig,
        rule: &ThresholdRule,
        train: &TrainSeries,
    ) -> Result<(), DetectError> {
        let mut trained = self.trained.clone();
        trained.config.score = score.clone();
        trained.config.threshold = *rule;
        *self = Self::calibrate(trained, train)?;
        Ok(())
    }

    /// Returns the trained network and what it was trained with: what another training starts
    /// from (warm start), or another calibration.
    pub fn trained_model(&self) -> &TrainedModel {
        &self.trained
    }

    /// Scores a series: one finite score per row, higher is more anomalous, in nats. It is the
    /// sum of the components' surprisals under the validation distribution.
    ///
    /// # Errors
    /// Other channels than those trained on.
    #[tracing::instrument(level = "debug", skip_all, fields(rows = series.rows()))]
    pub fn score(&self, series: &TimeSeries) -> Result<Vec<f32>, DetectError> {
        Ok(self.score_scaled(&self.trained.scaler.transform(series)?))
    }

    /// Scores a series that has been scaled.
    pub(crate) fn score_scaled(&self, scaled: &TimeSeries) -> Vec<f32> {
        Fusion::whole(&self.config().score, &self.calibration, &self.read_components(scaled))
    }

    /// The score's components of a scaled series.
    pub(crate) fn read_components(&self, scaled: &TimeSeries) -> Components {
        self.components_of(scaled.values(), &self.trained.outputs(self.windows, scaled))
    }

    /// The score's components of scaled rows `[rows, C]`, with binary channels as context.
    pub(crate) fn components_of(&self, values: &[f32], outputs: &Outputs) -> Components {
        let mut components = self.trained.component_values(values, outputs);
        self.calibration.mask_binary_channels(self.config(), values, &mut components);
        components
    }

    pub(crate) fn runner(&self) -> Runner<'_> {
        self.trained.runner(self.windows)
    }

    /// Scores a series and turns the scores into alarms.
    ///
    /// # Errors
    /// As [`Detector::score`].
    pub fn detect(&self, series: &TimeSeries) -> Result<Detection, DetectError> {
        let scores = self.score(series)?;
        let thresholds = self.thresholds(&scores);
        let mut intervals = intervals(&scores, &thresholds, &self.config().alarm)?;
        for interval in &mut intervals {
            interval.times =
                series.timestamps().and_then(|times| IntervalTimes::of(interval, times));
        }
        Ok(Detection { scores, thresholds, intervals })
    }

    /// Returns the threshold of each score of a series, from its beginning: that of
    /// [`Detector::threshold`], or higher where the scores so far have drifted.
    pub fn thresholds(&self, scores: &[f32]) -> Vec<f32> {
        match &self.config().drift {
            Some(drift) => drift.thresholds(self.threshold, scores),
            None => vec![self.threshold; scores.len()],
        }
    }

    /// Returns the threshold that the configured rule chose on validation scores.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Returns the channels that it was trained on, in order.
    pub fn channels(&self) -> &[String] {
        self.trained.scaler.channels()
    }

    /// Returns the trained network.
    pub fn model(&self) -> &Aster {
        &self.trained.model
    }

    /// Returns the config in force.
    pub fn config(&self) -> &AsterConfig {
        &self.trained.config
    }

    /// Returns the record of its training.
    pub fn record(&self) -> &RunRecord {
        &self.trained.record
    }

    /// Returns the largest number of rows after its own that make a row's score final: the rest
    /// of a window, and the rows that the widest average waits for.
    pub fn latency(&self) -> usize {
        let after = |width: &usize| self.config().score.alignment.after(*width);
        let widest = self.calibration.widths().iter().map(after).max();
        self.config().model.window - 1 + widest.unwrap_or(0)
    }
}
