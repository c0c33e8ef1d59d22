use aster_base::{SettingError, at_least_one, positive};
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::posterior::{Posterior, Prior};

/// Hyperparameters of the variational encoder (sizes are ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VaeConfig {
    /// Latent size Z per token. Default: 16.
    pub latent_size: usize,
    /// Hidden size of the encoder's one inner layer. Default: 128.
    pub hidden_size: usize,
    /// Prior that the posterior is pulled towards. Default: N(0, 1).
    pub prior: Prior,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self { latent_size: 16, hidden_size: 128, prior: Prior::default() }
    }
}

impl VaeConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A size of zero, a prior without spread.
    pub fn check(&self) -> Result<(), SettingError> {
        at_least_one("latent_size", self.latent_size)?;
        at_least_one("hidden_size", self.hidden_size)?;
        positive("prior.std", self.prior.std())
    }

    /// Creates an encoder with fresh weights for contexts of width D.
    ///
    /// # Errors
    /// As [`VaeConfig::check`]; a width of zero.
    pub fn init(&self, width: usize, device: &Device) -> Result<VaeEncoder, SettingError> {
        self.check()?;
        at_least_one("width", width)?;
        Ok(VaeEncoder {
            norm: LayerNormConfig::new(width).init(device),
            hidden: LinearConfig::new(width, self.hidden_size).init(device),
            mean: LinearConfig::new(self.hidden_size, self.latent_size).init(device),
            log_variance: LinearConfig::new(self.hidden_size, self.latent_size).init(device),
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
        let name = |config: VaeConfig| config.init(8, &device).unwrap_err().name;
        assert_eq!(name(VaeConfig { latent_size: 0, ..Default::default() }), "latent_size");
        let flat = VaeConfig { prior: Prior::Normal { std: 0.0 }, ..Default::default() };
        assert_eq!(name(flat), "prior.std");
    }
}
