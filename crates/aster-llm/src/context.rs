use std::path::PathBuf;

use burn::module::{Initializer, Module, Param};
use burn::nn::{Embedding, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::require;
use crate::input::Input;
use crate::model::{embedding, truncated};
use crate::{
    Backbone, InputConfig, LlmConfig, LlmError, LoraConfig, Pretrained, Prompt, PromptTokens,
};

/// Where the language model comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LlmSource {
    /// No language model: the context is the embedded patches.
    #[default]
    None,
    /// The small GPT-2 that comes with this crate, with feature `bundled`.
    Bundled,
    /// A Hugging Face folder with `config.json` and `model.safetensors`.
    Folder(PathBuf),
    /// Random weights of this shape, for ablation. Prompts are read with the tokenizer of
    /// the bundled model.
    Random(LlmConfig),
}

/// Which weights of the language model are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tuning {
    /// None.
    Frozen,
    /// Low-rank updates (paper: better than frozen).
    Lora(LoraConfig),
    /// Norms and learned positions (GPT4TS, Zhou et al. 2023).
    Norms,
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
    /// lets it see the whole window, as BERT always does. Default: `true`.
    pub causal: bool,
    /// How patches reach the language model's width. Default: linear.
    pub input: InputConfig,
    /// What it reads before them. Default: nothing.
    pub prompt: Option<Prompt>,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            width: 64,
            llm: LlmSource::None,
            tuning: Tuning::default(),
            layers: None,
            causal: true,
            input: InputConfig::default(),
            prompt: None,
        }
    }
}

impl LlmSource {
    fn pretrained(&self) -> Result<Option<Pretrained>, LlmError> {
        match self {
            Self::None | Self::Random(_) => Ok(None),
            Self::Bundled => Pretrained::bundled().map(Some),
            Self::Folder(folder) => Ok(Some(Pretrained::folder(folder))),
        }
    }

    fn shape(&self) -> Result<Option<LlmConfig>, LlmError> {
        match self {
            Self::Random(shape) => Ok(Some(shape.clone())),
            source => source.pretrained()?.map(|model| model.config()).transpose(),
        }
    }

    fn prompt(&self, prompt: &Prompt) -> Result<PromptTokens, LlmError> {
        prompt.tokens(|| match self.pretrained()? {
            Some(model) => model.tokenizer(),
            None => Pretrained::bundled()?.tokenizer(),
        })
    }
}

impl ContextConfig {
    /// The same config with the model's shape in place of its source, and the prompt in
    /// tokens, so that a saved model can be rebuilt where the source is not.
    ///
    /// # Errors
    /// A source that cannot be read, too many layers asked for.
    pub fn resolved(&self) -> Result<Self, LlmError> {
        let mut config = self.clone();
        if let Some(shape) = self.llm.shape()? {
            config.llm = LlmSource::Random(truncated(shape, self.layers)?);
            config.layers = None;
            let prompt = self.prompt.as_ref().map(|prompt| self.llm.prompt(prompt));
            config.prompt = prompt.transpose()?.map(Prompt::Tokens);
        }
        Ok(config)
    }

    /// The same config with the channels named in the prompt.
    pub fn with_channels(mut self, names: &[String]) -> Self {
        self.prompt = self.prompt.map(|prompt| prompt.with_channels(names));
        self
    }

    /// An encoder for `tokens` patches of `features` = P*C values each.
    ///
    /// # Errors
    /// A size of zero, a language model that cannot be read, a prompt without a language
    /// model, a prompt and a window of more tokens than it has positions.
    pub fn init(
        &self,
        features: usize,
        tokens: usize,
        device: &Device,
    ) -> Result<ContextEncoder, LlmError> {
        require("width", self.width, self.width > 0, "at least 1")?;
        require("tokens", tokens, tokens > 0, "at least 1")?;
        let llm = match self.llm.shape()? {
            Some(shape) => Some(self.enriched(&shape, tokens, device)?),
            None => {
                let prompts = usize::from(self.prompt.is_some());
                require("prompt", prompts, prompts == 0, "none without a language model")?;
                None
            }
        };
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(ContextEncoder {
            embed: LinearConfig::new(features, self.width).init(device),
            position: normal.init([tokens, self.width], device),
            llm,
        })
    }

    fn enriched(
        &self,
        shape: &LlmConfig,
        tokens: usize,
        device: &Device,
    ) -> Result<Enriched, LlmError> {
        let prompt = self.prompt.as_ref().map(|prompt| self.llm.prompt(prompt)).transpose()?;
        let prompted = prompt.as_ref().map_or(0, PromptTokens::length);
        let expected = format!("at most {} (the model's positions)", shape.positions);
        require("tokens", prompted + tokens, prompted + tokens <= shape.positions, &expected)?;
        let largest = prompt.as_ref().map_or(0, PromptTokens::largest_id) as usize;
        let expected = format!("below the vocabulary of {}", shape.vocabulary);
        require("token of the prompt", largest, largest < shape.vocabulary, &expected)?;

        let used = truncated(shape.clone(), self.layers)?;
        let pretrained = self.llm.pretrained()?;
        let weights = pretrained.map(|model| model.weights(device)).transpose()?;
        let backbone = match &weights {
            Some(weights) => Backbone::read(&used, weights, self.causal, device)?,
            None => Backbone::random(&used, self.causal, device)?,
        };
        let backbone = match &self.tuning {
            Tuning::Frozen => backbone.no_grad(),
            Tuning::Lora(lora) => backbone.with_lora(lora, device)?,
            Tuning::Norms => backbone.only_norms(),
            Tuning::Full => backbone,
        };
        let words = match (prompt.is_some() || self.input.reads_words(), &weights) {
            (false, _) => None,
            (true, Some(weights)) => Some(weights.tokens(shape)?.no_grad()),
            (true, None) => Some(embedding(shape.vocabulary, shape.width, device).no_grad()),
        };
        let sizes = [self.width, shape.width, shape.vocabulary];
        Ok(Enriched {
            input: self.input.init(sizes, device)?,
            words,
            prompt,
            backbone,
            output: LinearConfig::new(shape.width, self.width).init(device),
        })
    }
}

/// Embeds patches, adds a learned position, and adds what a language model makes
/// of them: `h = embed(x) + position`, `context = h + out(llm(prompt, in(h)))` (ours).
#[derive(Module, Debug)]
pub struct ContextEncoder {
    embed: Linear,
    position: Param<Tensor<2>>,
    llm: Option<Enriched>,
}

#[derive(Module, Debug)]
struct Enriched {
    input: Input,
    /// The model's word embeddings, where anything reads them.
    words: Option<Embedding>,
    #[module(skip)]
    prompt: Option<PromptTokens>,
    backbone: Backbone,
    output: Linear,
}

impl ContextEncoder {
    /// # Shapes
    /// Patches `[B, L, P*C]` to context `[B, L, D]`.
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        let hidden = self.embed.forward(patches.clone()) + self.position.val().unsqueeze::<3>();
        match &self.llm {
            Some(llm) => hidden.clone() + llm.forward(hidden, &patches),
            None => hidden,
        }
    }

    /// The language model's part.
    pub fn backbone(&self) -> Option<&Backbone> {
        self.llm.as_ref().map(|llm| &llm.backbone)
    }
}

impl Enriched {
    fn forward(&self, hidden: Tensor<3>, patches: &Tensor<3>) -> Tensor<3> {
        let [_, l, _] = hidden.dims();
        let words = self.words.as_ref().map(|words| words.weight.val());
        let mut tokens = self.input.forward(hidden, words);
        if let (Some(prompt), Some(words)) = (&self.prompt, &self.words) {
            tokens = Tensor::cat(vec![words.forward(prompt.ids(patches)), tokens], 1);
        }
        let [_, all, _] = tokens.dims();
        self.output.forward(self.backbone.forward(tokens).narrow(1, all - l, l))
    }
}
