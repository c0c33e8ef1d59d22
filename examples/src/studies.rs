//! What is varied in `examples/ablation`, one config per row of a table.

use std::error::Error;
use std::path::Path;

use aster::llm::{LlmError, LoraConfig, Pretrained, Prompt, Tuning};
use aster::prelude::*;
use aster::train::{EvidenceConfig, Source};
use clap::ValueEnum;

/// The config in a JSON file of fields that differ from the defaults, or the defaults.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn base_config(path: Option<&Path>) -> Result<AsterConfig, Box<dyn Error>> {
    match path {
        Some(path) => Ok(serde_json::from_slice(&std::fs::read(path)?)?),
        None => Ok(AsterConfig::default()),
    }
}

/// A question, answered by a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Study {
    /// Does the language model do anything, and what of it?
    Llm,
    /// What speaks for an anomaly? The model is trained once.
    Score,
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What its row is called.
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
    pub fn variants(self, base: &AsterConfig) -> Result<Vec<Variant>, LlmError> {
        match self {
            Self::Llm => llm(base),
            Self::Score => Ok(score(base)),
        }
    }
}

fn llm(base: &AsterConfig) -> Result<Vec<Variant>, LlmError> {
    let bundled = || LlmSource::Bundled;
    let random = LlmSource::Random(Pretrained::bundled()?.config()?);
    let lora = || Tuning::Lora(LoraConfig::default());
    let models = [
        ("random weights, frozen", random, Tuning::Frozen),
        ("pre-trained, frozen", bundled(), Tuning::Frozen),
        ("pre-trained, LoRA", bundled(), lora()),
    ];
    let variant = |name: String, llm: &LlmSource, tuning: &Tuning, prompt: Option<&str>| {
        let mut config = base.clone();
        config.context.llm = llm.clone();
        config.context.tuning = tuning.clone();
        config.context.prompt = prompt.map(|text| Prompt::Template(text.into()));
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
    let piece = |source, smoothing| EvidenceConfig { source, smoothing };
    let sources = [
        ("classifier", Source::Classifier, [10, 80]),
        ("reconstruction", Source::Reconstruction, [10, 80]),
        ("raw reconstruction", Source::RawReconstruction, [20, 160]),
        ("KL", Source::Kl, [10, 80]),
    ];
    let alone = sources.into_iter().flat_map(|(name, source, widths)| {
        widths.map(|rows| (format!("{name} over {rows}"), vec![vec![piece(source, rows)]]))
    });
    let groups = &base.score.evidence;
    let without = |source| {
        let keep = |group: &Vec<EvidenceConfig>| {
            group.iter().copied().filter(|piece| piece.source != source).collect::<Vec<_>>()
        };
        groups.iter().map(keep).filter(|group| !group.is_empty()).collect::<Vec<_>>()
    };
    let together = [
        ("all as configured", groups.clone()),
        ("without the classifier", without(Source::Classifier)),
        ("without the reconstruction", without(Source::Reconstruction)),
        ("without the raw reconstruction", without(Source::RawReconstruction)),
        ("all, summed", vec![groups.concat()]),
        ("all, the largest", groups.iter().flatten().map(|piece| vec![*piece]).collect()),
    ];
    let together = together.into_iter().map(|(name, evidence)| (name.to_owned(), evidence));
    let variant = |(name, evidence)| {
        let mut config = base.clone();
        config.score.evidence = evidence;
        Variant { name, config }
    };
    together.chain(alone).map(variant).collect()
}
