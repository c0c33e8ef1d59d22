use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig};
use burn::tensor::activation::{gelu, relu, sigmoid, silu, softmax};
use burn::tensor::{Bool, Device, Tensor};

use crate::transformer::adapter::{LoraConfig, Projection, Target};
use crate::transformer::config::{Activation, Family, LlmConfig};
use crate::transformer::rotary::{Rotary, RotaryCache};

/// The norm of a family.
#[derive(Module, Debug)]
pub(crate) enum Norm {
    /// GPT-2 and BERT.
    Layer(LayerNorm),
    /// Llama.
    Rms(RmsNorm),
}

impl Norm {
    pub(crate) fn new(config: &LlmConfig, device: &Device) -> Self {
        let (width, eps) = (config.width, config.norm_eps);
        match config.family {
            Family::Gpt2 | Family::Bert => {
                Self::Layer(LayerNormConfig::new(width).with_epsilon(eps).init(device))
            }
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

/// State that all blocks of one forward pass share.
pub(crate) struct Shared {
    rotary: Option<Rotary>,
    /// `true` where attention is masked out, `[1, 1, L, L]`.
    mask: Option<Tensor<4, Bool>>,
}

impl Shared {
    /// For a pass of `x`, `[B, L, D]`.
    pub(crate) fn new(
        config: &LlmConfig,
        causal: bool,
        x: &Tensor<3>,
        tables: &RotaryCache,
    ) -> Self {
        let ([_, length, _], device) = (x.dims(), &x.device());
        let rotary = (config.family == Family::Llama)
            .then(|| tables.get(config, (length, device.clone(), x.dtype())));
        let mask =
            causal.then(|| Tensor::<2, Bool>::tril_mask([length, length], 0, device).unsqueeze());
        Self { rotary, mask }
    }
}

/// Multi-head self-attention; with fewer key than query heads, grouped (Ainslie
/// et al. 2023).
#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub(crate) query: Projection,
    pub(crate) key: Projection,
    pub(crate) value: Projection,
    pub(crate) output: Projection,
    /// Norm of each head's query and key (Qwen3).
    pub(crate) qk_norm: Option<(RmsNorm, RmsNorm)>,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
}

impl Attention {
    fn new(config: &LlmConfig, device: &Device) -> Self {
        let always = config.family != Family::Llama;
        let (qkv_bias, output_bias) = (always || config.qkv_bias, always || config.output_bias);
        let (width, head_width) = (config.width, config.head_width());
        let (inner, kv) = (config.heads * head_width, config.kv_heads * head_width);
        let norm = || RmsNormConfig::new(head_width).with_epsilon(config.norm_eps).init(device);
        Self {
            query: Projection::new(width, inner, qkv_bias, device),
            key: Projection::new(width, kv, qkv_bias, device),
            value: Projection::new(width, kv, qkv_bias, device),
            output: Projection::new(inner, width, output_bias, device),
            qk_norm: config.qk_norm.then(|| (norm(), norm())),
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_width,
        }
    }

    fn forward(&self, x: Tensor<3>, shared: &Shared) -> Tensor<3> {
        let ([b, l, _], width) = (x.dims(), self.head_width);
        let split = |x: Tensor<3>, heads: usize| x.reshape([b, l, heads, width]).swap_dims(1, 2);
        let mut query = split(self.query.forward(x.clone()), self.heads);
        let mut key = split(self.key.forward(x.clone()), self.kv_heads);
        let value = split(self.value.forward(x), self.kv_heads);
        if let Some((of_query, of_key)) = &self.qk_norm {
            (query, key) = (of_query.forward(query), of_key.forward(key));
        }
        if let Some(rotary) = &shared.rotary {
            (query, key) = (rotary.rotate(query), rotary.rotate(key));
        }
        let group = self.heads / self.kv_heads;
        let (key, value) = (repeat_heads(key, group), repeat_heads(value, group));
        let mut scores = query.matmul(key.transpose()).div_scalar((width as f64).sqrt());
        if let Some(mask) = &shared.mask {
            scores = scores.mask_fill(mask.clone().expand([b, self.heads, l, l]), -1e9);
        }
        let mixed = softmax(scores, 3).matmul(value);
        self.output.forward(mixed.swap_dims(1, 2).reshape([b, l, self.heads * width]))
    }
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

/// Two layers around a non-linearity, with a gate beside the first in Llama (SwiGLU;
/// Shazeer 2020).
#[derive(Module, Debug)]
pub(crate) struct FeedForward {
    pub(crate) gate: Option<Projection>,
    pub(crate) up: Projection,
    pub(crate) down: Projection,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    fn new(config: &LlmConfig, device: &Device) -> Self {
        let (width, inner) = (config.width, config.feed_forward);
        let gated = config.family == Family::Llama;
        let bias = !gated || config.feed_forward_bias;
        Self {
            gate: gated.then(|| Projection::new(width, inner, bias, device)),
            up: Projection::new(width, inner, bias, device),
            down: Projection::new(inner, width, bias, device),
            activation: config.activation,
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match &self.gate {
            Some(gate) => self.activation.of(gate.forward(x.clone())) * self.up.forward(x),
            None => self.activation.of(self.up.forward(x)),
        };
        self.down.forward(inner)
    }
}

impl Activation {
    fn of(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_tanh(x),
            Self::Silu => silu(x),
            Self::Relu => relu(x),
        }
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

/// A Transformer block: norms before its parts, or after them in BERT.
#[derive(Module, Debug)]
pub(crate) struct Block {
    pub(crate) norm_attention: Norm,
    pub(crate) attention: Attention,
    pub(crate) norm_feed_forward: Norm,
    pub(crate) feed_forward: FeedForward,
    norm_last: bool,
}

impl Block {
    pub(crate) fn new(config: &LlmConfig, device: &Device) -> Self {
        Self {
            norm_attention: Norm::new(config, device),
            attention: Attention::new(config, device),
            norm_feed_forward: Norm::new(config, device),
            feed_forward: FeedForward::new(config, device),
            norm_last: config.family == Family::Bert,
        }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, shared: &Shared) -> Tensor<3> {
        if self.norm_last {
            let mixed = x.clone() + self.attention.forward(x, shared);
            let x = self.norm_attention.forward(mixed);
            return self.norm_feed_forward.forward(x.clone() + self.feed_forward.forward(x));
        }
        let x = x.clone() + self.attention.forward(self.norm_attention.forward(x), shared);
        x.clone() + self.feed_forward.forward(self.norm_feed_forward.forward(x))
    }

    /// Freezes all but the norms.
    pub(crate) fn only_norms(mut self) -> Self {
        self.attention = self.attention.no_grad();
        self.feed_forward = self.feed_forward.no_grad();
        self
    }

    /// LoRA on the chosen layers; all else frozen.
    pub(crate) fn with_lora(self, lora: &LoraConfig, device: &Device) -> Self {
        let mut block = self.no_grad();
        for target in &lora.targets {
            if let Some(projection) = block.projection(*target) {
                projection.add_lora(lora, device);
            }
        }
        block
    }

    /// Puts what LoRA learned into the layers.
    pub(crate) fn merged(mut self) -> Self {
        for target in Target::ALL {
            if let Some(projection) = self.projection(target) {
                projection.merge();
            }
        }
        self
    }

    fn projection(&mut self, target: Target) -> Option<&mut Projection> {
        let (attention, feed_forward) = (&mut self.attention, &mut self.feed_forward);
        match target {
            Target::Query => Some(&mut attention.query),
            Target::Key => Some(&mut attention.key),
            Target::Value => Some(&mut attention.value),
            Target::Output => Some(&mut attention.output),
            Target::Gate => feed_forward.gate.as_mut(),
            Target::Up => Some(&mut feed_forward.up),
            Target::Down => Some(&mut feed_forward.down),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As if LoRA had learned something everywhere.
    pub(crate) fn learn(block: &mut Block, device: &Device) {
        for target in Target::ALL {
            if let Some(projection) = block.projection(target) {
                projection.learn(device);
            }
        }
    }
}
