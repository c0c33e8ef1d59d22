use aster_base::{SettingError, at_least_one, positive, share_below_one};
use burn::module::{Initializer, Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Linear layer of a Transformer block that LoRA can update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Queries of attention.
    Query,
    /// Keys of attention.
    Key,
    /// Values of attention.
    Value,
    /// Output of attention.
    Output,
    /// The gate of a SwiGLU; a family without one has nothing there.
    Gate,
    /// First layer of the feed-forward part.
    Up,
    /// Last layer of the feed-forward part.
    Down,
}

impl Target {
    /// All, in the order of a block.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];
}

/// Hyperparameters of low-rank adaptation (LoRA; Hu et al., ICLR 2022).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the update. Default: 4.
    pub rank: usize,
    /// The update is scaled by `alpha / rank`. Default: 8.
    pub alpha: f64,
    /// Scale by `alpha / sqrt(rank)` instead (rsLoRA, Kalajdzievski 2023). Default: `false`.
    pub rank_stabilized: bool,
    /// Share of the update's inputs that training sets to zero, in [0, 1). The device
    /// draws them: training no longer repeats bit for bit. Default: 0.
    pub dropout: f64,
    /// The layers that are updated. Default: queries and values, as in the paper.
    pub targets: Vec<Target>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 4,
            alpha: 8.0,
            rank_stabilized: false,
            dropout: 0.0,
            targets: vec![Target::Query, Target::Value],
        }
    }
}

impl LoraConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A rank of zero, no target, a scale of zero, dropout outside [0, 1).
    pub fn check(&self) -> Result<(), SettingError> {
        at_least_one("rank", self.rank)?;
        positive("alpha", self.alpha)?;
        at_least_one("targets", self.targets.len())?;
        share_below_one("dropout", self.dropout)
    }

    fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }
}

/// A linear layer `x W + b`, optionally with a low-rank update `scale (x A) B`.
///
/// The factored form is used rather than Burn's built-in `apply_lora`, which
/// materialises `W + A B` at each forward: the backward pass through the factors
/// alone is cheaper (`cargo bench --bench llm`).
#[derive(Module, Debug)]
pub(crate) struct Projection {
    /// The base layer.
    pub base: Linear,
    lora: Option<Lora>,
}

#[derive(Module, Debug)]
struct Lora {
    lora_a: Param<Tensor<2>>,
    lora_b: Param<Tensor<2>>,
    dropout: Dropout,
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
        Self { base, lora: None }
    }

    /// Adds a trainable update, zero at first.
    pub(crate) fn add_lora(&mut self, config: &LoraConfig, device: &Device) {
        let [input, output] = self.base.weight.lazy_shape().dims();
        let initializer = Initializer::Normal { mean: 0.0, std: (1.0 / input as f64).sqrt() };
        self.lora = Some(Lora {
            lora_a: initializer.init([input, config.rank], device),
            lora_b: Initializer::Zeros.init([config.rank, output], device),
            dropout: DropoutConfig::new(config.dropout).init(),
            scale: config.scale(),
        });
    }

    /// Puts the update into the base layer.
    pub(crate) fn merge(&mut self) {
        if let Some(Lora { lora_a, lora_b, scale, .. }) = self.lora.take() {
            let update = lora_a.val().matmul(lora_b.val()).mul_scalar(scale);
            self.base.weight = self.base.weight.clone().map(|weight| weight + update);
        }
    }

    /// # Shapes
    /// `[B, L, input]` to `[B, L, output]`.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let Some(Lora { lora_a, lora_b, dropout, scale }) = &self.lora else {
            return self.base.forward(x);
        };
        // `linear` folds the batch into rows, where `matmul` would run once per window.
        let down = linear(dropout.forward(x.clone()), lora_a.val(), None);
        self.base.forward(x) + linear(down, lora_b.val(), None).mul_scalar(*scale)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    impl Projection {
        pub(crate) fn learn(&mut self, device: &Device) {
            if let Some(lora) = &mut self.lora {
                let normal = Distribution::Normal(0.0, 0.1);
                let shape: [usize; 2] = lora.lora_b.lazy_shape().dims();
                lora.lora_b = Param::from_tensor(Tensor::random(shape, normal, device));
            }
        }
    }

    #[test]
    fn the_update_is_scaled_by_rank_or_by_its_root() {
        let config = LoraConfig { rank: 16, alpha: 8.0, ..Default::default() };
        assert_eq!(config.scale(), 0.5);
        assert_eq!(LoraConfig { rank_stabilized: true, ..config.clone() }.scale(), 2.0);
        assert!(LoraConfig { dropout: 1.0, ..config.clone() }.check().is_err());
        assert!(LoraConfig { targets: vec![], ..config }.check().is_err());
    }
}
