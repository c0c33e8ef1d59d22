use aster_base::{LARGEST, SettingError, at_least_one, positive, require};
use serde::{Deserialize, Serialize};

/// Transformer architecture that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Learned positions, LayerNorm, GELU (Radford et al. 2019).
    Gpt2,
    /// Rotary positions, RMSNorm, SwiGLU, grouped-query attention (Touvron et
    /// al. 2023). Llama 1 to 3, SmolLM2, TinyLlama; Qwen2 and 2.5, which add biases to
    /// queries, keys and values; Qwen3, which norms queries and keys.
    Llama,
    /// A bidirectional encoder with norms after its parts (Devlin et al. 2019): BERT,
    /// MiniLM.
    Bert,
}

/// Non-linearity of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x Phi(x)` (Hendrycks & Gimpel 2016).
    Gelu,
    /// `x Phi(x)` with Phi in its tanh form; `gelu_new` and `gelu_pytorch_tanh` of
    /// Hugging Face.
    GeluTanh,
    /// `x sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// Scaling of rotary frequencies for contexts longer than those of pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// Not at all. So is Hugging Face's `dynamic` up to the model's positions.
    #[default]
    None,
    /// All by the same factor (Chen et al. 2023).
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low frequencies by a factor, high ones not at all (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Waves longer than `original / low` are low.
        low: f64,
        /// Waves shorter than `original / high` are high.
        high: f64,
        /// Positions of pre-training.
        original: f64,
    },
    /// Low frequencies by a factor, high ones not at all, with a linear ramp between, and a
    /// temperature (YaRN, Peng et al. 2023).
    Yarn {
        /// The factor.
        factor: f64,
        /// Rotations over the original context above which a frequency stays.
        fast: f64,
        /// Rotations below which it is divided by the factor.
        slow: f64,
        /// Positions of pre-training.
        original: f64,
        /// Factor on cosines and sines.
        attention: f64,
    },
}

/// Shape of a Transformer language model. Defaults are those of a tiny GPT-2 that trains on a
/// CPU (ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// Architecture. Default: GPT-2.
    pub family: Family,
    /// Vocabulary size V. Default: 512.
    pub vocabulary: usize,
    /// Width (hidden size). Default: 64.
    pub width: usize,
    /// Number of blocks. Default: 4.
    pub layers: usize,
    /// Attention heads. Default: 4.
    pub heads: usize,
    /// Key and value heads; fewer than `heads` in grouped-query attention.
    /// Default: 4.
    pub kv_heads: usize,
    /// Width of one head. Default: the width's share.
    pub head_width: Option<usize>,
    /// Hidden size of the feed-forward layers. Default: 256.
    pub feed_forward: usize,
    /// Longest sequence. Default: 512.
    pub positions: usize,
    /// Added to the variance in the norms. Default: 1e-5.
    pub norm_eps: f64,
    /// Non-linearity. Default: GELU in its tanh form.
    pub activation: Activation,
    /// Base of the rotary frequencies; Llama only. Default: 10000.
    pub rope_theta: f64,
    /// Their scaling; Llama only. Default: none.
    pub rope_scaling: RopeScaling,
    /// Whether queries, keys and values have biases; Llama only. Default: `false`.
    pub qkv_bias: bool,
    /// Whether the output of attention has a bias; Llama only. Default: `false`.
    pub output_bias: bool,
    /// Whether the feed-forward part has biases; Llama only. Default: `false`.
    pub feed_forward_bias: bool,
    /// Whether queries and keys are normed per head; Llama only. Default: `false`.
    pub qk_norm: bool,
    /// Whether logits are products with the token embeddings; else there is an output
    /// layer. Default: `true`.
    pub tied: bool,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            family: Family::Gpt2,
            vocabulary: 512,
            width: 64,
            layers: 4,
            heads: 4,
            kv_heads: 4,
            head_width: None,
            feed_forward: 256,
            positions: 512,
            norm_eps: 1e-5,
            activation: Activation::GeluTanh,
            rope_theta: 1e4,
            rope_scaling: RopeScaling::None,
            qkv_bias: false,
            output_bias: false,
            feed_forward_bias: false,
            qk_norm: false,
            tied: true,
        }
    }
}

impl LlmConfig {
    /// Width of one attention head.
    pub fn head_width(&self) -> usize {
        self.head_width.unwrap_or(self.width / self.heads.max(1))
    }

    /// Checks that the sizes are possible and divide where they must.
    ///
    /// # Errors
    /// The first size that does not.
    pub fn check(&self) -> Result<(), SettingError> {
        for (name, size) in [
            ("vocabulary", self.vocabulary),
            ("width", self.width),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_width", self.head_width()),
            ("feed_forward", self.feed_forward),
            ("positions", self.positions),
        ] {
            at_least_one(name, size)?;
        }
        require("layers", self.layers <= 1000, "at most 1000", self.layers)?;
        positive("norm_eps", self.norm_eps)?;
        let inner = self.heads * self.head_width();
        let fits = inner <= LARGEST;
        require("heads times head_width", fits, format!("at most {LARGEST}"), inner)?;
        let grouped = self.heads.is_multiple_of(self.kv_heads);
        let expected = format!("a divisor of {} heads", self.heads);
        require("kv_heads", grouped, expected, self.kv_heads)?;
        match self.family {
            Family::Llama => {
                let width = self.head_width();
                require("head_width", width.is_multiple_of(2), "an even number", width)
            }
            Family::Gpt2 | Family::Bert => {
                let expected = format!("heads times head_width, {inner}");
                require("width", self.width == inner, expected, self.width)
            }
        }
    }
}
