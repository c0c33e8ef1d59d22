use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Posterior, Prior, VaeError};

/// The encoder's settings (sizes are ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VaeConfig {
    /// Latent size Z per token. Default: 16.
    pub latent: usize,
    /// Inner width. Default: 128.
    pub hidden: usize,
    /// What the posterior is pulled towards. Default: N(0, 1).
    pub prior: Prior,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self { latent: 16, hidden: 128, prior: Prior::default() }
    }
}

impl VaeConfig {
    /// An encoder for contexts of width D.
    ///
    /// # Errors
    /// A size of zero, a prior without spread.
    pub fn init(&self, width: usize, device: &Device) -> Result<VaeEncoder, VaeError> {
        let sizes = [("width", width), ("latent", self.latent), ("hidden", self.hidden)];
        if let Some((name, got)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            let (expected, got) = ("at least 1", got.to_string());
            return Err(VaeError::Setting { name, expected, got });
        }
        let std = self.prior.std();
        if !(std > 0.0 && std.is_finite()) {
            let (expected, got) = ("a finite number above 0", std.to_string());
            return Err(VaeError::Setting { name: "prior std", expected, got });
        }
        Ok(VaeEncoder {
            norm: LayerNormConfig::new(width).init(device),
            hidden: LinearConfig::new(width, self.hidden).init(device),
            mean: LinearConfig::new(self.hidden, self.latent).init(device),
            log_variance: LinearConfig::new(self.hidden, self.latent).init(device),
        })
    }
}

/// Maps each token's context to a normal distribution over its latent code.
#[derive(Module, Debug)]
pub struct VaeEncoder {
    norm: LayerNorm,
    hidden: Linear,
    mean: Linear,
    log_variance: Linear,
}

/// Bound on the log-variance: exp(10) is far beyond any use, and finite.
const LOG_VARIANCE_BOUND: f64 = 10.0;

impl VaeEncoder {
    /// # Shapes
    /// Context `[B, L, D]` to a posterior over `[B, L, Z]`.
    pub fn forward(&self, context: Tensor<3>) -> Posterior {
        let hidden = gelu(self.hidden.forward(self.norm.forward(context)));
        let log_variance = self.log_variance.forward(hidden.clone());
        Posterior {
            mean: self.mean.forward(hidden),
            log_variance: log_variance.clamp(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_finite_on_wild_input() {
        let device = Device::flex();
        let encoder = VaeConfig::default().init(8, &device).unwrap();
        let posterior = encoder.forward(Tensor::full([2, 3, 8], 1e6, &device));
        assert_eq!(posterior.mean.dims(), [2, 3, 16]);
        assert!(posterior.kl(&Prior::Standard).into_scalar::<f32>().is_finite());
    }

    #[test]
    fn impossible_settings_are_errors() {
        let device = Device::flex();
        let none = VaeConfig { latent: 0, ..Default::default() };
        assert!(matches!(none.init(8, &device), Err(VaeError::Setting { name: "latent", .. })));
        let flat = VaeConfig { prior: Prior::Normal { std: 0.0 }, ..Default::default() };
        assert!(matches!(flat.init(8, &device), Err(VaeError::Setting { name: "prior std", .. })));
    }
}
