use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig};
use burn::tensor::activation::{sigmoid, silu, softmax};
use burn::tensor::{Bool, Device, Tensor};

use crate::{Family, LlmConfig, LoraConfig, Projection};

/// The norm of a family.
#[derive(Module, Debug)]
pub enum Norm {
    /// GPT-2.
    Layer(LayerNorm),
    /// Llama.
    Rms(RmsNorm),
}

impl Norm {
    pub(crate) fn new(config: &LlmConfig, device: &Device) -> Self {
        let (width, eps) = (config.width, config.norm_eps);
        match config.family {
            Family::Gpt2 => Self::Layer(LayerNormConfig::new(width).with_epsilon(eps).init(device)),
            Family::Llama => Self::Rms(RmsNormConfig::new(width).with_epsilon(eps).init(device)),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}

/// What all blocks of one forward pass share.
pub(crate) struct Shared {
    /// Cosines and sines of the rotary code, `[1, 1, L, head width]`.
    rotary: Option<(Tensor<4>, Tensor<4>)>,
    /// `true` where attention is masked out, `[1, 1, L, L]`.
    mask: Option<Tensor<4, Bool>>,
}

impl Shared {
    pub(crate) fn new(config: &LlmConfig, length: usize, causal: bool, device: &Device) -> Self {
        let rotary = (config.family == Family::Llama).then(|| {
            let half = config.head_width() / 2;
            let angle = |i: usize| {
                let (position, pair) = (i / (2 * half), i % half);
                position as f64 * config.rope_theta.powf(-(pair as f64) / half as f64)
            };
            let table = |f: fn(f64) -> f64| {
                let values: Vec<f32> = (0..length * 2 * half).map(|i| f(angle(i)) as f32).collect();
                Tensor::<1>::from_floats(values.as_slice(), device).reshape([
                    1,
                    1,
                    length,
                    2 * half,
                ])
            };
            (table(f64::cos), table(f64::sin))
        });
        let mask =
            causal.then(|| Tensor::<2, Bool>::tril_mask([length, length], 0, device).unsqueeze());
        Self { rotary, mask }
    }
}

/// Multi-head self-attention; with fewer key than query heads, grouped (Ainslie
/// et al. 2023).
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) query: Projection,
    pub(crate) key: Projection,
    pub(crate) value: Projection,
    pub(crate) output: Projection,
    heads: usize,
    kv_heads: usize,
}

impl Attention {
    fn new(config: &LlmConfig, device: &Device) -> Self {
        let bias = config.family == Family::Gpt2;
        let (width, kv) = (config.width, config.kv_heads * config.head_width());
        let projection = |output| Projection::new(width, output, bias, device);
        Self {
            query: projection(width),
            key: projection(kv),
            value: projection(kv),
            output: projection(width),
            heads: config.heads,
            kv_heads: config.kv_heads,
        }
    }

    fn forward(&self, x: Tensor<3>, shared: &Shared) -> Tensor<3> {
        let [b, l, d] = x.dims();
        let width = d / self.heads;
        let split = |x: Tensor<3>, heads: usize| x.reshape([b, l, heads, width]).swap_dims(1, 2);
        let mut query = split(self.query.forward(x.clone()), self.heads);
        let mut key = split(self.key.forward(x.clone()), self.kv_heads);
        let value = split(self.value.forward(x), self.kv_heads);
        if let Some((cos, sin)) = &shared.rotary {
            query = rotate(query, cos, sin);
            key = rotate(key, cos, sin);
        }
        let group = self.heads / self.kv_heads;
        let (key, value) = (repeat_heads(key, group), repeat_heads(value, group));
        let mut scores = query.matmul(key.transpose()).div_scalar((width as f64).sqrt());
        if let Some(mask) = &shared.mask {
            scores = scores.mask_fill(mask.clone().expand([b, self.heads, l, l]), -1e9);
        }
        let mixed = softmax(scores, 3).matmul(value);
        self.output.forward(mixed.swap_dims(1, 2).reshape([b, l, d]))
    }
}

/// Rotary position code in the half-split layout of Hugging Face weights.
fn rotate(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let (first, second) = (x.clone().narrow(3, 0, half), x.clone().narrow(3, half, half));
    x * cos.clone() + Tensor::cat(vec![second.neg(), first], 3) * sin.clone()
}

fn repeat_heads(x: Tensor<4>, group: usize) -> Tensor<4> {
    if group == 1 {
        return x;
    }
    let [b, heads, l, width] = x.dims();
    x.unsqueeze_dim::<5>(2).expand([b, heads, group, l, width]).reshape([
        b,
        heads * group,
        l,
        width,
    ])
}

/// Two layers around a GELU in its tanh form (GPT-2), or SwiGLU with a gate
/// beside the first (Llama; Shazeer 2020).
#[derive(Module, Debug)]
pub struct FeedForward {
    pub(crate) gate: Option<Projection>,
    pub(crate) up: Projection,
    pub(crate) down: Projection,
}

impl FeedForward {
    fn new(config: &LlmConfig, device: &Device) -> Self {
        let (width, inner) = (config.width, config.feed_forward);
        let bias = config.family == Family::Gpt2;
        let gated = config.family == Family::Llama;
        Self {
            gate: gated.then(|| Projection::new(width, inner, bias, device)),
            up: Projection::new(width, inner, bias, device),
            down: Projection::new(inner, width, bias, device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match &self.gate {
            Some(gate) => silu(gate.forward(x.clone())) * self.up.forward(x),
            None => gelu_tanh(self.up.forward(x)),
        };
        self.down.forward(inner)
    }
}

/// GELU in its tanh form, `x (1 + tanh(u)) / 2` with `u = sqrt(2/pi) (x + 0.044715 x^3)`
/// (Hendrycks & Gimpel 2016), written as the equal `x sigmoid(2u)`: on a CPU a logistic
/// function and two products cost a fraction of a tanh and a power.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    const TWICE: f64 = FRAC_2_SQRT_PI * SQRT_2;
    let u = (x.clone() * x.clone()).mul_scalar(0.044715 * TWICE).add_scalar(TWICE) * x.clone();
    x * sigmoid(u)
}

/// A pre-norm Transformer block.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) norm_attention: Norm,
    pub(crate) attention: Attention,
    pub(crate) norm_feed_forward: Norm,
    pub(crate) feed_forward: FeedForward,
}

impl Block {
    pub(crate) fn new(config: &LlmConfig, device: &Device) -> Self {
        Self {
            norm_attention: Norm::new(config, device),
            attention: Attention::new(config, device),
            norm_feed_forward: Norm::new(config, device),
            feed_forward: FeedForward::new(config, device),
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, shared: &Shared) -> Tensor<3> {
        let x = x.clone() + self.attention.forward(self.norm_attention.forward(x), shared);
        x.clone() + self.feed_forward.forward(self.norm_feed_forward.forward(x))
    }

    /// LoRA on queries and values, as in Hu et al.; all else frozen.
    pub(crate) fn with_lora(self, lora: &LoraConfig, device: &Device) -> Self {
        let mut block = self.no_grad();
        block.attention.query = block.attention.query.with_lora(lora, device);
        block.attention.value = block.attention.value.with_lora(lora, device);
        block
    }
}
