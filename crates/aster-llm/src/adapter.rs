use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Low-rank adaptation (Hu et al., ICLR 2022).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoraConfig {
    /// Rank of the update. Default: 4.
    pub rank: usize,
    /// The update is scaled by `alpha / rank`. Default: 8.
    pub alpha: f64,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { rank: 4, alpha: 8.0 }
    }
}

/// A linear layer `x W + b`, optionally with a low-rank update `(x A) B`.
///
/// The factored form is used rather than Burn's built-in `apply_lora`, which
/// materialises `W + A B` at each forward: the backward pass through the factors
/// alone is cheaper.
#[derive(Module, Debug)]
pub struct Projection {
    /// The base layer.
    pub base: Linear,
    down: Option<Param<Tensor<2>>>,
    up: Option<Param<Tensor<2>>>,
    scale: f64,
}

impl Projection {
    pub(crate) fn new(input: usize, output: usize, bias: bool, device: &Device) -> Self {
        // GPT-2's initialisation; Llama's differs in nothing that matters here.
        let initializer = Initializer::Normal { mean: 0.0, std: 0.02 };
        let base = LinearConfig::new(input, output)
            .with_bias(bias)
            .with_initializer(initializer)
            .init(device);
        Self { base, down: None, up: None, scale: 0.0 }
    }

    /// Freezes the base and adds a trainable update, zero at first.
    pub(crate) fn with_lora(mut self, config: &LoraConfig, device: &Device) -> Self {
        let [input, output] = self.base.weight.lazy_shape().dims();
        let initializer = Initializer::Normal { mean: 0.0, std: (1.0 / input as f64).sqrt() };
        self.base = self.base.no_grad();
        self.down = Some(initializer.init([input, config.rank], device));
        self.up = Some(Initializer::Zeros.init([config.rank, output], device));
        self.scale = config.alpha / config.rank as f64;
        self
    }

    /// # Shapes
    /// `[B, L, input]` to `[B, L, output]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match (&self.down, &self.up) {
            (Some(down), Some(up)) => {
                // `linear` folds the batch into rows, where `matmul` would run once per window.
                let update = linear(linear(x.clone(), down.val(), None), up.val(), None);
                self.base.forward(x) + update.mul_scalar(self.scale)
            }
            _ => self.base.forward(x),
        }
    }
}
