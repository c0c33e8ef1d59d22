//! Tensors of a Hugging Face model, put where they belong.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::nn::{Embedding, Linear};
use burn::store::burn_pack::Tensor as PackTensor;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::error::LlmError;
use crate::transformer::Norm;
use crate::transformer::{Family, LlmConfig};

/// By name, none of them read before it is asked for.
pub(crate) type Tensors = BTreeMap<String, PackTensor>;

/// The tensors of one model, with the prefix that its exporter used.
pub(crate) struct Weights<'a> {
    pub(crate) tensors: Tensors,
    pub(crate) prefix: &'static str,
    device: &'a Device,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(tensors: Tensors, device: &'a Device) -> Self {
        let has = |start: &str| tensors.keys().any(|name| name.starts_with(start));
        let prefixes = ["transformer.", "model.", "bert."];
        let prefix = prefixes.into_iter().find(|prefix| has(prefix)).unwrap_or("");
        Self { tensors, prefix, device }
    }

    pub(crate) fn tensor<const D: usize>(
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

    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Param<Tensor<1>>, LlmError> {
        Ok(Param::from_tensor(self.tensor(name, [length])?))
    }

    pub(crate) fn embedding(
        &self,
        name: &str,
        rows: usize,
        width: usize,
    ) -> Result<Embedding, LlmError> {
        Ok(Embedding { weight: Param::from_tensor(self.tensor(name, [rows, width])?) })
    }

    pub(crate) fn fill_norm(
        &self,
        norm: &mut Norm,
        name: &str,
        width: usize,
    ) -> Result<(), LlmError> {
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
    pub(crate) fn fill_linear(&self, linear: &mut Linear, name: &str) -> Result<(), LlmError> {
        let [input, output] = linear.weight.lazy_shape().dims();
        let weight = self.tensor::<2>(&format!("{name}.weight"), [output, input])?;
        linear.weight = Param::from_tensor(weight.transpose());
        if let Some(bias) = &mut linear.bias {
            *bias = self.vector(&format!("{name}.bias"), output)?;
        }
        Ok(())
    }

    /// Linear layers stored side by side as one `[in, out]` Conv1D of GPT-2.
    pub(crate) fn fill_conv(
        &self,
        linears: &mut [&mut Linear],
        name: &str,
    ) -> Result<(), LlmError> {
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
}
