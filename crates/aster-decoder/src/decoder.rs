use aster_base::{SettingError, at_least_one, require, share_below_one};
use burn::module::{Initializer, Module, Param};
use burn::nn::transformer::{
    TransformerDecoder, TransformerDecoderConfig, TransformerDecoderInput,
};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Hyperparameters of the Transformer decoder (sizes are ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DecoderConfig {
    /// Width D (hidden size). Default: 64.
    pub width: usize,
    /// Layers. Default: 2.
    pub layers: usize,
    /// Attention heads. Default: 4.
    pub heads: usize,
    /// Hidden size of the feed-forward layers. Default: 128.
    pub feed_forward: usize,
    /// Dropout, in [0, 1). Default: 0.
    pub dropout: f64,
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self { width: 64, layers: 2, heads: 4, feed_forward: 128, dropout: 0.0 }
    }
}

impl DecoderConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A size of zero, a width that the heads do not divide, dropout outside [0, 1).
    pub fn check(&self) -> Result<(), SettingError> {
        at_least_one("width", self.width)?;
        at_least_one("feed_forward", self.feed_forward)?;
        let layers = (1..=1000).contains(&self.layers);
        require("layers", layers, "1 to 1000", self.layers)?;
        let divides = self.heads > 0 && self.width.is_multiple_of(self.heads);
        require("heads", divides, format!("a divisor of the width {}", self.width), self.heads)?;
        share_below_one("dropout", self.dropout)
    }

    /// Creates a decoder with fresh weights of codes of size Z into `tokens` tokens: a
    /// reconstruction of `features` values each and a direction of `direction` values each.
    ///
    /// # Errors
    /// As [`DecoderConfig::check`]; a size of zero.
    pub fn init(
        &self,
        latent: usize,
        tokens: usize,
        features: usize,
        direction: usize,
        device: &Device,
    ) -> Result<Decoder, SettingError> {
        self.check()?;
        at_least_one("latent", latent)?;
        at_least_one("tokens", tokens)?;
        at_least_one("features", features)?;
        at_least_one("direction", direction)?;
        let (width, inner) = (self.width, self.feed_forward);
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(Decoder {
            memory: LinearConfig::new(latent, width).init(device),
            position: normal.init([tokens, width], device),
            queries: normal.init([tokens, width], device),
            body: TransformerDecoderConfig::new(width, inner, self.heads, self.layers)
                .with_dropout(self.dropout)
                .with_norm_first(true)
                .init(device),
            reconstruction: LinearConfig::new(width, features).init(device),
            direction: LinearConfig::new(width, direction).init(device),
        })
    }
}

/// Learned queries attend to the codes; two linear outputs read the result.
#[derive(Module, Debug)]
pub struct Decoder {
    memory: Linear,
    position: Param<Tensor<2>>,
    queries: Param<Tensor<2>>,
    body: TransformerDecoder,
    reconstruction: Linear,
    direction: Linear,
}

/// Output of the decoder for a batch of codes.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The window that the codes stand for, `[B, L, features]`.
    pub reconstruction: Tensor<3>,
    /// The direction in which to perturb it, of any length, `[B, L, direction]`.
    pub direction: Tensor<3>,
}

impl Decoder {
    /// # Shapes
    /// Codes `[B, L, Z]` to the two outputs.
    pub fn forward(&self, codes: Tensor<3>) -> Decoded {
        let [b, l, _] = codes.dims();
        let memory = self.memory.forward(codes) + self.position.val().unsqueeze::<3>();
        let [_, width] = self.queries.dims();
        let queries = self.queries.val().unsqueeze::<3>().expand([b, l, width]);
        let hidden = self.body.forward(TransformerDecoderInput::new(queries, memory));
        Decoded {
            reconstruction: self.reconstruction.forward(hidden.clone()),
            direction: self.direction.forward(hidden),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_token_depends_on_every_code() {
        let device = Device::flex();
        device.seed(5);
        let config = DecoderConfig { width: 8, feed_forward: 16, ..Default::default() };
        let decoder = config.init(3, 4, 6, 5, &device).unwrap();
        let codes = Tensor::<3>::zeros([1, 4, 3], &device);
        let moved = codes.clone().slice_fill([0..1, 3..4], 2.0);
        let first = |codes: Tensor<3>| decoder.forward(codes).reconstruction.narrow(1, 0, 1);
        assert_ne!(first(codes.clone()).into_data(), first(moved).into_data());
        assert_eq!(decoder.forward(codes).direction.dims(), [1, 4, 5]);
    }

    #[test]
    fn impossible_settings_are_errors() {
        let device = Device::flex();
        let config = DecoderConfig { heads: 5, ..Default::default() };
        assert!(config.init(3, 4, 6, 5, &device).is_err());
        assert!(DecoderConfig::default().init(0, 4, 6, 6, &device).is_err());
    }
}
