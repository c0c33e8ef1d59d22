use std::f64::consts::PI;

use aster_base::{SettingError, at_least_one, require};
use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::LlmError;

/// Projection of patches to the width of the language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputConfig {
    /// A linear layer from the width D.
    #[default]
    Linear,
    /// The patch in cosines (an orthonormal transform), which nothing trains, so that what a
    /// frozen model makes of a window never changes and can be kept (ours).
    Fixed,
    /// Mixtures of words (Time-LLM, Jin et al. 2024): each patch attends to prototypes,
    /// which are learned mixtures of the model's own, frozen word embeddings.
    Reprogrammed {
        /// Number of prototypes.
        prototypes: usize,
        /// Attention heads, a divisor of the width D.
        heads: usize,
    },
}

/// Embedding of patches that [`InputConfig`] describes.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there is one per model
pub(crate) enum Input {
    Linear(Linear),
    Fixed(Linear),
    Reprogrammed(Reprogrammed),
}

impl InputConfig {
    /// Checks the settings for patches embedded in a width D.
    ///
    /// # Errors
    /// No prototype, a width that the heads do not divide.
    pub fn check(&self, width: usize) -> Result<(), SettingError> {
        let Self::Reprogrammed { prototypes, heads } = *self else { return Ok(()) };
        at_least_one("reprogrammed.prototypes", prototypes)?;
        let divides = heads > 0 && width.is_multiple_of(heads);
        let expected = format!("a divisor of the width {width}");
        require("reprogrammed.heads", divides, expected, heads)
    }

    pub(crate) fn reads_words(&self) -> bool {
        matches!(self, Self::Reprogrammed { .. })
    }

    pub(crate) fn init(
        &self,
        [features, width, llm, vocabulary]: [usize; 4],
        device: &Device,
    ) -> Result<Input, LlmError> {
        let linear = |input, output| LinearConfig::new(input, output).init(device);
        match *self {
            Self::Linear => Ok(Input::Linear(linear(width, llm))),
            Self::Fixed => Ok(Input::Fixed(cosines(features, llm, device))),
            Self::Reprogrammed { prototypes, heads } => {
                // Mixtures of as many words, of the size of one.
                let normal =
                    Initializer::Normal { mean: 0.0, std: (1.0 / vocabulary as f64).sqrt() };
                Ok(Input::Reprogrammed(Reprogrammed {
                    mixtures: normal.init([prototypes, vocabulary], device),
                    query: linear(width, width),
                    key: linear(llm, width),
                    value: linear(llm, width),
                    output: linear(width, llm),
                    heads,
                }))
            }
        }
    }
}

/// The first `width` frequencies of the orthonormal cosine transform (DCT-II) of `features`
/// numbers, padded with zeros if there are fewer.
fn cosines(features: usize, width: usize, device: &Device) -> Linear {
    let n = features.max(width) as f64;
    let at = |i: usize| {
        let (feature, frequency) = ((i / width) as f64, (i % width) as f64);
        let scale = if frequency == 0.0 { 1.0 } else { 2.0_f64.sqrt() };
        (scale / n.sqrt() * (PI / n * (feature + 0.5) * frequency).cos()) as f32
    };
    let values: Vec<f32> = (0..features * width).map(at).collect();
    let weight = Tensor::<1>::from_floats(values.as_slice(), device).reshape([features, width]);
    Linear { weight: Param::from_tensor(weight), bias: None }.no_grad()
}

#[derive(Module, Debug)]
pub(crate) struct Reprogrammed {
    mixtures: Param<Tensor<2>>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl Input {
    /// # Shapes
    /// Embedded patches `[B, L, D]`, the patches `[B, L, P*C]`, and word embeddings
    /// `[V, width]` to `[B, L, width]`.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<3>,
        patches: &Tensor<3>,
        words: Option<Tensor<2>>,
    ) -> Tensor<3> {
        match (self, words) {
            (Self::Linear(linear), _) => linear.forward(hidden),
            (Self::Fixed(linear), _) => linear.forward(patches.clone()),
            (Self::Reprogrammed(input), Some(words)) => input.forward(hidden, words),
            // `reads_words` sees to it that they are there.
            (Self::Reprogrammed(input), None) => input.output.forward(hidden),
        }
    }
}

impl Reprogrammed {
    fn forward(&self, x: Tensor<3>, words: Tensor<2>) -> Tensor<3> {
        let [b, l, d] = x.dims();
        let (heads, width) = (self.heads, d / self.heads);
        let prototypes = self.mixtures.val().matmul(words);
        let [count, _] = prototypes.dims();
        // `[1, heads, prototypes, width]`: the same for every window.
        let split = |x: Tensor<2>| x.reshape([1, count, heads, width]).swap_dims(1, 2);
        let key = split(self.key.forward(prototypes.clone()));
        let value = split(self.value.forward(prototypes));
        let query = self.query.forward(x).reshape([1, b * l, heads, width]).swap_dims(1, 2);
        let scores = query.matmul(key.transpose()).div_scalar((width as f64).sqrt());
        let mixed = softmax(scores, 3).matmul(value).swap_dims(1, 2);
        self.output.forward(mixed.reshape([b, l, d]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn reprogrammed_patches_are_mixtures_of_words() {
        let device = Device::flex().autodiff();
        let config = InputConfig::Reprogrammed { prototypes: 3, heads: 2 };
        let input = config.init([12, 8, 6, 10], &device).unwrap();
        let normal = Distribution::Normal(0.0, 1.0);
        let x = Tensor::<3>::random([2, 4, 8], normal, &device);
        let words = Tensor::<2>::random([10, 6], normal, &device);
        let forward =
            |x: Tensor<3>, words: &Tensor<2>| input.forward(x.clone(), &x, Some(words.clone()));
        let out = forward(x.clone(), &words);
        assert_eq!(out.dims(), [2, 4, 6]);
        let grads = out.powi_scalar(2).sum().backward();
        let Input::Reprogrammed(parts) = &input else { unreachable!() };
        let grad = parts.mixtures.val().grad(&grads).unwrap();
        assert!(grad.abs().max().into_scalar::<f32>() > 0.0, "prototypes must learn");
        // Other words, other mixtures; the same words in another window, the same.
        let other = forward(x.clone(), &words.clone().mul_scalar(2.0));
        let first = forward(x.clone().narrow(0, 0, 1), &words);
        let both = forward(x, &words).narrow(0, 0, 1);
        assert!((other.narrow(0, 0, 1) - both.clone()).abs().max().into_scalar::<f32>() > 1e-6);
        assert!((first - both).abs().max().into_scalar::<f32>() < 1e-5);
        assert!(InputConfig::Reprogrammed { prototypes: 3, heads: 3 }.check(8).is_err());
    }

    #[test]
    fn cosines_keep_lengths_and_do_not_train() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::random([3, 5], Distribution::Normal(0.0, 1.0), &device);
        let input = cosines(5, 8, &device);
        let length = |x: Tensor<2>| x.powi_scalar(2).sum_dim(1);
        let gap = length(input.forward(x.clone())) - length(x.clone());
        assert!(gap.abs().max().into_scalar::<f32>() < 1e-5);
        assert!(!input.weight.is_require_grad());
        // Fewer numbers than features: their lowest frequencies, so the mean first.
        let first = cosines(5, 2, &device).forward(x.clone()).narrow(1, 0, 1);
        let mean = x.mean_dim(1).mul_scalar(5.0_f64.sqrt());
        assert!((first - mean).abs().max().into_scalar::<f32>() < 1e-5);
    }
}
