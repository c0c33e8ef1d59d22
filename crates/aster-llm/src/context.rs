use std::path::PathBuf;

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::require;
use crate::model::truncated;
use crate::{Backbone, LlmConfig, LlmError, LoraConfig};

/// Where the language model comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LlmSource {
    /// No language model: the context is the embedded patches.
    #[default]
    None,
    /// A Hugging Face folder with `config.json` and `model.safetensors`.
    Folder(PathBuf),
    /// Random weights of this shape, for ablation.
    Random(LlmConfig),
}

/// Which weights of the language model are trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tuning {
    /// None.
    Frozen,
    /// Low-rank updates of the queries and values (paper: better than frozen).
    Lora(LoraConfig),
    /// All.
    Full,
}

impl Default for Tuning {
    fn default() -> Self {
        Self::Lora(LoraConfig::default())
    }
}

/// How patches become context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContextConfig {
    /// Model width D. Default: 64.
    pub width: usize,
    /// The language model. Default: none.
    pub llm: LlmSource,
    /// Which of its weights are trained. Default: LoRA of rank 4.
    pub tuning: Tuning,
    /// Use only the first so many of its blocks. Default: all.
    pub layers: Option<usize>,
    /// Whether a token sees only the tokens before it, as in pre-training; `false`
    /// lets it see the whole window. Default: `true`.
    pub causal: bool,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            width: 64,
            llm: LlmSource::None,
            tuning: Tuning::default(),
            layers: None,
            causal: true,
        }
    }
}

impl ContextConfig {
    /// The same config with a folder replaced by the shape of the model in it, so
    /// that a saved model can be rebuilt where the folder is not.
    ///
    /// # Errors
    /// A folder whose config cannot be read, or too many layers asked for.
    pub fn resolved(&self) -> Result<Self, LlmError> {
        let mut config = self.clone();
        if let LlmSource::Folder(folder) = &self.llm {
            config.llm =
                LlmSource::Random(truncated(LlmConfig::from_folder(folder)?, self.layers)?);
            config.layers = None;
        }
        Ok(config)
    }

    /// An encoder for `tokens` patches of `features` = P*C values each.
    ///
    /// # Errors
    /// A size of zero, a language model that cannot be read, a window of more
    /// tokens than it has positions.
    pub fn init(
        &self,
        features: usize,
        tokens: usize,
        device: &Device,
    ) -> Result<ContextEncoder, LlmError> {
        require("width", self.width, self.width > 0, "at least 1")?;
        require("tokens", tokens, tokens > 0, "at least 1")?;
        let backbone = match &self.llm {
            LlmSource::None => None,
            LlmSource::Folder(folder) => {
                Some(Backbone::from_folder(folder, self.layers, self.causal, device)?)
            }
            LlmSource::Random(shape) => {
                let shape = truncated(shape.clone(), self.layers)?;
                Some(Backbone::random(&shape, self.causal, device)?)
            }
        };
        let llm = match backbone {
            Some(backbone) => Some(self.behind_projections(backbone, tokens, device)?),
            None => None,
        };
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(ContextEncoder {
            embed: LinearConfig::new(features, self.width).init(device),
            position: normal.init([tokens, self.width], device),
            llm,
        })
    }

    fn behind_projections(
        &self,
        backbone: Backbone,
        tokens: usize,
        device: &Device,
    ) -> Result<Enriched, LlmError> {
        let shape = backbone.config();
        let expected = format!("at most {} (the model's positions)", shape.positions);
        require("tokens", tokens, tokens <= shape.positions, &expected)?;
        let width = shape.width;
        let backbone = match &self.tuning {
            Tuning::Frozen => backbone.no_grad(),
            Tuning::Lora(lora) => {
                require("LoRA rank", lora.rank, lora.rank > 0, "at least 1")?;
                backbone.with_lora(lora, device)
            }
            Tuning::Full => backbone,
        };
        Ok(Enriched {
            input: LinearConfig::new(self.width, width).init(device),
            backbone,
            output: LinearConfig::new(width, self.width).init(device),
        })
    }
}

/// Embeds patches, adds a learned position, and adds what a language model makes
/// of them: `h = embed(x) + position`, `context = h + out(llm(in(h)))` (ours).
#[derive(Module, Debug)]
pub struct ContextEncoder {
    embed: Linear,
    position: Param<Tensor<2>>,
    llm: Option<Enriched>,
}

#[derive(Module, Debug)]
struct Enriched {
    input: Linear,
    backbone: Backbone,
    output: Linear,
}

impl ContextEncoder {
    /// # Shapes
    /// Patches `[B, L, P*C]` to context `[B, L, D]`.
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        let hidden = self.embed.forward(patches) + self.position.val().unsqueeze::<3>();
        match &self.llm {
            Some(llm) => {
                let enriched = llm.backbone.forward(llm.input.forward(hidden.clone()));
                hidden + llm.output.forward(enriched)
            }
            None => hidden,
        }
    }
}
