use std::path::Path;

use burn::module::{Initializer, Module, ModuleMapper, Param};
use burn::nn::{Embedding, EmbeddingConfig};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::activation::log_softmax;
use burn::tensor::module::linear;
use burn::tensor::{DType, Device, Int, Tensor};

use crate::error::{LlmError, io};
use crate::transformer::adapter::LoraConfig;
use crate::transformer::block::{Block, Norm, Shared};
use crate::transformer::config::{Family, LlmConfig};
use crate::transformer::rotary::RotaryCache;

/// Whether a tensor is one of LoRA's factors.
fn is_factor(name: &str, _container: &str) -> bool {
    name.ends_with(".lora_a") || name.ends_with(".lora_b")
}

/// The blocks of a language model, without its vocabulary.
#[derive(Module, Debug)]
pub struct Backbone {
    pub(crate) positions: Option<Embedding>,
    /// BERT: the embedding of the first token type, and the norm of embeddings.
    pub(crate) token_type_embedding: Option<Param<Tensor<2>>>,
    pub(crate) embedding_norm: Option<Norm>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: Option<Norm>,
    #[module(skip)]
    config: LlmConfig,
    #[module(skip)]
    rotary: RotaryCache,
    causal: bool,
}

impl Backbone {
    /// Random weights. `causal` masks the future, as in pre-training; BERT never does.
    ///
    /// # Errors
    /// Sizes that do not divide.
    pub fn random(config: &LlmConfig, causal: bool, device: &Device) -> Result<Self, LlmError> {
        config.check()?;
        let (learned, bert) = (config.family != Family::Llama, config.family == Family::Bert);
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(Self {
            positions: learned.then(|| embedding(config.positions, config.width, device)),
            token_type_embedding: bert.then(|| normal.init([1, config.width], device)),
            embedding_norm: bert.then(|| Norm::new(config, device)),
            blocks: (0..config.layers).map(|_| Block::new(config, device)).collect(),
            norm: (!bert).then(|| Norm::new(config, device)),
            config: config.clone(),
            rotary: RotaryCache::default(),
            causal: causal && !bert,
        })
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
        let shared = Shared::new(&self.config, self.causal, &x, &self.rotary);
        let mut x = match &self.positions {
            Some(positions) => x + positions.weight.val().narrow(0, 0, length).unsqueeze::<3>(),
            None => x,
        };
        if let Some(token_type_embedding) = &self.token_type_embedding {
            x = x + token_type_embedding.val().unsqueeze::<3>();
        }
        if let Some(norm) = &self.embedding_norm {
            x = norm.forward(x);
        }
        for block in &self.blocks {
            x = block.forward(x, &shared);
        }
        match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// Computes in another number format.
    pub(crate) fn in_dtype(self, dtype: DType) -> Self {
        struct To(DType);
        impl ModuleMapper for To {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|tensor| tensor.cast(self.0))
            }
        }
        self.map(&mut To(dtype))
    }

    /// Freezes all but norms and positions (GPT4TS, Zhou et al. 2023).
    pub fn only_norms(mut self) -> Self {
        self.token_type_embedding = self.token_type_embedding.map(Module::no_grad);
        self.blocks = self.blocks.into_iter().map(Block::only_norms).collect();
        self
    }

    /// Freezes everything and adds LoRA.
    ///
    /// # Errors
    /// A rank or a dropout outside its range, no targets.
    pub fn with_lora(mut self, lora: &LoraConfig, device: &Device) -> Result<Self, LlmError> {
        lora.check()?;
        self = self.no_grad();
        self.blocks = self.blocks.into_iter().map(|b| b.with_lora(lora, device)).collect();
        Ok(self)
    }

    /// Writes what LoRA learned, and nothing else, as safetensors.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_adapter(&self, path: impl AsRef<Path>) -> Result<(), LlmError> {
        let path = path.as_ref();
        let mut store = SafetensorsStore::from_file(path).with_predicate(is_factor).overwrite(true);
        let saved = self.save_into(&mut store);
        saved.map_err(|source| LlmError::Format { path: path.into(), source })
    }

    /// Reads what [`Backbone::save_adapter`] wrote for the same [`LoraConfig`].
    ///
    /// # Errors
    /// A file that cannot be read, factors of other layers or another rank.
    pub fn load_adapter(&mut self, path: impl AsRef<Path>) -> Result<(), LlmError> {
        let path = path.as_ref();
        std::fs::File::open(path).map_err(io(path))?;
        let mut store = SafetensorsStore::from_file(path).allow_partial(true);
        let result = self
            .load_from(&mut store)
            .map_err(|source| LlmError::Format { path: path.into(), source })?;
        let missing = result.missing.iter().find(|(name, _)| is_factor(name, ""));
        if let Some((name, _)) = missing {
            return Err(LlmError::MissingTensor { name: name.clone() });
        }
        let foreign = result.unused.first().cloned();
        match foreign.or(result.errors.first().map(ToString::to_string)) {
            Some(reason) => Err(LlmError::Adapter { path: path.into(), reason }),
            None => Ok(()),
        }
    }

    /// Adds LoRA's updates to the weights; the function stays the same.
    pub fn merged(mut self) -> Self {
        self.blocks = self.blocks.into_iter().map(Block::merged).collect();
        self
    }
}

pub(crate) fn truncated(
    mut config: LlmConfig,
    layers: Option<usize>,
) -> Result<LlmConfig, LlmError> {
    if let Some(layers) = layers {
        let expected = format!("at most {}", config.layers);
        aster_base::require("layers", layers <= config.layers, expected, layers)?;
        config.layers = layers;
    }
    Ok(config)
}

/// GPT-2's initialisation.
pub(crate) fn embedding(rows: usize, width: usize, device: &Device) -> Embedding {
    let initializer = Initializer::Normal { mean: 0.0, std: 0.02 };
    EmbeddingConfig::new(rows, width).with_initializer(initializer).init(device)
}

/// A Transformer with its vocabulary.
#[derive(Module, Debug)]
pub struct LanguageModel {
    pub(crate) tokens: Embedding,
    pub(crate) backbone: Backbone,
    /// None: tied to the input.
    pub(crate) output: Option<Embedding>,
}

impl LanguageModel {
    /// Random weights, to be trained.
    ///
    /// # Errors
    /// Sizes that do not divide.
    pub fn random(config: &LlmConfig, device: &Device) -> Result<Self, LlmError> {
        let vocabulary = || embedding(config.vocabulary, config.width, device);
        Ok(Self {
            backbone: Backbone::random(config, true, device)?,
            tokens: vocabulary(),
            output: (!config.tied).then(vocabulary),
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &LlmConfig {
        self.backbone.config()
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
        let output = self.output.as_ref().unwrap_or(&self.tokens);
        linear(self.hidden(ids), output.weight.val().transpose(), None)
    }

    /// Mean loss in nats of guessing each token but the first from those before it.
    ///
    /// # Shapes
    /// Token ids `[B, L]`, L at least 2, to a scalar.
    pub fn next_token_loss(&self, ids: Tensor<2, Int>) -> Tensor<1> {
        let [_, l] = ids.dims();
        let next = ids.clone().narrow(1, 1, l - 1).unsqueeze_dim::<3>(2);
        let logs = log_softmax(self.logits(ids.narrow(1, 0, l - 1)), 2);
        logs.gather(2, next).mean().neg()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::transformer::adapter::Target;
    use crate::transformer::block::tests::learn;

    #[test]
    fn an_adapter_is_saved_alone_and_merges_into_the_base() {
        let device = Device::flex();
        let config = LlmConfig { layers: 2, family: Family::Llama, ..Default::default() };
        let lora = LoraConfig {
            targets: vec![Target::Query, Target::Output, Target::Gate, Target::Down],
            rank: 3,
            rank_stabilized: true,
            ..Default::default()
        };
        let base = Backbone::random(&config, true, &device).unwrap();
        let fresh = base.clone().with_lora(&lora, &device).unwrap();
        let mut tuned = fresh.clone();
        tuned.blocks.iter_mut().for_each(|block| learn(block, &device));
        let x = Tensor::<3>::random([2, 5, 64], Distribution::Normal(0.0, 1.0), &device);
        let gap = |a: &Backbone, b: &Backbone| {
            let gap = a.forward(x.clone()) - b.forward(x.clone());
            gap.abs().max().into_scalar::<f32>()
        };
        assert_eq!(gap(&base, &fresh), 0.0, "a new update must be zero");
        assert!(gap(&fresh, &tuned) > 0.1);
        let merged = tuned.clone().merged();
        assert!(gap(&merged, &tuned) < 1e-5);
        assert_eq!(merged.num_params(), base.num_params());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter.safetensors");
        tuned.save_adapter(&path).unwrap();
        let numbers = std::fs::metadata(&path).unwrap().len() / 4;
        // Query and output 64 to 64, gate and down between 64 and 256; rank 3, two blocks.
        let factors = 2 * 3 * (2 * 128 + 2 * 320);
        assert!((factors..factors + 1000).contains(&numbers), "{numbers}");
        let mut loaded = fresh.clone();
        loaded.load_adapter(&path).unwrap();
        assert_eq!(gap(&loaded, &tuned), 0.0);
        let other = LoraConfig { targets: vec![Target::Value], ..lora.clone() };
        let mut other = base.clone().with_lora(&other, &device).unwrap();
        assert!(other.load_adapter(&path).is_err(), "an adapter of other layers");
        let mut other = base.with_lora(&LoraConfig { rank: 2, ..lora }, &device).unwrap();
        assert!(other.load_adapter(&path).is_err(), "an adapter of another rank");
    }
}
