use burn::tensor::{Distribution, Tensor};
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
    /// Draws one code per token.
    ///
    /// # Shapes
    /// Posterior mean and log-variance `[B, L, Z]` to codes `[B, L, Z]`.
    pub fn draw(&self, mean: Tensor<3>, log_variance: Tensor<3>) -> Tensor<3> {
        let noise = mean.random_like(Distribution::Normal(0.0, 1.0));
        match *self {
            Self::Prior => noise,
            Self::Around { spread } => {
                mean + log_variance.div_scalar(2.0).exp() * noise.mul_scalar(spread)
            }
            Self::Tail { scale } => {
                // t with 2 degrees is a normal over the root of an exponential of
                // mean 1; the bound keeps a uniform 0 from dividing by zero.
                let uniform = mean.random_like(Distribution::Uniform(1e-6, 1.0 - 1e-6));
                mean + (noise / uniform.log().neg().sqrt()).mul_scalar(scale)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn draw(sampler: CodeSampler) -> Vec<f32> {
        let device = Device::flex();
        device.seed(11);
        let mean = Tensor::full([50, 20, 4], 3.0, &device);
        let log_variance = Tensor::full([50, 20, 4], 0.25f32.ln(), &device);
        let mut codes = sampler.draw(mean, log_variance).into_data().try_to_vec::<f32>().unwrap();
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
