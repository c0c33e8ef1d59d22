//! Pre-trained models: which tensor of which family goes where.

use std::path::Path;

use burn::module::Param;
use burn::tensor::Device;

use crate::error::LlmError;
use crate::pretrained::source::Pretrained;
use crate::pretrained::weights::Weights;
use crate::transformer::{Attention, Block, FeedForward};
use crate::transformer::{Backbone, LanguageModel, truncated};
use crate::transformer::{Family, LlmConfig};

impl Backbone {
    /// The first `layers` blocks (default: all) of a pre-trained model.
    ///
    /// # Errors
    /// A missing or malformed file, an unknown model type, a tensor that is
    /// missing or of the wrong shape, more layers asked for than there are.
    pub fn load(
        pretrained: &Pretrained,
        layers: Option<usize>,
        causal: bool,
        device: &Device,
    ) -> Result<Self, LlmError> {
        let config = truncated(pretrained.config()?, layers)?;
        Self::read(&config, &pretrained.weights(device)?, causal, device)
    }

    pub(crate) fn read(
        config: &LlmConfig,
        weights: &Weights<'_>,
        causal: bool,
        device: &Device,
    ) -> Result<Self, LlmError> {
        let mut backbone = Self::random(config, causal, device)?;
        weights.fill_backbone(&mut backbone)?;
        Ok(backbone)
    }
}

impl LanguageModel {
    /// Reads a pre-trained model with its vocabulary.
    ///
    /// # Errors
    /// As [`Backbone::load`].
    pub fn load(pretrained: &Pretrained, device: &Device) -> Result<Self, LlmError> {
        let config = pretrained.config()?;
        let weights = pretrained.weights(device)?;
        let backbone = Backbone::read(&config, &weights, true, device)?;
        let tokens = weights.tokens(&config)?;
        let output = if config.tied { None } else { Some(weights.output(&config)?) };
        Ok(Self { tokens, backbone, output })
    }

    /// Reads a Hugging Face folder.
    ///
    /// # Errors
    /// As [`Backbone::load`].
    pub fn from_folder(folder: impl AsRef<Path>, device: &Device) -> Result<Self, LlmError> {
        Self::load(&Pretrained::folder(folder.as_ref()), device)
    }
}

impl Weights<'_> {
    pub(crate) fn fill_backbone(&self, backbone: &mut Backbone) -> Result<(), LlmError> {
        let LlmConfig { family, width, positions: longest, .. } = *backbone.config();
        let (positions, layer, norm) = match family {
            Family::Gpt2 => ("wpe.weight", "h", "ln_f"),
            Family::Llama => ("", "layers", "norm"),
            Family::Bert => ("embeddings.position_embeddings.weight", "encoder.layer", ""),
        };
        if let Some(table) = &mut backbone.positions {
            *table = self.embedding(positions, longest, width)?;
        }
        if let Some(token_type_embedding) = &mut backbone.token_type_embedding {
            let name = "embeddings.token_type_embeddings.weight";
            // One for the first token type and, in most models, one for the second.
            let types = self.tensors.get(&format!("{}{name}", self.prefix));
            let types = types.and_then(|types| types.shape.first().copied()).unwrap_or(1).max(1);
            let all = self.tensor::<2>(name, [types, width])?;
            *token_type_embedding = Param::from_tensor(all.narrow(0, 0, 1));
        }
        if let Some(norm) = &mut backbone.embedding_norm {
            self.fill_norm(norm, "embeddings.LayerNorm", width)?;
        }
        if let Some(last) = &mut backbone.norm {
            self.fill_norm(last, norm, width)?;
        }
        for (i, block) in backbone.blocks.iter_mut().enumerate() {
            let name = format!("{layer}.{i}");
            match family {
                Family::Gpt2 => self.fill_gpt2(block, &name, width),
                Family::Llama => self.fill_llama(block, &name, width),
                Family::Bert => self.fill_bert(block, &name, width),
            }?;
        }
        Ok(())
    }

    fn fill_gpt2(&self, block: &mut Block, name: &str, width: usize) -> Result<(), LlmError> {
        self.fill_norm(&mut block.norm_attention, &format!("{name}.ln_1"), width)?;
        self.fill_norm(&mut block.norm_feed_forward, &format!("{name}.ln_2"), width)?;
        let Attention { query, key, value, output, .. } = &mut block.attention;
        let FeedForward { up, down, .. } = &mut block.feed_forward;
        let qkv = &mut [&mut query.base, &mut key.base, &mut value.base];
        self.fill_conv(qkv, &format!("{name}.attn.c_attn"))?;
        self.fill_conv(&mut [&mut output.base], &format!("{name}.attn.c_proj"))?;
        self.fill_conv(&mut [&mut up.base], &format!("{name}.mlp.c_fc"))?;
        self.fill_conv(&mut [&mut down.base], &format!("{name}.mlp.c_proj"))
    }

    fn fill_llama(&self, block: &mut Block, name: &str, width: usize) -> Result<(), LlmError> {
        let at = |part: &str| format!("{name}.{part}");
        self.fill_norm(&mut block.norm_attention, &at("input_layernorm"), width)?;
        self.fill_norm(&mut block.norm_feed_forward, &at("post_attention_layernorm"), width)?;
        let Attention { query, key, value, output, qk_norm, .. } = &mut block.attention;
        self.fill_linear(&mut query.base, &at("self_attn.q_proj"))?;
        self.fill_linear(&mut key.base, &at("self_attn.k_proj"))?;
        self.fill_linear(&mut value.base, &at("self_attn.v_proj"))?;
        self.fill_linear(&mut output.base, &at("self_attn.o_proj"))?;
        if let Some((of_query, of_key)) = qk_norm {
            for (norm, name) in [(of_query, "q_norm"), (of_key, "k_norm")] {
                let [width] = norm.gamma.lazy_shape().dims();
                norm.gamma = self.vector(&at(&format!("self_attn.{name}.weight")), width)?;
            }
        }
        let FeedForward { gate, up, down, .. } = &mut block.feed_forward;
        if let Some(gate) = gate {
            self.fill_linear(&mut gate.base, &at("mlp.gate_proj"))?;
        }
        self.fill_linear(&mut up.base, &at("mlp.up_proj"))?;
        self.fill_linear(&mut down.base, &at("mlp.down_proj"))
    }

    fn fill_bert(&self, block: &mut Block, name: &str, width: usize) -> Result<(), LlmError> {
        let at = |part: &str| format!("{name}.{part}");
        self.fill_norm(&mut block.norm_attention, &at("attention.output.LayerNorm"), width)?;
        self.fill_norm(&mut block.norm_feed_forward, &at("output.LayerNorm"), width)?;
        let Attention { query, key, value, output, .. } = &mut block.attention;
        self.fill_linear(&mut query.base, &at("attention.self.query"))?;
        self.fill_linear(&mut key.base, &at("attention.self.key"))?;
        self.fill_linear(&mut value.base, &at("attention.self.value"))?;
        self.fill_linear(&mut output.base, &at("attention.output.dense"))?;
        let FeedForward { up, down, .. } = &mut block.feed_forward;
        self.fill_linear(&mut up.base, &at("intermediate.dense"))?;
        self.fill_linear(&mut down.base, &at("output.dense"))
    }
}
