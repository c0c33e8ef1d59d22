use std::path::PathBuf;

use aster_base::{SettingError, Within, at_least_one, require};
use burn::module::{Initializer, Module, Param};
use burn::nn::{Embedding, Linear, LinearConfig};
use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::context::cache::Cache;
use crate::context::input::{Input, InputConfig};
use crate::context::prompt::{Prompt, PromptTokens};
use crate::error::LlmError;
use crate::pretrained::Pretrained;
use crate::transformer::LlmConfig;
use crate::transformer::LoraConfig;
use crate::transformer::{Backbone, embedding, truncated};

/// Source of the language model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LlmSource {
    /// No language model: the context is the embedded patches.
    #[default]
    None,
    /// The small GPT-2 that comes with this crate, with feature `bundled`.
    Bundled,
    /// A Hugging Face folder with `config.json` and `model.safetensors`.
    Folder(PathBuf),
    /// A model of the Hugging Face hub, `owner/name` or `owner/name@revision`, with feature
    /// `hub`; where it comes from and is kept: [`Pretrained::hub`].
    Hub(String),
    /// Random weights of this shape, for ablation. Prompts are read with the tokenizer of
    /// the bundled model.
    Random(LlmConfig),
}

/// Choice of the language model's weights that are trained (fine-tuning).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tuning {
    /// No weight.
    Frozen,
    /// Low-rank updates (paper: better than frozen).
    Lora(LoraConfig),
    /// Norms and learned positions (GPT4TS, Zhou et al. 2023).
    Norms,
    /// All weights.
    Full,
}

impl Default for Tuning {
    fn default() -> Self {
        Self::Lora(LoraConfig::default())
    }
}

/// Hyperparameters of the context encoder: patch embedding and language model.
///
/// ```
/// use aster_llm::{ContextConfig, LlmSource, LoraConfig, Tuning};
///
/// let mut config = ContextConfig::default();
/// config.llm = LlmSource::Bundled;
/// config.tuning = Tuning::Lora(LoraConfig { rank: 8, ..Default::default() });
/// assert_eq!(config.width, 64);
/// assert!(config.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ContextConfig {
    /// Model width D (hidden size). Default: 64.
    pub width: usize,
    /// Source of the language model. Default: none.
    pub llm: LlmSource,
    /// Choice of the language model's weights that are trained. Default: LoRA of rank 4.
    pub tuning: Tuning,
    /// A file of LoRA factors to start from, as [`Backbone::save_adapter`] writes it.
    /// Default: none.
    pub adapter: Option<PathBuf>,
    /// Number of the language model's first blocks that are used. Default: all.
    pub layers: Option<usize>,
    /// Whether a token sees only the tokens before it, as in pre-training; `false`
    /// lets it see the whole window, as BERT always does. Default: `true`.
    pub causal: bool,
    /// Projection of patches to the language model's width. Default: linear.
    pub input: InputConfig,
    /// Prompt that the language model reads before the patches. Default: none.
    pub prompt: Option<Prompt>,
    /// Number format of a frozen language model. Default: single precision.
    pub precision: Precision,
    /// Folder where a frozen language model's embeddings of windows of data are kept, so
    /// that each is computed once, with [`InputConfig::Fixed`]. Pseudo-anomalies, which
    /// never come again, are not kept. Default: none.
    pub cache: Option<PathBuf>,
}

/// Number format of a frozen language model's weights, and what it computes in. Halves take
/// half the memory; whether they are faster depends on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// IEEE 754, 32 bits.
    #[default]
    F32,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper 16 bits of [`Precision::F32`].
    Bf16,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            width: 64,
            llm: LlmSource::None,
            tuning: Tuning::default(),
            adapter: None,
            layers: None,
            causal: true,
            input: InputConfig::default(),
            prompt: None,
            precision: Precision::default(),
            cache: None,
        }
    }
}

/// An opened [`LlmSource`].
struct Llm {
    /// Config of the whole model.
    shape: LlmConfig,
    /// Nothing where the weights are random.
    pretrained: Option<Pretrained>,
}

impl LlmSource {
    fn open(&self) -> Result<Option<Llm>, LlmError> {
        let pretrained = match self {
            Self::None => return Ok(None),
            Self::Random(shape) => {
                return Ok(Some(Llm { shape: shape.clone(), pretrained: None }));
            }
            Self::Bundled => Pretrained::bundled()?,
            Self::Folder(folder) => Pretrained::folder(folder),
            Self::Hub(model) => Pretrained::hub(model)?,
        };
        Ok(Some(Llm { shape: pretrained.config()?, pretrained: Some(pretrained) }))
    }
}

impl Llm {
    fn tokens(&self, prompt: &Prompt) -> Result<PromptTokens, LlmError> {
        match prompt {
            Prompt::Tokens(tokens) => Ok(tokens.clone()),
            Prompt::Template(template) => self.read(template),
        }
    }

    #[cfg(feature = "tokenizers")]
    fn read(&self, template: &str) -> Result<PromptTokens, LlmError> {
        let tokenizer = match &self.pretrained {
            Some(model) => model.tokenizer()?,
            None => Pretrained::bundled()?.tokenizer()?,
        };
        PromptTokens::read(template, &tokenizer)
    }

    #[cfg(not(feature = "tokenizers"))]
    fn read(&self, template: &str) -> Result<PromptTokens, LlmError> {
        let what = format!("the prompt {template:?}");
        Err(LlmError::Feature { what, feature: "tokenizers" })
    }
}

impl ContextConfig {
    /// Returns the config with the model's shape in place of its source, the prompt in tokens,
    /// no adapter and no cache, so that a saved model can be rebuilt from its weights alone.
    ///
    /// # Errors
    /// A source that cannot be read, too many layers asked for.
    pub fn resolved(&self) -> Result<Self, LlmError> {
        let mut config = self.clone();
        if let Some(llm) = self.llm.open()? {
            let prompt = self.prompt.as_ref().map(|prompt| llm.tokens(prompt));
            config.prompt = prompt.transpose()?.map(Prompt::Tokens);
            config.llm = LlmSource::Random(truncated(llm.shape, self.layers)?);
            (config.layers, config.adapter, config.cache) = (None, None, None);
        }
        Ok(config)
    }

    /// Writes the names of the channels into the prompt.
    pub fn with_channels(mut self, names: &[String]) -> Self {
        self.prompt = self.prompt.map(|prompt| prompt.with_channels(names));
        self
    }

    /// Checks everything that can be checked without reading the language model.
    ///
    /// # Errors
    /// A width of zero, a prompt, adapter or cache without what it needs, half precision for
    /// weights that train.
    pub fn check(&self) -> Result<(), SettingError> {
        at_least_one("width", self.width)?;
        let llm = self.llm != LlmSource::None;
        require("prompt", llm || self.prompt.is_none(), "none without a language model", "one")?;
        if let LlmSource::Random(shape) = &self.llm {
            shape.check().within("llm.random")?;
        }
        if let Tuning::Lora(lora) = &self.tuning {
            lora.check().within("tuning.lora")?;
        }
        self.input.check(self.width).within("input")?;
        let frozen = self.tuning == Tuning::Frozen;
        let full = self.precision == Precision::F32;
        let (expected, got) =
            ("F32, or `tuning` that is `frozen`", format!("{:?}", self.precision));
        require("precision", full || frozen, expected, got)?;
        let lora = matches!(self.tuning, Tuning::Lora(_));
        let got = format!("{:?}", self.adapter);
        require("adapter", self.adapter.is_none() || lora, "none without LoRA", got)?;
        let fixed = frozen && self.input == InputConfig::Fixed;
        let expected = "none, or `tuning` that is `frozen` and `input` that is `fixed`";
        require("cache", self.cache.is_none() || fixed, expected, format!("{:?}", self.cache))
    }

    /// Creates an encoder for `tokens` patches of `features` = P*C values each.
    ///
    /// # Errors
    /// A size of zero, a language model that cannot be read, a prompt without a language
    /// model, a prompt and a window of more tokens than it has positions, an adapter without
    /// LoRA or for another, half precision or a cache for what trains, a precision that the
    /// device lacks, a cache that cannot be made.
    pub fn init(
        &self,
        features: usize,
        tokens: usize,
        device: &Device,
    ) -> Result<ContextEncoder, LlmError> {
        self.check()?;
        at_least_one("tokens", tokens)?;
        let llm = self.llm.open()?;
        let llm = llm.map(|llm| self.enriched(&llm, [features, tokens], device)).transpose()?;
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(ContextEncoder {
            embed: LinearConfig::new(features, self.width).init(device),
            position: normal.init([tokens, self.width], device),
            llm,
        })
    }

    fn enriched(
        &self,
        llm: &Llm,
        [features, tokens]: [usize; 2],
        device: &Device,
    ) -> Result<Enriched, LlmError> {
        let shape = &llm.shape;
        let (dtype, precision) = (self.precision.dtype(), format!("{:?}", self.precision));
        let has = device.supports_dtype(dtype);
        require("precision", has, "one that the device computes in", precision)?;
        let prompt = self.prompt.as_ref().map(|prompt| llm.tokens(prompt)).transpose()?;
        let prompted = prompt.as_ref().map_or(0, PromptTokens::length);
        let expected = format!("at most {} (the model's positions)", shape.positions);
        require("tokens", prompted + tokens <= shape.positions, expected, prompted + tokens)?;
        let largest = prompt.as_ref().map_or(0, PromptTokens::largest_id) as usize;
        let expected = format!("below the vocabulary of {}", shape.vocabulary);
        require("token of the prompt", largest < shape.vocabulary, expected, largest)?;

        let used = truncated(shape.clone(), self.layers)?;
        let weights = llm.pretrained.as_ref().map(|model| model.weights(device)).transpose()?;
        let backbone = match &weights {
            Some(weights) => Backbone::read(&used, weights, self.causal, device)?,
            None => Backbone::random(&used, self.causal, device)?,
        };
        let mut backbone = match &self.tuning {
            Tuning::Frozen => backbone.in_dtype(dtype).no_grad(),
            Tuning::Lora(lora) => backbone.with_lora(lora, device)?,
            Tuning::Norms => backbone.only_norms(),
            Tuning::Full => backbone,
        };
        if let Some(adapter) = &self.adapter {
            backbone.load_adapter(adapter)?;
        }
        let words = match (prompt.is_some() || self.input.reads_words(), &weights) {
            (false, _) => None,
            (true, Some(weights)) => Some(weights.tokens(shape)?.no_grad()),
            (true, None) => Some(embedding(shape.vocabulary, shape.width, device).no_grad()),
        };
        let sizes = [features, self.width, shape.width, shape.vocabulary];
        let mut enriched = Enriched {
            input: self.input.init(sizes, device)?,
            words,
            prompt,
            backbone,
            output: LinearConfig::new(shape.width, self.width).init(device),
            dtype,
            cache: None,
        };
        if let Some(folder) = &self.cache {
            let config = format!("{used:?} {} {dtype:?} {:?}", self.causal, enriched.prompt);
            let cache = Cache::open(folder, &config, |weights| {
                weights.of(&enriched.input);
                weights.of(&enriched.backbone);
                weights.of(&enriched.words);
            })?;
            enriched.cache = Some(cache);
        }
        Ok(enriched)
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
    /// Element type of the backbone.
    #[module(skip)]
    dtype: DType,
    #[module(skip)]
    cache: Option<Cache>,
}

impl ContextEncoder {
    /// Maps patches to context.
    ///
    /// # Shapes
    /// Patches `[B, L, P*C]` to context `[B, L, D]`.
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        self.enrich(patches, Enriched::embed)
    }

    /// Maps patches of data to context: with [`ContextConfig::cache`], what the language model
    /// makes of them is computed once. No gradient flows to patches through a cache.
    ///
    /// # Shapes
    /// As [`ContextEncoder::forward`].
    pub fn forward_data(&self, patches: Tensor<3>) -> Tensor<3> {
        self.enrich(patches, Enriched::recall)
    }

    fn enrich(
        &self,
        patches: Tensor<3>,
        embed: fn(&Enriched, Tensor<3>, &Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let hidden = self.embed.forward(patches.clone()) + self.position.val().unsqueeze::<3>();
        match &self.llm {
            Some(llm) => hidden.clone() + llm.output.forward(embed(llm, hidden, &patches)),
            None => hidden,
        }
    }

    /// Returns the language model's blocks.
    pub fn backbone(&self) -> Option<&Backbone> {
        self.llm.as_ref().map(|llm| &llm.backbone)
    }
}

impl Enriched {
    /// Returns the language model's hidden states for patches, `[B, L, width]`.
    fn embed(&self, hidden: Tensor<3>, patches: &Tensor<3>) -> Tensor<3> {
        let [_, l, _] = hidden.dims();
        let words = self.words.as_ref().map(|words| words.weight.val());
        let mut tokens = self.input.forward(hidden, patches, words);
        if let (Some(prompt), Some(words)) = (&self.prompt, &self.words) {
            tokens = Tensor::cat(vec![words.forward(prompt.ids(patches)), tokens], 1);
        }
        let [_, all, _] = tokens.dims();
        let full = tokens.dtype();
        self.backbone.forward(tokens.cast(self.dtype)).narrow(1, all - l, l).cast(full)
    }

    /// The same, as the cache has it where there is one. Then the input is fixed, and
    /// `hidden` plays no part.
    fn recall(&self, hidden: Tensor<3>, patches: &Tensor<3>) -> Tensor<3> {
        match &self.cache {
            Some(cache) => {
                let width = self.backbone.config().width;
                cache.embed(patches, width, |patches| self.embed(patches.clone(), &patches))
            }
            None => self.embed(hidden, patches),
        }
    }
}

impl Precision {
    fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}
