use std::path::PathBuf;

use aster_classifier::{GradeScale, HeadConfig};
use aster_data::ScalerConfig;
use aster_decoder::{CodeSampler, DecoderConfig, GeneratorConfig};
use aster_eval::{AlarmConfig, DriftConfig, ThresholdRule};
use aster_llm::ContextConfig;
use aster_vae::{BetaSchedule, VaeConfig};
use serde::{Deserialize, Serialize};

use crate::{Alignment, Output, Smoothing, TrainError};

/// Every choice of a detector. An ablation is a value of this type.
///
/// ```
/// use aster_train::AsterConfig;
///
/// // A file needs only what differs from the defaults.
/// let config: AsterConfig = serde_json::from_str(r#"{"window": 64, "train": {"epochs": 4}}"#)?;
/// assert_eq!((config.window, config.train.epochs, config.patch), (64, 4, 4));
/// assert!(config.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AsterConfig {
    /// Window length T in rows. Default: 32.
    pub window: usize,
    /// Patch length P in rows, a divisor of the window. Default: 4.
    pub patch: usize,
    /// Whether the model sees, beside each channel, its change from row to row as another;
    /// it reconstructs and perturbs the channels alone. Default: `false`.
    pub differences: bool,
    /// Scaling of the channels.
    pub scaler: ScalerConfig,
    /// Patch embedding and language model.
    pub context: ContextConfig,
    /// Encoder and prior.
    pub vae: VaeConfig,
    /// Decoder.
    pub decoder: DecoderConfig,
    /// Codes of pseudo-anomalies.
    pub sampler: CodeSampler,
    /// Pseudo-anomalies.
    pub generator: GeneratorConfig,
    /// Where pseudo-anomalies live. Default: patch space.
    pub space: Space,
    /// Classifier head.
    pub head: HeadConfig,
    /// Grades G of severity, spaced over the generator's radii; 1 is the plain
    /// real-or-pseudo decision. Default: 8.
    pub grades: usize,
    /// Windows that one core of a CPU works on at once: larger batches, of training and of
    /// scoring, are cut into chunks that run in parallel. Default: 16.
    pub chunk: usize,
    /// Weights of the loss parts.
    pub objective: ObjectiveConfig,
    /// Optimisation.
    pub train: TrainConfig,
    /// From windows to one score per timestamp.
    pub score: ScoreConfig,
    /// Threshold, fitted on validation scores. Default: a false alarm on one in twenty
    /// validation timestamps, which served F1 best where anomalies are a few in a hundred;
    /// where an alarm wakes somebody, take less.
    pub threshold: ThresholdRule,
    /// How the threshold follows scores whose normal level has moved since; none: not at
    /// all. Default: by the latest 10 000 scores.
    pub drift: Option<DriftConfig>,
    /// From scores to alarms.
    pub alarm: AlarmConfig,
}

impl Default for AsterConfig {
    fn default() -> Self {
        Self {
            window: 32,
            patch: 4,
            differences: false,
            scaler: ScalerConfig::default(),
            context: ContextConfig::default(),
            vae: VaeConfig::default(),
            decoder: DecoderConfig::default(),
            sampler: CodeSampler::default(),
            generator: GeneratorConfig::default(),
            space: Space::default(),
            head: HeadConfig::default(),
            grades: 8,
            chunk: 16,
            objective: ObjectiveConfig::default(),
            train: TrainConfig::default(),
            score: ScoreConfig::default(),
            threshold: ThresholdRule::FalseAlarmRate { rate: 0.05 },
            drift: Some(DriftConfig::default()),
            alarm: AlarmConfig::default(),
        }
    }
}

/// Where pseudo-anomalies live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Among scaled patches, whose scale training cannot change (ours).
    #[default]
    Patch,
    /// Among contexts (paper). The classifier can stretch this space until the
    /// perturbations are obvious, so it learns less.
    Latent,
}

/// Weights of `reconstruction + beta KL + classification * w + diversity * v`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectiveConfig {
    /// Weight w of the classification loss. Default: 1.
    pub classification: f64,
    /// Weight of the KL divergence over the training.
    pub beta: BetaSchedule,
    /// Strength of the gradient reversal into the generator; 0 turns it off.
    /// Default: 1.
    pub reversal: f64,
    /// Steps over which that strength rises from 0 (a straight ramp in place of the curve of
    /// Ganin et al., JMLR 2016); 0: it is there at once. Default: 0.
    pub reversal_ramp: usize,
    /// Weight v of the mean squared cosine between the perturbations of two
    /// pseudo-anomalies (ours). Default: 0.
    pub diversity: f64,
    /// How reconstruction and classification weigh against each other. Default: fixed.
    pub balance: Balance,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            classification: 1.0,
            beta: BetaSchedule::default(),
            reversal: 1.0,
            reversal_ramp: 0,
            diversity: 0.0,
            balance: Balance::default(),
        }
    }
}

/// How reconstruction and classification weigh against each other in training. Validation
/// always weighs them as configured, so that epochs compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// As configured.
    #[default]
    Fixed,
    /// Each loss l is replaced by `l exp(-s) + s` with an s that is learned, the logarithm of
    /// a variance (Kendall et al., CVPR 2018).
    Uncertainty,
}

/// What weighs how much at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of the KL divergence.
    pub beta: f64,
    /// Of the reversed gradient.
    pub reversal: f64,
    /// Whether the learned balance counts, where there is one.
    pub learned: bool,
}

impl ObjectiveConfig {
    /// At a step of training, from 0.
    pub fn at(&self, step: usize) -> Weights {
        let risen = match self.reversal_ramp {
            0 => 1.0,
            steps => (step as f64 / steps as f64).min(1.0),
        };
        Weights { beta: self.beta.at(step), reversal: self.reversal * risen, learned: true }
    }

    /// In validation: the same at every step.
    pub fn settled(&self) -> Weights {
        Weights { beta: self.beta.peak(), reversal: self.reversal, learned: false }
    }
}

/// Optimisation with AdamW on a one-cycle schedule.
///
/// An epoch is a fixed number of steps over windows drawn at random, so the cost
/// of training does not grow with the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// Epochs at most. Default: 8.
    pub epochs: usize,
    /// Steps per epoch. Default: 50.
    pub steps: usize,
    /// Windows B per step. Default: 32.
    pub batch: usize,
    /// Highest learning rate of the cycle, in (0, 1]. Default: 1e-3.
    pub learning_rate: f64,
    /// Share of the steps in which the rate rises, in (0, 1); then it falls along
    /// a cosine (Smith & Topin 2019). Default: 0.3.
    pub rise: f64,
    /// AdamW's weight decay. Default: 0.01.
    pub weight_decay: f32,
    /// Largest gradient norm of each parameter tensor; none: no clipping.
    /// Default: 1.
    pub clip: Option<f32>,
    /// Share of the rows, the last in time, that only validate. Default: 0.2.
    pub validation: f64,
    /// Windows, evenly spaced, on which each epoch is validated. Default: 512.
    pub validation_windows: usize,
    /// Epochs without a better validation loss after which to stop; none: never.
    /// Default: 5.
    pub patience: Option<usize>,
    /// Seed of weights, windows and noise. Burn draws weights from a state of the whole
    /// process: the same seed gives the same ones when nothing else draws meanwhile.
    /// Default: 0.
    pub seed: u64,
    /// How often a training may go back to its last checkpoint after a loss that was not
    /// finite. Default: 2.
    pub rollbacks: usize,
    /// Factor on the learning rate, in (0, 1], each time it does. Default: 0.3.
    pub rollback_rate: f64,
    /// Folder for a checkpoint of each epoch, of which the last two and the best one stay. The
    /// same training started again, with this folder, goes on from the last good one and ends
    /// as if it had never been stopped. None: a temporary folder that is kept only if training
    /// fails. Default: none.
    pub checkpoints: Option<PathBuf>,
    /// Whether to show progress on standard error: a bar on a terminal, else a line per epoch.
    /// Default: `false`.
    pub progress: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 8,
            steps: 50,
            batch: 32,
            learning_rate: 1e-3,
            rise: 0.3,
            weight_decay: 0.01,
            clip: Some(1.0),
            validation: 0.2,
            validation_windows: 512,
            patience: Some(5),
            seed: 0,
            rollbacks: 2,
            rollback_rate: 0.3,
            checkpoints: None,
            progress: false,
        }
    }
}

/// What speaks for an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The classifier's severity (paper: the score).
    Classifier,
    /// Squared error, in scaled units, of each channel's reconstruction; where windows
    /// overlap, of the mean of their reconstructions.
    Reconstruction,
    /// The same in units of the training spread, that is with `asinh` undone: keeps growing
    /// far out.
    RawReconstruction,
    /// KL divergence of the token's posterior.
    Kl,
    /// The scorer of [`Parts`](crate::Parts). Reads everything of the model, so it costs as
    /// much as all the others together.
    Custom,
}

impl Source {
    /// What it reads of the model.
    pub(crate) fn outputs(self) -> &'static [Output] {
        match self {
            Self::Classifier => &[Output::Severity],
            Self::Reconstruction | Self::RawReconstruction => &[Output::Reconstruction],
            Self::Kl => &[Output::Kl],
            Self::Custom => &[Output::Reconstruction, Output::Severity, Output::Kl],
        }
    }

    /// Whether it says something of each channel, or of a row as a whole.
    pub(crate) fn has_channels(self) -> bool {
        match self {
            Self::Reconstruction | Self::RawReconstruction => true,
            Self::Classifier | Self::Kl | Self::Custom => false,
        }
    }

    /// Values per row.
    pub(crate) fn width(self, channels: usize) -> usize {
        if self.has_channels() { channels } else { 1 }
    }
}

/// One piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceConfig {
    /// Where it comes from. Default: the reconstruction.
    pub source: Source,
    /// The moving average over it. Default: none.
    pub smoothing: Smoothing,
    /// Exponent p, at least 1, of the power mean over channels, `mean(x^p)^(1/p)`: 1 is the
    /// plain mean, the larger the more the worst channel counts. The other sources have no
    /// channels, so there it is 1. Default: 1.
    pub power: f64,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self { source: Source::Reconstruction, smoothing: Smoothing::Rows(1), power: 1.0 }
    }
}

/// From windows to one score per timestamp. Evidence is averaged over overlapping windows.
/// Then each piece of it is smoothed, joined over channels, and turned into `-ln P` of a
/// validation timestamp showing as much; the pieces add up. One piece alone keeps its order,
/// so it is an ablation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScoreConfig {
    /// Rows between windows, from 1 to the window. Default: 8.
    pub stride: usize,
    /// Windows per forward pass. Default: 256.
    pub batch: usize,
    /// Whether each channel's evidence is first divided by its mean over the training series,
    /// so that a channel that is hard to reconstruct does not drown the others (after the
    /// error normalisation of Garg et al., TNNLS 2021). Default: `true`.
    pub channel_norm: bool,
    /// Share of the mean over channels, at least 0, that is added to each such mean: a channel
    /// that never moved in training would drown the others once it does. Default: 0.03.
    pub channel_floor: f64,
    /// Whether a channel that had two values in training, a command or a status, is context:
    /// which of them it has is then no evidence, only a value that is neither (ours).
    /// Default: `true`.
    pub binary_as_context: bool,
    /// Quantile of the validation evidence, in (0, 1), at which its Pareto tail starts.
    /// Default: 0.9.
    pub tail: f64,
    /// Which rows the moving averages are over. Centred ones find more; trailing ones keep a
    /// stream from waiting for half their width. Default: centred.
    pub alignment: Alignment,
    /// Pieces of evidence. Default: the reconstruction over 10 rows; and, as `asinh` makes it
    /// blind far out, in raw units over half a correlation time (20 to 40 rows) with power 2
    /// and over two of them (40 to 160 rows) with power 1.25.
    pub evidence: Vec<EvidenceConfig>,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        let piece = |source, smoothing, power| EvidenceConfig { source, smoothing, power };
        let correlation = |times, min, max| Smoothing::Correlation { times, min, max };
        Self {
            stride: 8,
            batch: 256,
            channel_norm: true,
            channel_floor: 0.03,
            binary_as_context: true,
            tail: 0.9,
            alignment: Alignment::Centred,
            evidence: vec![
                piece(Source::Reconstruction, Smoothing::Rows(10), 1.0),
                piece(Source::RawReconstruction, correlation(0.5, 20, 40), 2.0),
                piece(Source::RawReconstruction, correlation(2.0, 40, 160), 1.25),
            ],
        }
    }
}

impl AsterConfig {
    /// Tokens L per window.
    pub fn tokens(&self) -> usize {
        self.window / self.patch.max(1)
    }

    /// Channels that the context is made of.
    pub(crate) fn seen(&self, channels: usize) -> usize {
        channels * if self.differences { 2 } else { 1 }
    }

    /// Values F per token in the space of pseudo-anomalies.
    pub(crate) fn perturbed(&self, channels: usize) -> usize {
        match self.space {
            Space::Patch => self.patch * channels,
            Space::Latent => self.context.width,
        }
    }

    /// The classifier's ladder over the generator's radii.
    pub fn grade_scale(&self) -> GradeScale {
        GradeScale {
            grades: self.grades,
            min: self.generator.min_radius,
            max: self.generator.max_radius,
        }
    }

    /// The threshold of each score of a series, from its beginning, where training has set
    /// `base`: higher where the scores so far have drifted.
    pub fn thresholds(&self, base: f32, scores: &[f32]) -> Vec<f32> {
        match &self.drift {
            Some(drift) => drift.thresholds(base, scores),
            None => vec![base; scores.len()],
        }
    }

    /// Checks everything that can be checked without data or a device.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<(), TrainError> {
        let (train, score) = (&self.train, &self.score);
        at_least_one("window", self.window)?;
        at_least_one("patch", self.patch)?;
        let divides = self.window.is_multiple_of(self.patch);
        require("window", divides, format!("a multiple of the patch {}", self.patch), self.window)?;
        self.generator.check()?;
        self.grade_scale().check()?;
        self.drift.as_ref().map_or(Ok(()), DriftConfig::check)?;
        self.alarm.check()?;
        at_least_one("chunk", self.chunk)?;
        at_least_one("epochs", train.epochs)?;
        at_least_one("steps", train.steps)?;
        at_least_one("batch", train.batch)?;
        at_least_one("validation_windows", train.validation_windows)?;
        let rate = train.learning_rate;
        require("learning_rate", rate > 0.0 && rate <= 1.0, "a number in (0, 1]", rate)?;
        let inside = |share: f64| share > 0.0 && share < 1.0;
        require("rise", inside(train.rise), "a number in (0, 1)", train.rise)?;
        require("validation", inside(train.validation), "a number in (0, 1)", train.validation)?;
        let decay = train.weight_decay;
        require("weight_decay", decay >= 0.0 && decay.is_finite(), "at least 0, finite", decay)?;
        let slower = train.rollback_rate;
        require("rollback_rate", slower > 0.0 && slower <= 1.0, "a number in (0, 1]", slower)?;
        if let Some(clip) = train.clip {
            require("clip", clip > 0.0, "a number above 0", clip)?;
        }
        if let Some(patience) = train.patience {
            at_least_one("patience", patience)?;
        }
        for (name, weight) in [
            ("classification", self.objective.classification),
            ("reversal", self.objective.reversal),
            ("diversity", self.objective.diversity),
            ("beta", self.objective.beta.peak()),
        ] {
            require(name, weight >= 0.0 && weight.is_finite(), "at least 0, finite", weight)?;
        }
        let fits = (1..=self.window).contains(&score.stride);
        require("stride", fits, format!("1 to the window {}", self.window), score.stride)?;
        at_least_one("score batch", score.batch)?;
        let floor = score.channel_floor;
        require("channel_floor", floor >= 0.0 && floor.is_finite(), "at least 0, finite", floor)?;
        require("tail", inside(score.tail), "a number in (0, 1)", score.tail)?;
        at_least_one("evidence", score.evidence.len())?;
        score.evidence.iter().try_for_each(|piece| {
            let EvidenceConfig { source, smoothing, power } = *piece;
            let (largest, expected) = match source.has_channels() {
                true => (f64::MAX, "at least 1, finite"),
                false => (1.0, "1, as the source has no channels"),
            };
            require("power", (1.0..=largest).contains(&power), expected, power)?;
            match smoothing {
                Smoothing::Rows(rows) => at_least_one("smoothing", rows),
                Smoothing::Correlation { times, min, max } => {
                    let above = times > 0.0 && times.is_finite();
                    require("smoothing times", above, "a finite number above 0", times)?;
                    at_least_one("smoothing min", min)?;
                    at_least_one("smoothing max", max)?;
                    require("smoothing max", max >= min, format!("at least {min}"), max)
                }
            }
        })
    }
}

/// Lengths and counts above this are mistakes, and would overflow in products.
pub(crate) const LARGEST: usize = 1 << 24;

pub(crate) fn at_least_one(name: &'static str, got: usize) -> Result<(), TrainError> {
    require(name, (1..=LARGEST).contains(&got), format!("1 to {LARGEST}"), got)
}

pub(crate) fn require(
    name: &'static str,
    holds: bool,
    expected: impl Into<String>,
    got: impl ToString,
) -> Result<(), TrainError> {
    match holds {
        true => Ok(()),
        false => Err(TrainError::Setting { name, expected: expected.into(), got: got.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(change: impl FnOnce(&mut AsterConfig)) -> &'static str {
        let mut config = AsterConfig::default();
        change(&mut config);
        match config.check() {
            Err(TrainError::Setting { name, .. }) => name,
            other => panic!("expected a setting's name, got {other:?}"),
        }
    }

    #[test]
    fn impossible_settings_are_named() {
        AsterConfig::default().check().unwrap();
        assert_eq!(name_of(|c| c.window = 0), "window");
        assert_eq!(name_of(|c| c.patch = 0), "patch");
        assert_eq!(name_of(|c| c.patch = 5), "window");
        assert_eq!(name_of(|c| c.score.stride = 33), "stride");
        assert_eq!(name_of(|c| c.score.evidence.clear()), "evidence");
        assert_eq!(name_of(|c| c.score.evidence[0].power = 0.5), "power");
        assert_eq!(name_of(|c| c.score.channel_floor = -1.0), "channel_floor");
        assert_eq!(name_of(|c| c.score.tail = 1.0), "tail");
        let smoothing = |smoothing| name_of(|c| c.score.evidence[0].smoothing = smoothing);
        assert_eq!(smoothing(Smoothing::Rows(0)), "smoothing");
        let (times, min, max) = (1.0, 9, 8);
        assert_eq!(smoothing(Smoothing::Correlation { times, min, max }), "smoothing max");
        assert_eq!(name_of(|c| c.train.validation = 1.0), "validation");
        assert_eq!(name_of(|c| c.train.learning_rate = 0.0), "learning_rate");
        assert_eq!(name_of(|c| c.objective.reversal = f64::NAN), "reversal");
    }

    #[test]
    fn the_reversed_gradient_rises_along_its_ramp() {
        let objective = ObjectiveConfig { reversal: 2.0, reversal_ramp: 100, ..Default::default() };
        assert_eq!([0, 50, 100, 900].map(|step| objective.at(step).reversal), [0.0, 1.0, 2.0, 2.0]);
        assert_eq!(ObjectiveConfig::default().at(0).reversal, 1.0);
    }

    #[test]
    fn a_config_reads_back_and_needs_only_what_differs() {
        let config = AsterConfig { window: 64, ..Default::default() };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AsterConfig>(&text).unwrap(), config);
        assert_eq!(serde_json::from_str::<AsterConfig>(r#"{"window": 64}"#).unwrap(), config);
        assert!(serde_json::from_str::<AsterConfig>(r#"{"windw": 64}"#).is_err());
    }
}
