use aster_base::{SettingError, positive};
use burn::tensor::Tensor;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Distribution from which the latent codes of pseudo-anomalies are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CodeSampler {
    /// N(0, 1), whatever the window.
    Prior,
    /// Around the window's posterior, `spread` times as wide.
    Around {
        /// Factor on the posterior's standard deviation.
        spread: f64,
    },
}

impl Default for CodeSampler {
    fn default() -> Self {
        Self::Around { spread: 2.0 }
    }
}

impl CodeSampler {
    /// Checks the spread.
    ///
    /// # Errors
    /// A spread that is not above 0 or not finite.
    pub fn check(&self) -> Result<(), SettingError> {
        match *self {
            Self::Prior => Ok(()),
            Self::Around { spread } => positive("spread", spread),
        }
    }

    /// Draws the noise of one latent dimension of a code.
    pub fn noise(&self, rng: &mut impl Rng) -> f32 {
        StandardNormal.sample(rng)
    }

    /// Computes one code per token.
    ///
    /// # Shapes
    /// Posterior mean and log-variance, and noise drawn by [`CodeSampler::noise`], all
    /// `[B, L, Z]`, to codes `[B, L, Z]`.
    pub fn codes(&self, mean: Tensor<3>, log_variance: Tensor<3>, noise: Tensor<3>) -> Tensor<3> {
        match *self {
            Self::Prior => noise,
            Self::Around { spread } => {
                mean + log_variance.div_scalar(2.0).exp() * noise.mul_scalar(spread)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn draw(sampler: CodeSampler) -> Vec<f32> {
        let (device, shape) = (Device::flex(), [50, 20, 4]);
        let mut rng = StdRng::seed_from_u64(11);
        let noise: Vec<f32> = (0..4000).map(|_| sampler.noise(&mut rng)).collect();
        let noise = Tensor::from_data(TensorData::new(noise, shape), &device);
        let mean = Tensor::full(shape, 3.0, &device);
        let log_variance = Tensor::full(shape, 0.25f32.ln(), &device);
        let codes = sampler.codes(mean, log_variance, noise).into_data();
        let mut codes = codes.try_to_vec::<f32>().unwrap();
        codes.sort_by(f32::total_cmp);
        codes
    }

    #[test]
    fn each_sampler_has_its_centre_and_spread() {
        // The middle half of a normal spans 1.349 standard deviations.
        for (sampler, centre, middle) in
            [(CodeSampler::Prior, 0.0, 1.349), (CodeSampler::Around { spread: 2.0 }, 3.0, 1.349)]
        {
            let codes = draw(sampler);
            let n = codes.len();
            assert!((codes[n / 2] - centre).abs() < 0.1, "{sampler:?}");
            let spread = codes[3 * n / 4] - codes[n / 4];
            assert!((spread - middle).abs() < 0.1, "{sampler:?}: {spread}");
        }
    }
}
