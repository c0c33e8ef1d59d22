//! Tensors of a Hugging Face model, put where they belong.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::nn::{Embedding, Linear};
use burn::store::burn_pack::Tensor as PackTensor;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::block::{Attention, Block, FeedForward, Norm};
use crate::config::{Family, LlmConfig};
use crate::error::LlmError;
use crate::model::Backbone;

/// By name, none of them read before it is asked for.
pub(crate) type Tensors = BTreeMap<String, PackTensor>;

/// The tensors of one model, with the prefix that its exporter used.
pub(crate) struct Weights<'a> {
    tensors: Tensors,
    prefix: &'static str,
    device: &'a Device,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(tensors: Tensors, device: &'a Device) -> Self {
        let has = |start: &str| tensors.keys().any(|name| name.starts_with(start));
        let prefixes = ["transformer.", "model.", "bert."];
        let prefix = prefixes.into_iter().find(|prefix| has(prefix)).unwrap_or("");
        Self { tensors, prefix, device }
    }

    fn tensor<const D: usize>(
        &self,
        name: &str,
        expected: [usize; D],
    ) -> Result<Tensor<D>, LlmError> {
        let name = format!("{}{name}", self.prefix);
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(LlmError::MissingTensor { name });
        };
        if tensor.shape.as_slice() != expected {
            let got = tensor.shape.to_vec();
            return Err(LlmError::Shape { name, expected: expected.to_vec(), got });
        }
        let dtype = tensor.dtype;
        if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
            return Err(LlmError::Dtype { name, got: format!("{dtype:?}") });
        }
        let bytes = tensor
            .to_bytes()
            .map_err(|error| LlmError::Unreadable { name, reason: error.to_string() })?;
        let data = TensorData::from_bytes(bytes, expected, dtype);
        Ok(Tensor::from_data(data.convert::<f32>(), self.device))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Param<Tensor<1>>, LlmError> {
        Ok(Param::from_tensor(self.tensor(name, [length])?))
    }

    fn embedding(&self, name: &str, rows: usize, width: usize) -> Result<Embedding, LlmError> {
        Ok(Embedding { weight: Param::from_tensor(self.tensor(name, [rows, width])?) })
    }

    fn fill_norm(&self, norm: &mut Norm, name: &str, width: usize) -> Result<(), LlmError> {
        match norm {
            Norm::Layer(norm) => {
                // BERT's oldest exports have the names of its TensorFlow original.
                let old = self.tensors.contains_key(&format!("{}{name}.gamma", self.prefix));
                let [weight, bias] = if old { ["gamma", "beta"] } else { ["weight", "bias"] };
                norm.gamma = self.vector(&format!("{name}.{weight}"), width)?;
                norm.beta = Some(self.vector(&format!("{name}.{bias}"), width)?);
            }
            Norm::Rms(norm) => norm.gamma = self.vector(&format!("{name}.weight"), width)?,
        }
        Ok(())
    }

    /// A linear layer stored as `[out, in]`, PyTorch's layout.
    fn fill_linear(&self, linear: &mut Linear, name: &str) -> Result<(), LlmError> {
        let [input, output] = linear.weight.lazy_shape().dims();
        let weight = self.tensor::<2>(&format!("{name}.weight"), [output, input])?;
        linear.weight = Param::from_tensor(weight.transpose());
        if let Some(bias) = &mut linear.bias {
            *bias = self.vector(&format!("{name}.bias"), output)?;
        }
        Ok(())
    }

    /// Linear layers stored side by side as one `[in, out]` Conv1D of GPT-2.
    fn fill_conv(&self, linears: &mut [&mut Linear], name: &str) -> Result<(), LlmError> {
        let [input, output] = linears[0].weight.lazy_shape().dims();
        let total = output * linears.len();
        let weight = self.tensor::<2>(&format!("{name}.weight"), [input, total])?;
        let bias = self.tensor::<1>(&format!("{name}.bias"), [total])?;
        for (i, linear) in linears.iter_mut().enumerate() {
            let from = i * output;
            linear.weight = Param::from_tensor(weight.clone().narrow(1, from, output));
            linear.bias = Some(Param::from_tensor(bias.clone().narrow(0, from, output)));
        }
        Ok(())
    }

    pub(crate) fn tokens(&self, config: &LlmConfig) -> Result<Embedding, LlmError> {
        let name = match config.family {
            Family::Gpt2 => "wte.weight",
            Family::Llama => "embed_tokens.weight",
            Family::Bert => "embeddings.word_embeddings.weight",
        };
        self.embedding(name, config.vocabulary, config.width)
    }

    /// The output layer of a model that does not tie it to the input.
    pub(crate) fn output(mut self, config: &LlmConfig) -> Result<Embedding, LlmError> {
        self.prefix = "";
        self.embedding("lm_head.weight", config.vocabulary, config.width)
    }

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
