use std::path::Path;

use aster_base::require;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, TensorData};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;

use crate::error::{LlmError, io};
use crate::pretrained::files::{CONFIG, WEIGHTS};
use crate::transformer::LanguageModel;
use crate::transformer::{Activation, Family, LlmConfig};
use crate::transformer::{Block, Norm};

impl LanguageModel {
    /// Writes a GPT-2 as a Hugging Face folder: `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// Another family, a device that does not deliver the weights, a file that cannot be
    /// written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), LlmError> {
        let (folder, config) = (folder.as_ref(), self.config());
        let (family, expected) = (config.family, "gpt2, the only one that is written");
        require("family", family == Family::Gpt2, expected, format!("{family:?}"))?;
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let path = folder.join(CONFIG);
        std::fs::write(&path, format!("{:#}\n", hf_config(config))).map_err(io(&path))?;
        let mut tensors = Tensors::default();
        tensors.add("wte.weight".into(), self.tokens.weight.val())?;
        if let Some(positions) = &self.backbone.positions {
            tensors.add("wpe.weight".into(), positions.weight.val())?;
        }
        for (i, block) in self.backbone.blocks.iter().enumerate() {
            tensors.add_block(&format!("h.{i}"), block)?;
        }
        if let Some(norm) = &self.backbone.norm {
            tensors.add_norm("ln_f", norm)?;
        }
        if let Some(output) = &self.output {
            tensors.add("lm_head.weight".into(), output.weight.val())?;
        }
        let path = folder.join(WEIGHTS);
        tensors.write(&path)
    }
}

fn hf_config(config: &LlmConfig) -> serde_json::Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": match config.activation {
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_new",
            Activation::Silu => "silu",
            Activation::Relu => "relu",
        },
        "vocab_size": config.vocabulary,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.feed_forward,
        "n_positions": config.positions,
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.tied,
    })
}

#[derive(Default)]
struct Tensors(Vec<(String, TensorData)>);

impl Tensors {
    fn add<const D: usize>(&mut self, name: String, tensor: Tensor<D>) -> Result<(), LlmError> {
        let data = tensor
            .try_into_data()
            .map_err(|error| LlmError::Device { name: name.clone(), reason: error.to_string() })?;
        self.0.push((name, data.convert::<f32>()));
        Ok(())
    }

    fn add_norm(&mut self, name: &str, norm: &Norm) -> Result<(), LlmError> {
        let Norm::Layer(LayerNorm { gamma, beta, .. }) = norm else { return Ok(()) };
        self.add(format!("{name}.weight"), gamma.val())?;
        beta.iter().try_for_each(|beta| self.add(format!("{name}.bias"), beta.val()))
    }

    /// Side by side as one `[in, out]` Conv1D of GPT-2.
    fn add_conv(&mut self, name: &str, linears: &[&Linear]) -> Result<(), LlmError> {
        let weights = linears.iter().map(|linear| linear.weight.val()).collect();
        self.add(format!("{name}.weight"), Tensor::cat(weights, 1))?;
        let biases = linears.iter().filter_map(|linear| Some(linear.bias.as_ref()?.val()));
        self.add(format!("{name}.bias"), Tensor::cat(biases.collect(), 0))
    }

    fn add_block(&mut self, name: &str, block: &Block) -> Result<(), LlmError> {
        let (attention, feed_forward) = (&block.attention, &block.feed_forward);
        self.add_norm(&format!("{name}.ln_1"), &block.norm_attention)?;
        self.add_norm(&format!("{name}.ln_2"), &block.norm_feed_forward)?;
        let qkv = [&attention.query.base, &attention.key.base, &attention.value.base];
        self.add_conv(&format!("{name}.attn.c_attn"), &qkv)?;
        self.add_conv(&format!("{name}.attn.c_proj"), &[&attention.output.base])?;
        self.add_conv(&format!("{name}.mlp.c_fc"), &[&feed_forward.up.base])?;
        self.add_conv(&format!("{name}.mlp.c_proj"), &[&feed_forward.down.base])
    }

    fn write(&self, path: &Path) -> Result<(), LlmError> {
        let wrong =
            |source: SafeTensorError| LlmError::Format { path: path.into(), source: source.into() };
        let views = self.0.iter().map(|(name, data)| {
            let shape = data.shape().to_vec();
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape, data.as_bytes())?))
        });
        let views: Vec<_> = views.collect::<Result<_, _>>().map_err(wrong)?;
        serialize_to_file(views, None, path).map_err(wrong)
    }
}
