use aster_base::{SettingError, at_least_one, require, share_below_one};
use burn::module::Module;
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Architecture of the classifier head, as in the paper's ablation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Single linear layer per token.
    Linear,
    /// Two layers per token.
    Mlp,
    /// Tokens attend to each other (paper: the best of the three).
    #[default]
    Transformer,
}

/// Hyperparameters of the classifier head (sizes are ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HeadConfig {
    /// Architecture; linear and MLP are for ablation. Default: Transformer.
    pub kind: HeadKind,
    /// Layers of the Transformer. Default: 2.
    pub layers: usize,
    /// Attention heads of the Transformer. Default: 4.
    pub heads: usize,
    /// Hidden size of the feed-forward layers of MLP and Transformer. Default: 128.
    pub feed_forward: usize,
    /// Dropout of the Transformer, in [0, 1). Default: 0.
    pub dropout: f64,
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self { kind: HeadKind::default(), layers: 2, heads: 4, feed_forward: 128, dropout: 0.0 }
    }
}

impl HeadConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A size of zero, dropout outside [0, 1).
    pub fn check(&self) -> Result<(), SettingError> {
        let layers = (1..=1000).contains(&self.layers);
        require("layers", layers, "1 to 1000", self.layers)?;
        at_least_one("heads", self.heads)?;
        at_least_one("feed_forward", self.feed_forward)?;
        share_below_one("dropout", self.dropout)
    }

    /// Creates a classifier with fresh weights of contexts of width D into `grades` logits per
    /// token.
    ///
    /// # Errors
    /// As [`HeadConfig::check`]; no grade, a width that the heads do not divide.
    pub fn init(
        &self,
        width: usize,
        grades: usize,
        device: &Device,
    ) -> Result<Classifier, SettingError> {
        self.check()?;
        at_least_one("width", width)?;
        at_least_one("grades", grades)?;
        let divides = width.is_multiple_of(self.heads);
        require("heads", divides, format!("a divisor of the width {width}"), self.heads)?;
        let mlp = (self.kind == HeadKind::Mlp).then(|| Mlp {
            up: LinearConfig::new(width, self.feed_forward).init(device),
            down: LinearConfig::new(self.feed_forward, width).init(device),
        });
        let transformer = (self.kind == HeadKind::Transformer).then(|| {
            TransformerEncoderConfig::new(width, self.feed_forward, self.heads, self.layers)
                .with_dropout(self.dropout)
                .with_norm_first(true)
                .init(device)
        });
        let output = LinearConfig::new(width, grades).init(device);
        Ok(Classifier { mlp, transformer, output })
    }
}

/// A body as configured and a linear output layer.
#[derive(Module, Debug)]
pub struct Classifier {
    mlp: Option<Mlp>,
    transformer: Option<TransformerEncoder>,
    output: Linear,
}

#[derive(Module, Debug)]
struct Mlp {
    up: Linear,
    down: Linear,
}

impl Classifier {
    /// # Shapes
    /// Context `[B, L, D]` to logits `[B, L, G]`.
    pub fn forward(&self, context: Tensor<3>) -> Tensor<3> {
        let hidden = match (&self.mlp, &self.transformer) {
            (Some(mlp), _) => mlp.down.forward(gelu(mlp.up.forward(context))),
            (_, Some(body)) => body.forward(TransformerEncoderInput::new(context)),
            (None, None) => context,
        };
        self.output.forward(hidden)
    }
}

aster_base::words!(HeadKind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_transformer_lets_tokens_see_each_other() {
        let device = Device::flex();
        let before = Tensor::<3>::zeros([1, 4, 8], &device);
        // One feature only: a constant token is nothing to a layer norm.
        let after = before.clone().slice_fill([0..1, 3..4, 0..1], 1.0);
        for kind in [HeadKind::Linear, HeadKind::Mlp, HeadKind::Transformer] {
            // One model for both: seeds are process-wide and tests run in parallel.
            let config = HeadConfig { kind, ..Default::default() };
            let classifier = config.init(8, 3, &device).unwrap();
            let first = |x: &Tensor<3>| classifier.forward(x.clone()).narrow(1, 0, 1).into_data();
            let moved = first(&before) != first(&after);
            assert_eq!(moved, kind == HeadKind::Transformer, "{kind:?}");
            assert_eq!(classifier.forward(before.clone()).dims(), [1, 4, 3]);
        }
    }

    #[test]
    fn impossible_settings_are_errors() {
        let device = Device::flex();
        let heads = HeadConfig { heads: 3, ..Default::default() };
        assert!(heads.init(8, 1, &device).is_err());
        let dropout = HeadConfig { dropout: 1.0, ..Default::default() };
        assert!(dropout.init(8, 1, &device).is_err());
        let none = HeadConfig { layers: 0, ..Default::default() };
        assert!(none.init(8, 1, &device).is_err());
        assert!(HeadConfig::default().init(8, 0, &device).is_err());
    }
}
