use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use aster_base::DAY;
use aster_data::{
    CalendarFeature, Clock, ScaledSeries, Suspects, TimeSeries, TrainSeries, Windows,
};
use aster_eval::{
    AlarmConfig, AlarmRule, DriftConfig, EpisodeRate, Interval, Per, Promise, ThresholdRule,
};
use aster_model::Aster;

use crate::alarm::{Alarm, severity};
use crate::config::{AsterConfig, ScoreConfig, Source};
use crate::detection::Detection;
use crate::error::DetectError;
use crate::record::RunRecord;
use crate::score::{
    Calibration, Components, Fusion, MemoryBank, Outputs, Reading, ReferenceDistributions, Runner,
    rows_outside,
};
use crate::trained::TrainedModel;

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
/// for alarm in Detector::load("detector", &device)?.detect(&new)?.alarms {
///     println!("{alarm}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A clone shares the weights, so that several with thresholds of their own cost little.
#[derive(Debug, Clone)]
pub struct Detector {
    pub(crate) trained: TrainedModel,
    pub(crate) windows: Windows,
    pub(crate) bank: Option<Arc<MemoryBank>>,
    pub(crate) calibration: Arc<Calibration>,
    pub(crate) reference: Arc<ReferenceDistributions>,
    /// Scores of the training rows but for those left out, which a threshold rule is fitted on.
    pub(crate) train_scores: Arc<[f32]>,
    /// First of them that calibrates.
    pub(crate) calibrated: usize,
    pub(crate) threshold: f32,
    /// How often normal scores make an alarm: what severity is told by.
    pub(crate) rate: Arc<EpisodeRate>,
    pub(crate) fingerprint: Arc<str>,
}

impl Detector {
    /// Calibrates the scores of a trained network on the series that it was trained on, and
    /// chooses the threshold.
    ///
    /// # Errors
    /// A setting outside its range, other channels than those trained on, a threshold rule that
    /// fails on the calibration scores.
    pub fn calibrate(mut trained: TrainedModel, train: &TrainSeries) -> Result<Self, DetectError> {
        let TrainedModel { config, components, .. } = &trained;
        config.check()?;
        components.check(&config.score)?;
        let validation = train.validation_start(config.train.validation)?;
        let least = train.rows().saturating_sub(config.score.calibration_rows);
        let mut calibrated = validation.min(least);
        let inputs = train.with_calendar(&config.calendar)?;
        let prepared = trained.preparation.prepare_train(&inputs)?;
        let scaled = trained.scaler.transform(&prepared)?;
        let windows = config.windows()?;
        let mut bank = trained.memory_bank(&scaled, validation, &[])?;
        let mut outputs = trained.outputs(windows, bank.as_ref(), &scaled);
        let mut values = trained.component_values(scaled.values(), &outputs);
        // Those that calibrate in the end may be bad together: where some rows are said to be bad, all of them find these.
        let declared = config.train.contamination > 0.0;
        let first = if declared { 0 } else { calibrated };
        let mut calibration = Calibration::fit(config, &scaled, &mut values, first, None)?;
        let left_out = trained.rows_to_leave_out(&calibration, &values);
        let left_out = (!left_out.is_empty()).then_some(&left_out[..]);
        // Without a bank, one that has found its rows has done without them already.
        if declared || (bank.is_some() && left_out.is_some()) {
            let rows = left_out.unwrap_or_default();
            if bank.is_some() {
                bank = trained.memory_bank(&scaled, validation, rows)?;
                let runner = trained.runner(windows, bank.as_ref());
                outputs.extend(runner.run_model(&scaled, &Reading::of_bank(&config.score)));
                values = trained.component_values(scaled.values(), &outputs);
            }
            calibrated = trained.first_that_calibrates(calibrated, scaled.rows(), rows);
            calibration = Calibration::fit(config, &scaled, &mut values, calibrated, left_out)?;
        }
        let calibration = trained.fit_edges(windows, bank.as_ref(), &scaled, &values, calibration);
        let calibration =
            trained.learn_weights(windows, bank.as_ref(), &scaled, calibrated, calibration)?;
        let unseen = train.rows() - validation;
        let unused = trained.unused_subsequences(bank.as_ref(), unseen);
        let calibration = match unused {
            None => calibration,
            Some(_) => calibration.without(&trained.config.score, Source::is_subsequence),
        };
        let scores = Fusion::whole(&config.score, &calibration, &values);
        let kept = |rows| rows_outside(calibration.left_out(), rows);
        let calibrated = kept(0..calibrated).count();
        let scores: Vec<f32> = kept(0..scores.len()).map(|row| scores[row]).collect();
        let threshold = trained.threshold(&scores, calibrated)?;
        let reference = ReferenceDistributions::fit(&scaled, &scores[calibrated..])?;
        let fingerprint = trained.fingerprint(&calibration, bank.as_ref())?;
        let report = &mut trained.record.training;
        report.left_out = Suspects::of(calibration.left_out().to_vec());
        report.unused_subsequences = unused;
        Ok(Self {
            windows,
            bank: bank.map(Arc::new),
            calibration: calibration.into(),
            reference: reference.into(),
            rate: trained.normal_scores(&scores, calibrated).rate()?.into(),
            train_scores: scores.into(),
            calibrated,
            threshold,
            fingerprint,
            trained,
        })
    }

    /// Chooses another score for the network as it is: an ablation of the score without training
    /// again. `train` is the series that it was trained on; scores are calibrated on it anew.
    ///
    /// # Errors
    /// A setting outside its range, other channels than those trained on.
    pub fn recalibrate(
        &self,
        score: &ScoreConfig,
        train: &TrainSeries,
    ) -> Result<Self, DetectError> {
        let mut trained = self.trained.clone();
        trained.config.score = score.clone();
        Self::calibrate(trained, train)
    }

    /// Returns the detector with a threshold that another rule chooses from the validation
    /// scores, in place of a custom rule too. Scores stay as they are, and so does the detector
    /// that others share.
    ///
    /// ```no_run
    /// use aster_eval::{AlarmConfig, ThresholdRule};
    /// # use aster_detect::{DetectError, Detector};
    /// # fn run(device: burn::tensor::Device) -> Result<(), DetectError> {
    /// let rarer = Detector::load("detector", &device)?
    ///     .with_threshold(ThresholdRule::FalseAlarmRate { rate: 0.001 })?
    ///     .with_alarm(AlarmConfig { k: 2, n: 3, ..Default::default() })?
    ///     .with_drift(None)?;
    /// rarer.save("detector")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A parameter outside its range, a rule that fails on the scores.
    pub fn with_threshold(&self, rule: ThresholdRule) -> Result<Self, DetectError> {
        let mut detector = self.with_config(|config| config.threshold = rule)?;
        detector.trained.components.threshold = None;
        detector.with_rule_applied()
    }

    /// Says how many false alarms are expected at the threshold, on data like that of training, and
    /// how sure that is.
    ///
    /// # Errors
    /// Per day where the training series had no dates.
    pub fn promise(&self, per: Per) -> Result<Promise, DetectError> {
        let normal = self.trained.normal_scores(&self.train_scores, self.calibrated);
        Ok(normal.promise_of(self.threshold, per)?)
    }

    /// Returns the detector with another debounce of alarms, as
    /// [`Detector::with_threshold`] does. A promise of false alarms counts those that it joins, so the
    /// threshold is chosen anew.
    ///
    /// # Errors
    /// A setting outside its range, a rule that fails on the scores.
    pub fn with_alarm(&self, alarm: AlarmConfig) -> Result<Self, DetectError> {
        self.with_config(|config| config.alarm = alarm)?.with_rule_applied()
    }

    /// Returns the detector with another adaptation to drift, or none, as
    /// [`Detector::with_threshold`] does.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn with_drift(&self, drift: Option<DriftConfig>) -> Result<Self, DetectError> {
        self.with_config(|config| config.drift = drift)
    }

    /// Returns the detector with a threshold that the configured rule chooses anew from the scores that it
    /// has and those of a series that a person says is normal, such as the rows of a false alarm. Scores
    /// stay as they are.
    ///
    /// # Errors
    /// As [`Detector::score`]; a rule that fails on the scores.
    pub fn with_normal(&self, series: &TimeSeries) -> Result<Self, DetectError> {
        let mut detector = self.clone();
        detector.train_scores =
            self.train_scores.iter().copied().chain(self.score(series)?).collect();
        detector.with_rule_applied()
    }

    /// Chooses the threshold anew, and fits anew how often normal scores make an alarm.
    fn with_rule_applied(mut self) -> Result<Self, DetectError> {
        self.threshold = self.trained.threshold(&self.train_scores, self.calibrated)?;
        let normal = self.trained.normal_scores(&self.train_scores, self.calibrated);
        self.rate = normal.rate()?.into();
        Ok(self)
    }

    fn with_config(&self, change: impl FnOnce(&mut AsterConfig)) -> Result<Self, DetectError> {
        let mut detector = self.clone();
        change(&mut detector.trained.config);
        detector.config().check()?;
        Ok(detector)
    }

    /// Returns the fingerprint of all that decides about scores, as 64 hexadecimal digits.
    ///
    /// Detectors of one fingerprint score alike, whatever their thresholds; streams and
    /// half-scored files belong to it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the trained network and what it was trained with: what another training starts
    /// from (warm start), or another calibration.
    pub fn trained_model(&self) -> &TrainedModel {
        &self.trained
    }

    /// Scores a series: one finite score per row, higher is more anomalous, in nats. It is the
    /// weighted power mean of the components' surprisals under the distribution of calibration rows.
    ///
    /// # Errors
    /// Other channels than those trained on.
    #[tracing::instrument(level = "debug", skip_all, fields(rows = series.rows()))]
    pub fn score(&self, series: &TimeSeries) -> Result<Vec<f32>, DetectError> {
        Ok(self.score_scaled(&self.trained.scale(series)?))
    }

    /// Scores a series that has been scaled.
    pub(crate) fn score_scaled(&self, scaled: &ScaledSeries) -> Vec<f32> {
        Fusion::whole(&self.config().score, &self.calibration, &self.read_components(scaled).0)
    }

    /// The components of the score of a scaled series, and the outputs that they were made of.
    pub(crate) fn read_components(&self, scaled: &ScaledSeries) -> (Components, Outputs) {
        let outputs = self.trained.outputs(self.windows, self.bank.as_deref(), scaled);
        (self.components_of(scaled.values(), &outputs), outputs)
    }

    /// The score's components of scaled rows `[rows, C]`, with binary channels and calendar features as
    /// context.
    pub(crate) fn components_of(&self, values: &[f32], outputs: &Outputs) -> Components {
        self.trained.components_of(&self.calibration, values, outputs)
    }

    pub(crate) fn runner(&self) -> Runner<'_> {
        self.trained.runner(self.windows, self.bank.as_deref())
    }

    /// Scores a series and turns the scores into alarms.
    ///
    /// # Errors
    /// As [`Detector::score`].
    pub fn detect(&self, series: &TimeSeries) -> Result<Detection, DetectError> {
        let inputs = self.trained.with_calendar(series)?;
        let scores = self.score_scaled(&self.trained.scale_inputs(&inputs)?);
        let mut found = self.alarm_rule().alarms(&scores)?;
        if let Some(times) = series.timestamps() {
            found.set_times(times, series.clock());
        }
        let alarm = |(number, interval): (usize, Interval)| {
            let (number, severity) = (number as u64, self.severity(&interval));
            let rows = self.telling_rows(interval.peak, false);
            let reasons = self.reasons(&inputs, interval.peak, rows)?;
            Ok(Alarm { number, severity, interval, reasons })
        };
        let alarms = found.intervals.into_iter().enumerate().map(alarm);
        let alarms = alarms.collect::<Result<_, DetectError>>()?;
        Ok(Detection { scores, thresholds: found.thresholds, alarms })
    }

    /// Severity of an alarm.
    pub(crate) fn severity(&self, interval: &Interval) -> f64 {
        severity(&self.rate, self.threshold, interval)
    }

    /// Returns the rule that makes alarms of scores: the threshold, when alarms open and close, and
    /// how the threshold follows drift.
    pub fn alarm_rule(&self) -> AlarmRule {
        let AsterConfig { alarm, drift, .. } = *self.config();
        let normal_rows = (self.train_scores.len() - self.calibrated) as u64;
        AlarmRule { threshold: self.threshold, alarm, drift, normal_rows }
    }

    /// Returns the threshold that the configured rule chose on calibration scores.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Returns the weights of the score's components, in the order of
    /// [`ScoreConfig::components`]; they sum to 1.
    pub fn component_weights(&self) -> &[f64] {
        self.calibration.weights()
    }

    /// Returns the rows of the training series that were left out of the memory bank, of the distributions of
    /// normal components and of the scores that a threshold is fitted on: as many as
    /// [`TrainConfig::contamination`](crate::TrainConfig) says are bad, else those of an episode that stands so far
    /// apart from all others that it must be an anomaly, if there is one.
    pub fn rows_left_out(&self) -> &[Range<usize>] {
        self.calibration.left_out()
    }

    /// Returns the channels that it was trained on, in order.
    pub fn channels(&self) -> &[String] {
        self.trained.channels()
    }

    /// Number of values of a row that the network sees: its channels and calendar features.
    pub(crate) fn input_count(&self) -> usize {
        self.trained.inputs().len()
    }

    /// Returns what the timestamps of the series that it was trained on count: those of streams
    /// are taken to count the same.
    pub fn clock(&self) -> &Clock {
        &self.trained.clock
    }

    /// Appends the calendar features of a row that has been checked to its values.
    pub(crate) fn with_calendar<'a>(&self, time: Option<i64>, values: &'a [f64]) -> Cow<'a, [f64]> {
        let features = &self.config().calendar;
        if features.is_empty() {
            return Cow::Borrowed(values);
        }
        let time = time.map(|time| self.clock().at(time));
        // It has a time: rows without one are an error before.
        let of = |feature: &CalendarFeature| time.and_then(|it| feature.of(it)).unwrap_or_default();
        Cow::Owned(values.iter().copied().chain(features.iter().flat_map(of)).collect())
    }

    /// Time between rows of training, in the unit of its timestamps, where these are dates.
    pub(crate) fn step(&self) -> Option<i64> {
        let nanoseconds = DAY as f64 / self.trained.rows_per_day?;
        Some((nanoseconds.round() as i64).max(1))
    }

    /// Checks that another detector has the same channels and calendar features, in order.
    pub(crate) fn check_channels_of(&self, other: &Self) -> Result<(), DetectError> {
        Ok(self.trained.scaler.check_channels(other.trained.inputs())?)
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
        let counted = self.config().score.counted(self.config().model.window);
        counted - 1 + self.averages_wait()
    }

    /// Rows that the component whose averages look furthest ahead waits for.
    pub(crate) fn averages_wait(&self) -> usize {
        let score = &self.config().score;
        let known = score.components.iter().zip(self.calibration.widths());
        let window = self.config().model.window;
        known.map(|(component, width)| score.after(window, component, *width)).max().unwrap_or(0)
    }
}
