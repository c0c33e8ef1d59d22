use std::path::Path;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::tensor::{Device, Int, Tensor};

use crate::block::Shared;
use crate::weights::{Weights, read};
use crate::{Block, LlmConfig, LlmError, LoraConfig, Norm};

/// The blocks of a language model, without its vocabulary.
#[derive(Module, Debug)]
pub struct Backbone {
    pub(crate) positions: Option<Embedding>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: Norm,
    #[module(skip)]
    config: LlmConfig,
    causal: bool,
}

impl Backbone {
    /// Random weights. `causal` masks the future, as in pre-training.
    ///
    /// # Errors
    /// Sizes that do not divide.
    pub fn random(config: &LlmConfig, causal: bool, device: &Device) -> Result<Self, LlmError> {
        config.check()?;
        let positions = match config.family {
            crate::Family::Gpt2 => {
                Some(EmbeddingConfig::new(config.positions, config.width).init(device))
            }
            crate::Family::Llama => None,
        };
        Ok(Self {
            positions,
            blocks: (0..config.layers).map(|_| Block::new(config, device)).collect(),
            norm: Norm::new(config, device),
            config: config.clone(),
            causal,
        })
    }

    /// The first `layers` blocks (default: all) of a Hugging Face folder with
    /// `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// A missing or malformed file, an unknown model type, a tensor that is
    /// missing or of the wrong shape, more layers asked for than there are.
    pub fn from_folder(
        folder: impl AsRef<Path>,
        layers: Option<usize>,
        causal: bool,
        device: &Device,
    ) -> Result<Self, LlmError> {
        let config = truncated(LlmConfig::from_folder(&folder)?, layers)?;
        read(folder.as_ref(), device, |weights| Self::load(&config, weights, causal, device))
    }

    fn load(
        config: &LlmConfig,
        weights: &Weights<'_>,
        causal: bool,
        device: &Device,
    ) -> Result<Self, LlmError> {
        let mut backbone = Self::random(config, causal, device)?;
        weights.fill_backbone(&mut backbone, config)?;
        Ok(backbone)
    }

    /// The shape of the model.
    pub fn config(&self) -> &LlmConfig {
        &self.config
    }

    /// Hidden states after the last norm.
    ///
    /// # Shapes
    /// Token embeddings `[B, L, width]` to `[B, L, width]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [_, length, _] = x.dims();
        let device = x.device();
        let shared = Shared::new(&self.config, length, self.causal, &device);
        let mut x = match &self.positions {
            Some(positions) => x + positions.weight.val().narrow(0, 0, length).unsqueeze::<3>(),
            None => x,
        };
        for block in &self.blocks {
            x = block.forward(x, &shared);
        }
        self.norm.forward(x)
    }

    /// Freezes everything and adds LoRA to the queries and values.
    pub fn with_lora(mut self, lora: &LoraConfig, device: &Device) -> Self {
        self = self.no_grad();
        self.blocks = self.blocks.into_iter().map(|b| b.with_lora(lora, device)).collect();
        self
    }
}

pub(crate) fn truncated(
    mut config: LlmConfig,
    layers: Option<usize>,
) -> Result<LlmConfig, LlmError> {
    if let Some(layers) = layers {
        let expected = format!("at most {}", config.layers);
        crate::config::require("layers", layers, layers <= config.layers, &expected)?;
        config.layers = layers;
    }
    Ok(config)
}

/// A decoder with its vocabulary; input and output embeddings are tied.
#[derive(Module, Debug)]
pub struct LanguageModel {
    pub(crate) tokens: Embedding,
    backbone: Backbone,
}

impl LanguageModel {
    /// Reads a Hugging Face folder with `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// As [`Backbone::from_folder`].
    pub fn from_folder(folder: impl AsRef<Path>, device: &Device) -> Result<Self, LlmError> {
        let config = LlmConfig::from_folder(&folder)?;
        read(folder.as_ref(), device, |weights| {
            let mut tokens = EmbeddingConfig::new(config.vocabulary, config.width).init(device);
            weights.fill_tokens(&mut tokens, &config)?;
            Ok(Self { tokens, backbone: Backbone::load(&config, weights, true, device)? })
        })
    }

    /// Hidden states after the last norm.
    ///
    /// # Shapes
    /// Token ids `[B, L]` to `[B, L, width]`.
    pub fn hidden(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.backbone.forward(self.tokens.forward(ids))
    }

    /// Next-token logits.
    ///
    /// # Shapes
    /// Token ids `[B, L]` to `[B, L, V]`.
    pub fn logits(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.hidden(ids).matmul(self.tokens.weight.val().transpose().unsqueeze())
    }
}
