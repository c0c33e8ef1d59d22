use burn::tensor::Tensor;
use rand::Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

/// Where the codes of pseudo-anomalies come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeSampler {
    /// N(0, 1), whatever the window.
    Prior,
    /// Around the window's posterior, `spread` times as wide.
    Around {
        /// Factor on the posterior's standard deviation.
        spread: f64,
    },
    /// A heavy-tailed step from the posterior's mean, in units of the prior:
    /// Student's t with 2 degrees of freedom, which is the least number that
    /// still has a mean.
    Tail {
        /// Factor on the step.
        scale: f64,
    },
}

impl Default for CodeSampler {
    fn default() -> Self {
        Self::Around { spread: 2.0 }
    }
}

impl CodeSampler {
    /// Draws what is random in one latent of a code.
    pub fn noise(&self, rng: &mut impl Rng) -> f32 {
        let normal: f32 = StandardNormal.sample(rng);
        match self {
            Self::Prior | Self::Around { .. } => normal,
            Self::Tail { .. } => {
                // t with 2 degrees is a normal over the root of an exponential of
                // mean 1; the bound keeps a 0 from dividing.
                let exponential: f32 = Exp1.sample(rng);
                normal / exponential.max(1e-6).sqrt()
            }
        }
    }

    /// One code per token.
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
            Self::Tail { scale } => mean + noise.mul_scalar(scale),
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
        // The middle half of a normal spans 1.349 standard deviations, of Student's
        // t with 2 degrees 1.633 units.
        for (sampler, centre, middle) in [
            (CodeSampler::Prior, 0.0, 1.349),
            (CodeSampler::Around { spread: 2.0 }, 3.0, 1.349),
            (CodeSampler::Tail { scale: 1.0 }, 3.0, 1.633),
        ] {
            let codes = draw(sampler);
            let n = codes.len();
            assert!((codes[n / 2] - centre).abs() < 0.1, "{sampler:?}");
            let spread = codes[3 * n / 4] - codes[n / 4];
            assert!((spread - middle).abs() < 0.1, "{sampler:?}: {spread}");
        }
        let tail = draw(CodeSampler::Tail { scale: 1.0 });
        assert!(tail[tail.len() - 1] - 3.0 > 8.0, "no heavy tail");
    }
}
