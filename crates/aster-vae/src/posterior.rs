use burn::tensor::{Distribution, Tensor};
use serde::{Deserialize, Serialize};

/// Prior distribution that the KL term pulls posteriors towards.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prior {
    /// N(0, 1) in every latent.
    #[default]
    Standard,
    /// N(0, std²) in every latent: above 1 relaxed, below 1 tight.
    Normal {
        /// Standard deviation, above 0.
        std: f64,
    },
}

impl Prior {
    /// The prior's standard deviation.
    pub fn std(&self) -> f64 {
        match *self {
            Self::Standard => 1.0,
            Self::Normal { std } => std,
        }
    }
}

/// Diagonal normal distribution over each token's latent code.
#[derive(Debug, Clone)]
pub struct Posterior {
    /// `[B, L, Z]`.
    pub mean: Tensor<3>,
    /// Log of the variance, `[B, L, Z]`.
    pub log_variance: Tensor<3>,
}

impl Posterior {
    /// A reparameterised sample `mean + std * noise`, `[B, L, Z]`.
    pub fn sample(&self) -> Tensor<3> {
        let noise = self.mean.random_like(Distribution::Normal(0.0, 1.0));
        self.at(noise)
    }

    /// The point at `noise` standard deviations, `[B, L, Z]`.
    pub fn at(&self, noise: Tensor<3>) -> Tensor<3> {
        self.mean.clone() + self.log_variance.clone().div_scalar(2.0).exp() * noise
    }

    /// KL divergence to the prior in nats per token, `[B, L]`, in closed form
    /// (Kingma & Welling, appendix B).
    pub fn kl_per_token(&self, prior: &Prior) -> Tensor<2> {
        let variance = prior.std().powi(2);
        let spread = (self.log_variance.clone().exp() + self.mean.clone().powi_scalar(2))
            .div_scalar(variance);
        let terms = spread - self.log_variance.clone() + (variance.ln() - 1.0);
        terms.sum_dim(2).mul_scalar(0.5).squeeze_dim(2)
    }

    /// Mean over B and L of [`Posterior::kl_per_token`], `[1]`.
    pub fn kl(&self, prior: &Prior) -> Tensor<1> {
        self.kl_per_token(prior).mean()
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use burn::tensor::Device;

    use super::*;

    fn posterior(mean: f32, log_variance: f32, device: &Device) -> Posterior {
        let full = |value| Tensor::<3>::full([1, 1, 2], value, device);
        Posterior { mean: full(mean), log_variance: full(log_variance) }
    }

    fn kl(mean: f32, log_variance: f32, prior: &Prior) -> f64 {
        posterior(mean, log_variance, &Device::flex()).kl(prior).into_scalar()
    }

    #[test]
    fn kl_by_hand_and_zero_at_the_prior() {
        assert_eq!(kl(0.0, 0.0, &Prior::Standard), 0.0);
        assert_relative_eq!(kl(1.0, 0.0, &Prior::Standard), 1.0, epsilon = 1e-6);
        let wide = Prior::Normal { std: 2.0 };
        assert_relative_eq!(kl(0.0, 4f32.ln(), &wide), 0.0, epsilon = 1e-6);
        assert_relative_eq!(kl(2.0, 4f32.ln(), &wide), 1.0, epsilon = 1e-6);
    }

    #[test]
    fn kl_gradient_agrees_with_differences() {
        let device = Device::flex().autodiff();
        let prior = Prior::Normal { std: 1.5 };
        let leaf = |value| Tensor::<3>::full([1, 1, 1], value, &device).require_grad();
        let (mean, log_variance) = (leaf(0.7), leaf(-0.4));
        let loss = Posterior { mean: mean.clone(), log_variance: log_variance.clone() }.kl(&prior);
        let grads = loss.backward();
        let got = |x: &Tensor<3>| x.grad(&grads).unwrap().into_scalar::<f64>();
        // kl() above is over two equal latents, hence the halves.
        let step = 1e-2;
        let by_mean = kl(0.7 + step, -0.4, &prior) - kl(0.7 - step, -0.4, &prior);
        let by_log = kl(0.7, -0.4 + step, &prior) - kl(0.7, -0.4 - step, &prior);
        let slope = |difference: f64| difference / 2.0 / (2.0 * f64::from(step));
        assert_relative_eq!(got(&mean), slope(by_mean), epsilon = 1e-3);
        assert_relative_eq!(got(&log_variance), slope(by_log), epsilon = 1e-3);
    }

    #[test]
    fn samples_have_the_mean_and_spread_they_should() {
        let device = Device::flex();
        device.seed(7);
        let full = |value| Tensor::<3>::full([100, 100, 1], value, &device);
        let posterior = Posterior { mean: full(2.0), log_variance: full(0.25f32.ln()) };
        let sample = posterior.sample();
        assert_relative_eq!(sample.clone().mean().into_scalar::<f32>(), 2.0, epsilon = 0.03);
        let spread = (sample - 2.0).powi_scalar(2).mean().sqrt().into_scalar::<f32>();
        assert_relative_eq!(spread, 0.5, epsilon = 0.03);
    }

    #[test]
    fn the_sample_passes_gradients_to_mean_and_variance() {
        let device = Device::flex().autodiff();
        let leaf = |value| Tensor::<3>::full([1, 1, 1], value, &device).require_grad();
        let (mean, log_variance) = (leaf(0.3), leaf(0.2));
        let posterior = Posterior { mean: mean.clone(), log_variance: log_variance.clone() };
        let noise = Tensor::<3>::full([1, 1, 1], 1.5, &device);
        let grads = posterior.at(noise).sum().backward();
        let got = |x: &Tensor<3>| x.grad(&grads).unwrap().into_scalar::<f64>();
        assert_relative_eq!(got(&mean), 1.0);
        assert_relative_eq!(got(&log_variance), 0.75 * 0.1f64.exp(), epsilon = 1e-5);
    }
}
