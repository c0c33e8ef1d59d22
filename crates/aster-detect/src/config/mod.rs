mod fusion;
mod score;
mod train;

use aster_base::{SettingError, Within, require};
use aster_data::{CalendarFeature, ChannelPolicies, ScalerConfig, Windows};
use aster_decoder::{CodeSampler, GeneratorForm};
use aster_eval::{AlarmConfig, DriftConfig, Per, ThresholdRule};
use aster_llm::{LlmSource, LoraConfig, Tuning};
use aster_model::{ModelConfig, Space};
use serde::{Deserialize, Serialize};

pub use fusion::{FusionConfig, LearnedWeights};
pub use score::{ComponentConfig, ScoreConfig, Smoothing, Source};
pub use train::TrainConfig;

/// Every hyperparameter of a detector. An ablation is a value of this type.
///
/// A file, in JSON or TOML, needs only what differs from the defaults.
///
/// ```
/// use aster_detect::AsterConfig;
///
/// let text = r#"{"model": {"window": 64}, "train": {"epochs": 4}, "drift": "off"}"#;
/// let config: AsterConfig = serde_json::from_str(text)?;
/// assert_eq!((config.model.window, config.train.epochs), (64, 4));
/// assert!(config.drift.is_none() && config.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AsterConfig {
    /// Policies for channels that are hard to judge.
    pub channels: ChannelPolicies,
    /// Calendar features that the network sees beside the channels, for series whose normal state
    /// depends on the hour or the weekday. They are context: the score holds nothing against them, and no
    /// alarm is told of them. Rows then need dates. Default: none.
    pub calendar: Vec<CalendarFeature>,
    /// Scaling of the channels.
    pub scaler: ScalerConfig,
    /// Network.
    pub model: ModelConfig,
    /// Optimisation.
    pub train: TrainConfig,
    /// Anomaly score of each row.
    pub score: ScoreConfig,
    /// Threshold, fitted on the scores of training. Default: ten false alarms in 10 000 rows of normal
    /// data.
    pub threshold: ThresholdRule,
    /// Adaptation of the threshold to scores whose normal level has moved; `"off"` turns it
    /// off. Default: by the latest 10 000 scores.
    #[serde(with = "aster_base::off")]
    #[cfg_attr(feature = "schema", schemars(with = "aster_base::off::Schema<DriftConfig>"))]
    pub drift: Option<DriftConfig>,
    /// Debounce and merging of alarms.
    pub alarm: AlarmConfig,
}

impl Default for AsterConfig {
    fn default() -> Self {
        Self {
            channels: ChannelPolicies::default(),
            calendar: vec![],
            scaler: ScalerConfig::default(),
            model: ModelConfig::default(),
            train: TrainConfig::default(),
            score: ScoreConfig::default(),
            threshold: ThresholdRule::FalseAlarms { episodes: 10.0, per: Per::Rows(10_000) },
            drift: Some(DriftConfig::default()),
            alarm: AlarmConfig::default(),
        }
    }
}

impl AsterConfig {
    /// Returns the method as its paper describes it, where that could be read: in place of the
    /// window stands what the decoder makes of codes from the prior, in latent space; the
    /// classifier decides between real and pseudo, and its severity alone is the score; the
    /// language model, here the bundled one, is tuned by LoRA. Sizes, optimisation and threshold
    /// are ours.
    ///
    /// ```
    /// use aster_detect::AsterConfig;
    /// use aster_llm::LlmSource;
    ///
    /// let mut config = AsterConfig::paper();
    /// config.model.context.llm = LlmSource::Folder("models/gpt2".into());
    /// assert!(config.check().is_ok());
    /// ```
    pub fn paper() -> Self {
        let mut config = Self::default();
        config.model.context.llm = LlmSource::Bundled;
        config.model.context.tuning = Tuning::Lora(LoraConfig::default());
        config.model.sampler = CodeSampler::Prior;
        config.model.generator.form = GeneratorForm::Replace;
        config.model.space = Space::Latent;
        config.model.grades = 1;
        let severity = ComponentConfig::new(Source::Classifier, Smoothing::Rows(1), 1.0);
        config.score.components = vec![severity];
        config
    }

    /// Returns a preset whose scores wait for four later rows at most, for alarms within a few rows of
    /// what they are about: windows of four rows, one of which ends at each row, and averages over half
    /// as many rows as by default (chosen by leave-one-set-out; docs/alarms.md tells what it costs).
    ///
    /// ```
    /// use aster_detect::AsterConfig;
    ///
    /// let config = AsterConfig::real_time();
    /// assert_eq!((config.score.latency, config.model.window), (Some(4), 4));
    /// assert!(config.check().is_ok());
    /// ```
    pub fn real_time() -> Self {
        let mut config = Self::default();
        (config.model.window, config.model.patch) = (4, Some(1));
        config.score.latency = Some(4);
        config.score.components = ScoreConfig::components_over(5);
        config.score.components.retain(|it| !it.source.is_subsequence());
        config
    }

    /// Checks everything that can be checked without data, files or a device.
    ///
    /// # Errors
    /// The first setting outside its range, named by its path.
    pub fn check(&self) -> Result<(), SettingError> {
        self.channels.check().within("channels")?;
        let once = |(at, feature)| !self.calendar[..at].contains(feature);
        let once = self.calendar.iter().enumerate().all(once);
        require("calendar", once, "each feature once", format!("{:?}", self.calendar))?;
        self.model.check().within("model")?;
        self.train.check().within("train")?;
        self.score.check(self.model.window).within("score")?;
        self.threshold.check().within("threshold")?;
        self.drift.as_ref().map_or(Ok(()), DriftConfig::check).within("drift")?;
        self.alarm.check().within("alarm")
    }

    /// Channels that the calendar features add to those of a series.
    pub(crate) fn calendar_channels(&self) -> usize {
        CalendarFeature::CHANNELS * self.calendar.len()
    }

    /// The layout of the windows that are scored.
    pub(crate) fn windows(&self) -> Result<Windows, SettingError> {
        Windows::new(self.model.window, self.score.stride(self.model.window)).within("score")
    }
}

#[cfg(test)]
mod tests {
    use aster_data::ChannelPolicy;

    use super::*;

    fn name_of(change: impl FnOnce(&mut AsterConfig)) -> String {
        let mut config = AsterConfig::default();
        change(&mut config);
        config.check().unwrap_err().name
    }

    #[test]
    fn impossible_settings_are_named_by_their_path() {
        AsterConfig::default().check().unwrap();
        assert_eq!(name_of(|c| c.model.window = 0), "model.window");
        assert_eq!(
            name_of(|c| c.model.generator.min_radius = 0.0),
            "model.generator.min_radius and max_radius"
        );
        assert_eq!(name_of(|c| c.train.validation = 1.0), "train.validation");
        assert_eq!(name_of(|c| c.train.objective.reversal = f64::NAN), "train.objective.reversal");
        assert_eq!(name_of(|c| c.score.stride = Some(33)), "score.stride");
        let rule = ThresholdRule::FalseAlarmRate { rate: 2.0 };
        assert_eq!(name_of(|c| c.threshold = rule), "threshold.false_alarm_rate.rate");
        let drift = DriftConfig { warmup: 0, ..Default::default() };
        assert_eq!(name_of(|c| c.drift = Some(drift)), "drift.warmup");
        assert_eq!(name_of(|c| c.alarm.k = 0), "alarm.k of n");
        let twice = vec![CalendarFeature::HourOfDay; 2];
        assert_eq!(name_of(|c| c.calendar = twice), "calendar");
        assert_eq!(name_of(|c| c.channels.copy = ChannelPolicy::Missing), "channels.copy");
    }

    #[test]
    fn settings_that_follow_from_others_have_defaults_that_do() {
        let config: AsterConfig = toml::from_str("[model]\nwindow = 4").unwrap();
        config.check().unwrap();
        assert_eq!((config.model.patch_length(), config.score.stride(4)), (4, 1));
    }

    #[test]
    fn a_config_reads_back_from_json_and_toml() {
        let mut config = AsterConfig { drift: None, ..Default::default() };
        (config.model.window, config.train.max_grad_norm) = (64, None);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AsterConfig>(&text).unwrap(), config);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<AsterConfig>(&text).unwrap(), config);
    }

    #[test]
    fn unknown_fields_are_refused_at_every_depth() {
        for text in [
            r#"{"windw": 64}"#,
            r#"{"model": {"windw": 64}}"#,
            r#"{"model": {"vae": {"latent": 4}}}"#,
            r#"{"model": {"context": {"lora": 4}}}"#,
            r#"{"model": {"generator": {"form": {"residual": {"bound": 1, "x": 1}}}}}"#,
            r#"{"train": {"objective": {"diversity": 1}}}"#,
            r#"{"train": {"steps": 4}}"#,
            r#"{"score": {"components": [{"sourc": "classifier"}]}}"#,
            r#"{"score": {"fusion": {"weights": {"kinds": 4}}}}"#,
            r#"{"threshold": {"quantile": {"q": 0.9, "p": 1}}}"#,
            r#"{"drift": {"memori": 4}}"#,
            r#"{"alarm": {"m": 4}}"#,
            r#"{"scaler": {"clip": 4}}"#,
        ] {
            let error = serde_json::from_str::<AsterConfig>(text).unwrap_err().to_string();
            assert!(error.contains("unknown"), "{text}: {error}");
        }
    }
}
