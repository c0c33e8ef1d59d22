use aster_data::{Scaler, TimeSeries, TrainSeries};
use aster_eval::{Interval, IntervalTimes, ThresholdRule, intervals};
use burn::tensor::Device;

use crate::calibration::Calibration;
use crate::config::require;
use crate::evidence::evidence;
use crate::reference::Reference;
use crate::{
    Aster, AsterConfig, RunRecord, ScoreConfig, Strategy, TrainConfig, TrainError, Trainer,
};

/// A trained model with everything around it: raw series in, scores and alarms
/// out.
///
/// ```no_run
/// use aster_data::{LoadOptions, TimeSeries};
/// use aster_train::{AsterConfig, Detector};
/// use burn::tensor::Device;
///
/// # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
/// let train = TimeSeries::from_csv("normal.csv", &LoadOptions::default())?.into_train();
/// let test = TimeSeries::from_csv("new.csv", &LoadOptions::default())?;
/// let detector = Detector::fit(&AsterConfig::default(), &train, &device)?;
/// detector.save("detector")?;
/// for alarm in Detector::load("detector", &device)?.detect(&test)?.intervals {
///     println!("rows {}..{}", alarm.start, alarm.end);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Detector {
    pub(crate) scaler: Scaler,
    pub(crate) model: Aster,
    pub(crate) calibration: Calibration,
    pub(crate) reference: Reference,
    pub(crate) threshold: f32,
    pub(crate) record: RunRecord,
    pub(crate) device: Device,
}

/// What a detector makes of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// One per timestamp, higher = more anomalous, in nats.
    pub scores: Vec<f32>,
    /// A timestamp alarms when its score reaches its threshold.
    pub thresholds: Vec<f32>,
    /// The alarms, in order.
    pub intervals: Vec<Interval>,
}

impl Detection {
    /// Writes the alarms as JSON, one to a line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_alarms(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        for interval in &self.intervals {
            serde_json::to_writer(&mut writer, interval)?;
            writeln!(writer)?;
        }
        Ok(())
    }
}

impl Detector {
    /// Trains on one device: [`Trainer::fit`] with [`Strategy::Single`].
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit(
        config: &AsterConfig,
        train: &TrainSeries,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let strategy = Strategy::Single(device.clone().autodiff());
        Trainer::new(config.clone(), strategy).fit(train)
    }

    /// Chooses other evidence and another threshold rule for the model as it is:
    /// an ablation of the score without training again. `train` is the series that
    /// it was trained on.
    ///
    /// # Errors
    /// A setting outside its range, other channels than those trained on.
    pub fn recalibrate(
        &mut self,
        score: &ScoreConfig,
        rule: &ThresholdRule,
        train: &TrainSeries,
    ) -> Result<(), TrainError> {
        let config =
            AsterConfig { score: score.clone(), threshold: *rule, ..self.config().clone() };
        config.check()?;
        self.model.parts().check(&config)?;
        let (fitted, _) = train.split_validation(config.train.validation)?;
        let model = self.model.clone().with_config(config);
        let scaled = self.scaler.transform(train)?;
        let calibrated = calibrate(&model, train, &scaled, fitted.rows(), &self.device)?;
        (self.calibration, self.reference, self.threshold) = calibrated;
        self.model = model;
        Ok(())
    }

    /// A detector for a series that has moved on, trained from where this one's training
    /// ended: the same config but for `settings`, the same channels. Scaler, calibration and
    /// threshold are fitted anew.
    ///
    /// # Errors
    /// Other channels than those trained on; and as [`Trainer::fit`].
    pub fn refit(&self, settings: &TrainConfig, train: &TrainSeries) -> Result<Self, TrainError> {
        let config = AsterConfig { train: settings.clone(), ..self.config().clone() };
        let strategy = Strategy::Single(self.device.clone().autodiff());
        Trainer::new(config, strategy).starting_from(self).fit(train)
    }

    /// One finite score per timestamp, higher = more anomalous, in nats: how
    /// improbable such evidence is among validation timestamps.
    ///
    /// # Errors
    /// Other channels than those trained on.
    #[tracing::instrument(level = "debug", skip_all, fields(rows = series.rows()))]
    pub fn score(&self, series: &TimeSeries) -> Result<Vec<f32>, TrainError> {
        let scaled = self.scaler.transform(series)?;
        let evidence = evidence(&self.model, &scaled, &self.device)?;
        Ok(self.calibration.fuse(self.config(), &scaled, evidence))
    }

    /// Scores a series and turns the scores into alarms.
    ///
    /// # Errors
    /// As [`Detector::score`]; alarm settings that contradict each other.
    pub fn detect(&self, series: &TimeSeries) -> Result<Detection, TrainError> {
        let scores = self.score(series)?;
        let thresholds = self.thresholds(&scores);
        let mut intervals = intervals(&scores, &thresholds, &self.config().alarm)?;
        for interval in &mut intervals {
            interval.times =
                series.timestamps().and_then(|times| IntervalTimes::of(interval, times));
        }
        Ok(Detection { scores, thresholds, intervals })
    }

    /// The threshold of each score of a series, from its beginning: that of
    /// [`threshold`](Self::threshold), or higher where the scores so far have drifted.
    pub fn thresholds(&self, scores: &[f32]) -> Vec<f32> {
        self.config().thresholds(self.threshold, scores)
    }

    /// The threshold that the configured rule chose on validation scores.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The channels it was trained on, in order.
    pub fn channels(&self) -> &[String] {
        self.scaler.channels()
    }

    /// The trained model.
    pub fn model(&self) -> &Aster {
        &self.model
    }

    /// The model's config.
    pub fn config(&self) -> &AsterConfig {
        self.model.config()
    }

    /// How it was trained.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }
}

/// Of the training series and the same scaled, whose rows from `validation` on validate.
pub(crate) fn calibrate(
    model: &Aster,
    train: &TimeSeries,
    scaled: &TimeSeries,
    validation: usize,
    device: &Device,
) -> Result<(Calibration, Reference, f32), TrainError> {
    let config = model.config();
    let normal = evidence(model, scaled, device)?;
    let (calibration, scores) = Calibration::fit(config, scaled, normal, validation)?;
    let threshold = match &model.parts().threshold {
        Some(threshold) => threshold.fit(&scores[validation..])?,
        None => config.threshold.fit(&scores[validation..])?,
    };
    require("threshold", threshold.is_finite(), "a finite number", threshold)?;
    Ok((calibration, Reference::of(train, &scores[validation..])?, threshold))
}
