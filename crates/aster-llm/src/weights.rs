//! Tensors of a safetensors file, put where they belong.

use std::path::Path;

use burn::module::Param;
use burn::nn::{Embedding, Linear};
use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

use crate::{Backbone, Block, Family, FeedForward, LlmConfig, LlmError, Norm};

/// The tensors of one file, with the prefix that its exporter used.
pub(crate) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    prefix: &'static str,
    device: &'a Device,
}

/// Opens `model.safetensors` of a folder and hands its tensors to `use_them`.
pub(crate) fn read<T>(
    folder: &Path,
    device: &Device,
    use_them: impl FnOnce(&Weights<'_>) -> Result<T, LlmError>,
) -> Result<T, LlmError> {
    let path = folder.join("model.safetensors");
    let bytes =
        std::fs::read(&path).map_err(|source| LlmError::Io { path: path.clone(), source })?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|source| LlmError::Format { path, source })?;
    let has = |start: &str| tensors.names().iter().any(|name| name.starts_with(start));
    let prefix = ["transformer.", "model."].into_iter().find(|p| has(p)).unwrap_or("");
    use_them(&Weights { tensors, prefix, device })
}

impl Weights<'_> {
    fn tensor<const D: usize>(
        &self,
        name: &str,
        expected: [usize; D],
    ) -> Result<Tensor<D>, LlmError> {
        let name = format!("{}{name}", self.prefix);
        let view = self
            .tensors
            .tensor(&name)
            .map_err(|_| LlmError::MissingTensor { name: name.clone() })?;
        if view.shape() != expected {
            let got = view.shape().to_vec();
            return Err(LlmError::Shape { name, expected: expected.to_vec(), got });
        }
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(LlmError::Dtype { name, got: format!("{other:?}") }),
        };
        let data = TensorData::from_bytes_vec(view.data().to_vec(), expected, dtype);
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
                norm.gamma = self.vector(&format!("{name}.weight"), width)?;
                norm.beta = Some(self.vector(&format!("{name}.bias"), width)?);
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

    pub(crate) fn fill_tokens(
        &self,
        tokens: &mut Embedding,
        config: &LlmConfig,
    ) -> Result<(), LlmError> {
        let name = match config.family {
            Family::Gpt2 => "wte.weight",
            Family::Llama => "embed_tokens.weight",
        };
        *tokens = self.embedding(name, config.vocabulary, config.width)?;
        Ok(())
    }

    pub(crate) fn fill_backbone(
        &self,
        backbone: &mut Backbone,
        config: &LlmConfig,
    ) -> Result<(), LlmError> {
        let (width, positions) = (config.width, config.positions);
        let (layer, norm) = match config.family {
            Family::Gpt2 => ("h", "ln_f"),
            Family::Llama => ("layers", "norm"),
        };
        if let Some(table) = &mut backbone.positions {
            *table = self.embedding("wpe.weight", positions, width)?;
        }
        self.fill_norm(&mut backbone.norm, norm, width)?;
        for (i, block) in backbone.blocks.iter_mut().enumerate() {
            self.fill_block(block, &format!("{layer}.{i}"), config)?;
        }
        Ok(())
    }

    fn fill_block(
        &self,
        block: &mut Block,
        name: &str,
        config: &LlmConfig,
    ) -> Result<(), LlmError> {
        let (first, second, attention) = match config.family {
            Family::Gpt2 => ("ln_1", "ln_2", "attn"),
            Family::Llama => ("input_layernorm", "post_attention_layernorm", "self_attn"),
        };
        let at = |part: &str| format!("{name}.{part}");
        self.fill_norm(&mut block.norm_attention, &at(first), config.width)?;
        self.fill_norm(&mut block.norm_feed_forward, &at(second), config.width)?;
        let part = |part: &str| format!("{name}.{attention}.{part}");
        let a = &mut block.attention;
        let FeedForward { gate, up, down } = &mut block.feed_forward;
        match gate {
            None => {
                let qkv = &mut [&mut a.query.base, &mut a.key.base, &mut a.value.base];
                self.fill_conv(qkv, &part("c_attn"))?;
                self.fill_conv(&mut [&mut a.output.base], &part("c_proj"))?;
                self.fill_conv(&mut [&mut up.base], &at("mlp.c_fc"))?;
                self.fill_conv(&mut [&mut down.base], &at("mlp.c_proj"))
            }
            Some(gate) => {
                self.fill_linear(&mut a.query.base, &part("q_proj"))?;
                self.fill_linear(&mut a.key.base, &part("k_proj"))?;
                self.fill_linear(&mut a.value.base, &part("v_proj"))?;
                self.fill_linear(&mut a.output.base, &part("o_proj"))?;
                self.fill_linear(&mut gate.base, &at("mlp.gate_proj"))?;
                self.fill_linear(&mut up.base, &at("mlp.up_proj"))?;
                self.fill_linear(&mut down.base, &at("mlp.down_proj"))
            }
        }
    }
}
