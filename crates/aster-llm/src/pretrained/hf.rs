//! `config.json` of the Hugging Face hub.

use aster_base::{SettingError, require};
use serde::Deserialize;

use crate::error::LlmError;
use crate::transformer::{Activation, Family, LlmConfig, RopeScaling};

/// The fields of the families that can be read.
#[derive(Deserialize)]
pub(crate) struct HfConfig {
    model_type: String,
    vocab_size: Option<usize>,
    // GPT-2 names.
    n_embd: Option<usize>,
    n_layer: Option<usize>,
    n_head: Option<usize>,
    n_inner: Option<usize>,
    n_positions: Option<usize>,
    layer_norm_epsilon: Option<f64>,
    activation_function: Option<String>,
    // Llama, Qwen and BERT names.
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    layer_norm_eps: Option<f64>,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    rope_theta: Option<f64>,
    #[serde(alias = "rope_parameters")]
    rope_scaling: Option<HfRope>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

#[derive(Deserialize)]
struct HfRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    attention_factor: Option<f64>,
}

impl HfConfig {
    pub(crate) fn read(self) -> Result<LlmConfig, LlmError> {
        let config = match self.model_type.as_str() {
            "gpt2" => self.gpt2(),
            "llama" | "qwen2" | "qwen3" => self.llama(),
            "bert" => self.bert(),
            _ => return Err(LlmError::UnknownFamily { got: self.model_type }),
        }?;
        config.check()?;
        Ok(config)
    }

    fn gpt2(&self) -> Result<LlmConfig, LlmError> {
        let width = size("n_embd", self.n_embd)?;
        let heads = size("n_head", self.n_head)?;
        Ok(LlmConfig {
            family: Family::Gpt2,
            vocabulary: size("vocab_size", self.vocab_size)?,
            width,
            layers: size("n_layer", self.n_layer)?,
            heads,
            kv_heads: heads,
            feed_forward: self.n_inner.unwrap_or(width.saturating_mul(4)),
            positions: size("n_positions", self.n_positions)?,
            norm_eps: self.layer_norm_epsilon.unwrap_or(1e-5),
            activation: activation(self.activation_function.as_deref().unwrap_or("gelu_new"))?,
            tied: self.tie_word_embeddings.unwrap_or(true),
            ..Default::default()
        })
    }

    fn llama(&self) -> Result<LlmConfig, LlmError> {
        let width = size("hidden_size", self.hidden_size)?;
        let heads = size("num_attention_heads", self.num_attention_heads)?;
        let positions = size("max_position_embeddings", self.max_position_embeddings)?;
        let (qwen2, qwen3) = (self.model_type == "qwen2", self.model_type == "qwen3");
        let biased = self.attention_bias.unwrap_or(false);
        let theta = self.rope_scaling.as_ref().and_then(|rope| rope.rope_theta);
        Ok(LlmConfig {
            family: Family::Llama,
            vocabulary: size("vocab_size", self.vocab_size)?,
            width,
            layers: size("num_hidden_layers", self.num_hidden_layers)?,
            heads,
            kv_heads: self.num_key_value_heads.unwrap_or(heads),
            // transformers' default for Qwen3 is a number, not a share of the width.
            head_width: self.head_dim.or(qwen3.then_some(128)),
            feed_forward: size("intermediate_size", self.intermediate_size)?,
            positions,
            norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            activation: activation(self.hidden_act.as_deref().unwrap_or("silu"))?,
            rope_theta: self.rope_theta.or(theta).unwrap_or(1e4),
            rope_scaling: match &self.rope_scaling {
                Some(rope) => rope.read(positions)?,
                None => RopeScaling::None,
            },
            qkv_bias: qwen2 || biased,
            output_bias: !qwen2 && biased,
            feed_forward_bias: self.mlp_bias.unwrap_or(false),
            qk_norm: qwen3,
            tied: self.tie_word_embeddings.unwrap_or(false),
        })
    }

    fn bert(&self) -> Result<LlmConfig, LlmError> {
        let width = size("hidden_size", self.hidden_size)?;
        let heads = size("num_attention_heads", self.num_attention_heads)?;
        let kind = self.position_embedding_type.as_deref().unwrap_or("absolute");
        require("position_embedding_type", kind == "absolute", "absolute", kind)?;
        Ok(LlmConfig {
            family: Family::Bert,
            vocabulary: size("vocab_size", self.vocab_size)?,
            width,
            layers: size("num_hidden_layers", self.num_hidden_layers)?,
            heads,
            kv_heads: heads,
            feed_forward: size("intermediate_size", self.intermediate_size)?,
            positions: size("max_position_embeddings", self.max_position_embeddings)?,
            norm_eps: self.layer_norm_eps.unwrap_or(1e-12),
            activation: activation(self.hidden_act.as_deref().unwrap_or("gelu"))?,
            ..Default::default()
        })
    }
}

impl HfRope {
    fn read(&self, positions: usize) -> Result<RopeScaling, LlmError> {
        let kind = self.rope_type.as_deref().unwrap_or("default");
        let original = self.original_max_position_embeddings;
        let factor = || number("factor", self.factor);
        match kind {
            "default" | "dynamic" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: factor()? }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: factor()?,
                low: number("low_freq_factor", self.low_freq_factor)?,
                high: number("high_freq_factor", self.high_freq_factor)?,
                original: number("original_max_position_embeddings", original)?,
            }),
            "yarn" => Ok(RopeScaling::Yarn {
                factor: factor()?,
                fast: self.beta_fast.unwrap_or(32.0),
                slow: self.beta_slow.unwrap_or(1.0),
                original: original.unwrap_or(positions as f64),
                attention: self.attention_factor.unwrap_or(0.1 * factor()?.ln() + 1.0),
            }),
            _ => {
                let expected = "one of default, linear, dynamic, llama3, yarn";
                Err(SettingError::new("rope_type", expected, kind).into())
            }
        }
    }
}

fn size(name: &'static str, value: Option<usize>) -> Result<usize, LlmError> {
    value.ok_or_else(|| SettingError::new(name, "a size in config.json", "nothing").into())
}

fn number(name: &'static str, value: Option<f64>) -> Result<f64, LlmError> {
    let expected = "a number above 0 in rope_scaling";
    let value = value.filter(|value| *value > 0.0);
    value.ok_or_else(|| SettingError::new(name, expected, "nothing").into())
}

fn activation(name: &str) -> Result<Activation, LlmError> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "silu" | "swish" => Ok(Activation::Silu),
        "relu" => Ok(Activation::Relu),
        _ => {
            let expected = "one of gelu, gelu_new, gelu_pytorch_tanh, silu, relu";
            Err(SettingError::new("activation", expected, name).into())
        }
    }
}
