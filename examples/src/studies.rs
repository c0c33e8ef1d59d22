//! What is varied in `examples/ablation`, one config per row of a table.

use std::path::Path;

use aster::llm::{LlmError, LoraConfig, Pretrained, Prompt, Tuning};
use aster::prelude::*;
use aster::train::{EvidenceConfig, Source};
use clap::ValueEnum;

use crate::Fallible;

/// The config in a JSON file of fields that differ from the defaults, or the defaults.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn base_config(path: Option<&Path>) -> Fallible<AsterConfig> {
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
    let piece = |source, smoothing, power| EvidenceConfig { source, smoothing, power };
    let variant = |name: String, evidence: Vec<EvidenceConfig>| {
        let mut config = base.clone();
        config.score.evidence = evidence;
        Variant { name, config }
    };
    let sources = [
        ("classifier", Source::Classifier),
        ("reconstruction", Source::Reconstruction),
        ("raw reconstruction", Source::RawReconstruction),
        ("KL", Source::Kl),
    ];
    let all = || base.score.evidence.iter().copied();
    let mut variants = vec![
        variant("as configured".into(), all().collect()),
        variant(
            "with the classifier".into(),
            all().chain([piece(Source::Classifier, 10, 1.0)]).collect(),
        ),
        variant("powers of 1".into(), all().map(|p| EvidenceConfig { power: 1.0, ..p }).collect()),
        variant("powers of 2".into(), all().map(|p| EvidenceConfig { power: 2.0, ..p }).collect()),
    ];
    for (name, source) in [sources[1], sources[2]] {
        let rest = all().filter(|piece| piece.source != source).collect();
        variants.push(variant(format!("without the {name}"), rest));
    }
    for (name, source) in sources {
        for rows in [10, 80] {
            variants.push(variant(format!("{name} over {rows}"), vec![piece(source, rows, 1.0)]));
        }
    }
    let mut plain = variants[0].clone();
    plain.name = "channels as they are".into();
    plain.config.score.channel_norm = false;
    variants.push(plain);
    variants
}
