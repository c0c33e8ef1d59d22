use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::LlmError;

/// The architectures that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Learned positions, LayerNorm, GELU (Radford et al. 2019).
    Gpt2,
    /// Rotary positions, RMSNorm, SwiGLU, grouped-query attention (Touvron et
    /// al. 2023).
    Llama,
}

/// The shape of a pre-norm decoder. Defaults are those of a tiny model that
/// trains on a CPU (ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LlmConfig {
    /// Architecture. Default: GPT-2.
    pub family: Family,
    /// Vocabulary size V. Default: 512.
    pub vocabulary: usize,
    /// Width. Default: 64.
    pub width: usize,
    /// Number of blocks. Default: 4.
    pub layers: usize,
    /// Attention heads. Default: 4.
    pub heads: usize,
    /// Key and value heads; fewer than `heads` in grouped-query attention.
    /// Default: 4.
    pub kv_heads: usize,
    /// Inner width of the feed-forward part. Default: 256.
    pub feed_forward: usize,
    /// Longest sequence of learned positions. Default: 512.
    pub positions: usize,
    /// Added to the variance in the norms. Default: 1e-5.
    pub norm_eps: f64,
    /// Base of the rotary frequencies; Llama only. Default: 10000.
    pub rope_theta: f64,
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
            feed_forward: 256,
            positions: 512,
            norm_eps: 1e-5,
            rope_theta: 1e4,
        }
    }
}

/// The fields of a Hugging Face `config.json` that the two families use.
#[derive(Deserialize)]
struct HfConfig {
    model_type: String,
    vocab_size: Option<usize>,
    // GPT-2 names.
    n_embd: Option<usize>,
    n_layer: Option<usize>,
    n_head: Option<usize>,
    n_inner: Option<usize>,
    n_positions: Option<usize>,
    layer_norm_epsilon: Option<f64>,
    // Llama names.
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
}

impl LlmConfig {
    /// Reads `config.json` of a Hugging Face folder.
    ///
    /// # Errors
    /// A missing or malformed file, an unknown `model_type`, a size that is
    /// missing or does not divide.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self, LlmError> {
        let path = folder.as_ref().join("config.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| LlmError::Io { path: path.clone(), source })?;
        let hf: HfConfig =
            serde_json::from_str(&text).map_err(|source| LlmError::Config { path, source })?;
        let size = |name, value: Option<usize>| {
            value.ok_or_else(|| LlmError::Setting {
                name,
                expected: "a size in config.json".into(),
                got: "nothing".into(),
            })
        };
        let config = match hf.model_type.as_str() {
            "gpt2" => {
                let width = size("n_embd", hf.n_embd)?;
                let heads = size("n_head", hf.n_head)?;
                Self {
                    family: Family::Gpt2,
                    vocabulary: size("vocab_size", hf.vocab_size)?,
                    width,
                    layers: size("n_layer", hf.n_layer)?,
                    heads,
                    kv_heads: heads,
                    feed_forward: hf.n_inner.unwrap_or(4 * width),
                    positions: size("n_positions", hf.n_positions)?,
                    norm_eps: hf.layer_norm_epsilon.unwrap_or(1e-5),
                    rope_theta: 1e4,
                }
            }
            "llama" => {
                let heads = size("num_attention_heads", hf.num_attention_heads)?;
                Self {
                    family: Family::Llama,
                    vocabulary: size("vocab_size", hf.vocab_size)?,
                    width: size("hidden_size", hf.hidden_size)?,
                    layers: size("num_hidden_layers", hf.num_hidden_layers)?,
                    heads,
                    kv_heads: hf.num_key_value_heads.unwrap_or(heads),
                    feed_forward: size("intermediate_size", hf.intermediate_size)?,
                    positions: size("max_position_embeddings", hf.max_position_embeddings)?,
                    norm_eps: hf.rms_norm_eps.unwrap_or(1e-6),
                    rope_theta: hf.rope_theta.unwrap_or(1e4),
                }
            }
            _ => return Err(LlmError::UnknownFamily { got: hf.model_type }),
        };
        config.check()?;
        Ok(config)
    }

    /// Width of one attention head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Checks that the sizes are positive and divide where they must.
    ///
    /// # Errors
    /// [`LlmError::Setting`] for the first that does not.
    pub fn check(&self) -> Result<(), LlmError> {
        for (name, size) in [
            ("vocabulary", self.vocabulary),
            ("width", self.width),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("feed_forward", self.feed_forward),
            ("positions", self.positions),
        ] {
            require(name, size, size > 0, "at least 1")?;
        }
        let divisor = if self.family == Family::Llama { 2 * self.heads } else { self.heads };
        let multiple = self.width.is_multiple_of(divisor);
        require("width", self.width, multiple, &format!("a multiple of {divisor} (heads)"))?;
        let grouped = self.heads.is_multiple_of(self.kv_heads);
        require("kv_heads", self.kv_heads, grouped, &format!("a divisor of {} heads", self.heads))
    }
}

pub(crate) fn require(
    name: &'static str,
    got: usize,
    holds: bool,
    expected: &str,
) -> Result<(), LlmError> {
    match holds {
        true => Ok(()),
        false => Err(LlmError::Setting { name, expected: expected.into(), got: got.to_string() }),
    }
}
