//! Variants of each ablation study, one config per row of a table.

use std::path::Path;

use aster::classifier::HeadKind;
use aster::data::{
    ChannelPolicy, Dataset, ScalerConfig, ScalerKind, SyntheticSplit, Task, TestSeries,
};
use aster::decoder::{CodeSampler, Gates, GeneratorForm};
use aster::detect::{ComponentConfig, Smoothing, Source};
use aster::eval::Per;
use aster::llm::{LlmError, LoraConfig, Pretrained, Prompt, Tuning};
use aster::model::Space;
use aster::prelude::*;
use aster::vae::BetaSchedule;
use clap::ValueEnum;

use crate::evaluate::{METRICS, OF_ROWS};

/// The config in a JSON file of fields that differ from the defaults, or the defaults.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn base_config(path: Option<&Path>) -> anyhow::Result<AsterConfig> {
    match path {
        Some(path) => Ok(serde_json::from_slice(&std::fs::read(path)?)?),
        None => Ok(AsterConfig::default()),
    }
}

/// A dataset to try things on that needs no files.
///
/// # Errors
/// None that is known.
pub fn synthetic() -> anyhow::Result<Dataset> {
    let SyntheticSplit { train, test, .. } = SyntheticConfig::default().generate()?;
    let test = TestSeries { name: "synthetic".into(), series: test };
    let task = Task { name: "synthetic".into(), train, tests: vec![test] };
    let version = "of SyntheticConfig::default()".into();
    Ok(Dataset { name: "synthetic".into(), version, tasks: vec![task] })
}

/// A question, answered by a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Study {
    /// Does the language model do anything, and what of it?
    Llm,
    /// Which components make the score, and how are they fused? The model is trained and calibrated
    /// once.
    Score,
    /// How are the components made, normalised and calibrated? The model is trained once.
    Calibration,
    /// When do alarms open and close, and how does the threshold follow drift? The model is trained and
    /// calibrated once.
    Alarm,
    /// How long may a score wait for later rows? The model is trained once, and once for the preset.
    Latency,
    /// Which classifier tells windows from pseudo-anomalies?
    Head,
    /// How are pseudo-anomalies made?
    Generator,
    /// How do the losses weigh?
    Balance,
    /// What does the model see?
    Input,
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Name of the row in the table.
    pub name: String,
    /// Where it differs from `base`, and in nothing else.
    pub config: AsterConfig,
}

/// A short text, as each of its tokens costs as much as a patch.
const PROMPT: &str = "Sensor readings with trend {trend}:";

impl Study {
    /// The rows of its table.
    ///
    /// # Errors
    /// A language model that cannot be read.
    pub fn variants(self, base: &AsterConfig, model: &LlmSource) -> Result<Vec<Variant>, LlmError> {
        match self {
            Self::Llm => llm(base, model),
            Self::Score => Ok(score(base)),
            Self::Calibration => Ok(calibration(base)),
            Self::Alarm => Ok(alarm(base)),
            Self::Latency => Ok(latency(base)),
            Self::Head => Ok(head(base)),
            Self::Generator => Ok(generator(base)),
            Self::Balance => Ok(balance(base)),
            Self::Input => Ok(input(base)),
        }
    }

    /// The metrics, by their names in JSON, whose mean chooses among its rows.
    pub fn chosen_by(self) -> &'static [&'static str] {
        match self {
            Self::Alarm => &["f1", "affiliation_f1", "event_f_half"],
            _ => &["auroc", "aupr"],
        }
    }

    /// How many columns its tables have, of all metrics.
    pub fn columns(self) -> usize {
        if matches!(self, Self::Alarm | Self::Latency) { METRICS } else { OF_ROWS }
    }
}

/// `base` with one change.
fn changed(base: &AsterConfig, name: &str, change: impl FnOnce(&mut AsterConfig)) -> Variant {
    let mut config = base.clone();
    change(&mut config);
    Variant { name: name.into(), config }
}

fn component(source: Source, smoothing: Smoothing) -> ComponentConfig {
    ComponentConfig::new(source, smoothing, 1.0)
}

/// Each variant again with the classifier alone as score, which is trained along with it.
fn with_classifier_alone(variants: Vec<Variant>) -> Vec<Variant> {
    let alone = |variant: &Variant| {
        changed(&variant.config, &format!("{}: classifier", variant.name), |config| {
            config.score.components = vec![component(Source::Classifier, Smoothing::Rows(10))];
        })
    };
    variants.into_iter().flat_map(|variant| [variant.clone(), alone(&variant)]).collect()
}

fn head(base: &AsterConfig) -> Vec<Variant> {
    let heads = [
        ("linear", HeadKind::Linear),
        ("MLP", HeadKind::Mlp),
        ("Transformer", HeadKind::Transformer),
    ];
    let heads =
        heads.map(|(name, kind)| changed(base, name, |config| config.model.head.kind = kind));
    with_classifier_alone(heads.into())
}

fn generator(base: &AsterConfig) -> Vec<Variant> {
    let form = |name, form| changed(base, name, |config| config.model.generator.form = form);
    let sampler = |name, sampler| changed(base, name, |config| config.model.sampler = sampler);
    with_classifier_alone(vec![
        changed(base, "as configured", |_| ()),
        changed(base, "replace, latent space", |config| {
            config.model.generator.form = GeneratorForm::Replace;
            config.model.space = Space::Latent;
        }),
        form("isotropic", GeneratorForm::Isotropic),
        form("residual, bound 1", GeneratorForm::Residual { bound: 1.0 }),
        changed(base, "gates", |config| config.model.generator.gates = Some(Gates::default())),
        sampler("codes from the prior", CodeSampler::Prior),
    ])
}

fn balance(base: &AsterConfig) -> Vec<Variant> {
    let weight =
        |name, weight| changed(base, name, |config| config.train.objective.classification = weight);
    let beta = |name, beta| {
        changed(base, name, |config| {
            config.train.objective.beta = BetaSchedule::Warmup { beta, steps: 100 };
        })
    };
    let reversal =
        |name, strength| changed(base, name, |config| config.train.objective.reversal = strength);
    with_classifier_alone(vec![
        changed(base, "as configured", |_| ()),
        weight("classification 0", 0.0),
        weight("classification 0.1", 0.1),
        weight("classification 10", 10.0),
        beta("beta 0.0001", 1e-4),
        beta("beta 0.01", 1e-2),
        reversal("reversal 0", 0.0),
        reversal("reversal 10", 10.0),
    ])
}

fn input(base: &AsterConfig) -> Vec<Variant> {
    let scaler = |name, kind, asinh| {
        changed(base, name, |config| config.scaler = ScalerConfig { kind, asinh })
    };
    let window = |name, window, patch| {
        changed(base, name, |config| {
            (config.model.window, config.model.patch) = (window, Some(patch));
        })
    };
    vec![
        changed(base, "as configured", |_| ()),
        scaler("standard, no asinh", ScalerKind::Standard, false),
        scaler("robust, asinh", ScalerKind::Robust, true),
        changed(base, "constant channels as they are", |config| {
            config.channels.constant = ChannelPolicy::Keep;
        }),
        window("window 32, patch 2", 32, 2),
        window("window 32, patch 8", 32, 8),
        window("window 16, patch 4", 16, 4),
        window("window 64, patch 4", 64, 4),
    ]
}

/// `model` is a folder's, or else the bundled one.
fn llm(base: &AsterConfig, model: &LlmSource) -> Result<Vec<Variant>, LlmError> {
    let shape = match model {
        LlmSource::Folder(folder) => Pretrained::folder(folder),
        _ => Pretrained::bundled()?,
    };
    let random = LlmSource::Random(shape.config()?);
    let lora = || Tuning::Lora(LoraConfig::default());
    let models = [
        ("random weights, frozen", random.clone(), Tuning::Frozen),
        ("random weights, LoRA", random, lora()),
        ("pre-trained, frozen", model.clone(), Tuning::Frozen),
        ("pre-trained, LoRA", model.clone(), lora()),
    ];
    let variant = |name: String, llm: &LlmSource, tuning: &Tuning, prompt: Option<&str>| {
        let mut config = base.clone();
        config.model.context.llm = llm.clone();
        config.model.context.tuning = tuning.clone();
        config.model.context.prompt = prompt.map(|text| Prompt::Template(text.into()));
        Variant { name, config }
    };
    let none = variant("none".into(), &LlmSource::None, &lora(), None);
    let plain = models.iter().map(|(name, llm, tuning)| variant((*name).into(), llm, tuning, None));
    let prompted = models
        .iter()
        .map(|(name, llm, tuning)| variant(format!("{name}, prompt"), llm, tuning, Some(PROMPT)));
    Ok([none].into_iter().chain(plain).chain(prompted).collect())
}

fn score(base: &AsterConfig) -> Vec<Variant> {
    let variant = |name: &str, components: Vec<ComponentConfig>| {
        changed(base, name, |config| config.score.components = components)
    };
    let all = || base.score.components.iter().copied();
    let mut variants = vec![
        changed(base, "as configured", |_| ()),
        changed(base, "equal weights", |config| config.score.fusion.weights = None),
        changed(base, "plain mean", |config| config.score.fusion.power = 1.0),
        changed(base, "plain mean, equal weights", |config| {
            (config.score.fusion.weights, config.score.fusion.power) = (None, 1.0);
        }),
    ];
    for (at, component) in all().enumerate() {
        let name = named(&component);
        let rest = all().enumerate().filter(|(other, _)| *other != at).map(|(_, it)| it);
        variants.push(variant(&format!("without {name}"), rest.collect()));
        variants.push(variant(&format!("{name} alone"), vec![component]));
    }
    variants
}

fn calibration(base: &AsterConfig) -> Vec<Variant> {
    let correlation = |times, min, max| Smoothing::Correlation { times, min, max };
    let errors_alone = vec![
        ComponentConfig::new(Source::Reconstruction, Smoothing::Rows(10), 1.0),
        ComponentConfig::new(Source::RawReconstruction, correlation(0.5, 20, 40), 2.0),
        ComponentConfig::new(Source::RawReconstruction, correlation(2.0, 40, 160), 1.25),
    ];
    vec![
        changed(base, "as configured", |_| ()),
        changed(base, "errors of reconstruction alone, plain mean", |config| {
            config.score.components = errors_alone;
            (config.score.fusion.weights, config.score.fusion.power) = (None, 1.0);
        }),
        changed(base, "plain norms", |config| config.score.norm_quantile = 1.0),
        changed(base, "calibrated on validation rows alone", |config| {
            config.score.calibration_rows = 1;
        }),
        changed(base, "binary channels too", |config| config.score.binary_as_context = false),
    ]
}

fn alarm(base: &AsterConfig) -> Vec<Variant> {
    let promise = |episodes| {
        changed(base, &format!("promise {episodes}"), |config| {
            let per = Per::Rows(10_000);
            config.threshold = ThresholdRule::FalseAlarms { episodes, per };
        })
    };
    let alarm = |name: &str, change: fn(&mut AlarmConfig)| {
        changed(base, name, |config| change(&mut config.alarm))
    };
    let drift = |name: &str, change: fn(&mut DriftConfig)| {
        changed(base, name, |config| config.drift.iter_mut().for_each(change))
    };
    vec![
        changed(base, "as configured", |_| ()),
        promise(3.0),
        promise(30.0),
        alarm("close 0.5", |it| it.close = 0.5),
        alarm("close 0.85", |it| it.close = 0.85),
        alarm("close 1", |it| it.close = 1.0),
        alarm("join 16", |it| it.join = 16),
        alarm("join 32", |it| it.join = 32),
        alarm("join 128", |it| it.join = 128),
        alarm("2 of 3", |it| (it.k, it.n) = (2, 3)),
        alarm("8 of 10", |it| (it.k, it.n) = (8, 10)),
        drift("quantile 0.9", |it| it.quantile = 0.9),
        drift("quantile 0.98", |it| it.quantile = 0.98),
        drift("quantile 0.99", |it| it.quantile = 0.99),
        drift("warmup 200", |it| it.warmup = 200),
        drift("memory 1000", |it| it.memory = 1000),
        drift("memory 3000", |it| it.memory = 3000),
        drift("memory 30 000", |it| it.memory = 30_000),
        drift("hold 0.05", |it| it.hold = 0.05),
        drift("hold 0.2", |it| it.hold = 0.2),
        drift("settle 0.5", |it| it.settle = 0.5),
        drift("settle 2", |it| it.settle = 2.0),
        drift("longest 1000", |it| it.longest = 1000),
        drift("longest 5000", |it| it.longest = 5000),
        changed(base, "the threshold holds still", |config| config.drift = None),
    ]
}

fn latency(base: &AsterConfig) -> Vec<Variant> {
    let limited = |rows| {
        changed(base, &format!("latency {rows}"), |config| config.score.latency = Some(rows))
    };
    let all = [32, 16, 8, 4, 0].map(limited);
    let preset = AsterConfig::real_time();
    let real_time = changed(base, "real_time()", |config| {
        (config.model, config.score) = (preset.model, preset.score);
    });
    let first = changed(base, "as configured", |_| ());
    [first].into_iter().chain(all).chain([real_time]).collect()
}

fn named(component: &ComponentConfig) -> String {
    let rows = match component.smoothing {
        Smoothing::Rows(1) => String::new(),
        Smoothing::Rows(rows) => format!(" over {rows}"),
        Smoothing::Correlation { min, max, .. } => format!(" over {min} to {max}"),
    };
    let logarithms = if component.power == 0.0 { ", logarithms" } else { "" };
    format!("{}{rows}{logarithms}", component.source)
}
