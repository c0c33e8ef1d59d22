use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::LlmError;
use crate::config::require;

/// How embedded patches reach the width of the language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputConfig {
    /// A linear layer.
    #[default]
    Linear,
    /// Mixtures of words (Time-LLM, Jin et al. 2024): each patch attends to prototypes,
    /// which are learned mixtures of the model's own, frozen word embeddings.
    Reprogrammed {
        /// Number of prototypes.
        prototypes: usize,
        /// Attention heads, a divisor of the width D.
        heads: usize,
    },
}

/// What [`InputConfig`] describes.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there is one per model
pub(crate) enum Input {
    Linear(Linear),
    Reprogrammed(Reprogrammed),
}

impl InputConfig {
    pub(crate) fn reads_words(&self) -> bool {
        matches!(self, Self::Reprogrammed { .. })
    }

    pub(crate) fn init(
        &self,
        [patch, llm, vocabulary]: [usize; 3],
        device: &Device,
    ) -> Result<Input, LlmError> {
        let linear = |input, output| LinearConfig::new(input, output).init(device);
        match *self {
            Self::Linear => Ok(Input::Linear(linear(patch, llm))),
            Self::Reprogrammed { prototypes, heads } => {
                require("prototypes", prototypes, prototypes > 0, "at least 1")?;
                let divides = heads > 0 && patch.is_multiple_of(heads);
                require("heads", heads, divides, &format!("a divisor of the width {patch}"))?;
                // Mixtures of as many words, of the size of one.
                let normal =
                    Initializer::Normal { mean: 0.0, std: (1.0 / vocabulary as f64).sqrt() };
                Ok(Input::Reprogrammed(Reprogrammed {
                    mixtures: normal.init([prototypes, vocabulary], device),
                    query: linear(patch, patch),
                    key: linear(llm, patch),
                    value: linear(llm, patch),
                    output: linear(patch, llm),
                    heads,
                }))
            }
        }
    }
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
    /// `[B, L, D]` and word embeddings `[V, width]` to `[B, L, width]`.
    pub(crate) fn forward(&self, x: Tensor<3>, words: Option<Tensor<2>>) -> Tensor<3> {
        match (self, words) {
            (Self::Linear(linear), _) => linear.forward(x),
            (Self::Reprogrammed(input), Some(words)) => input.forward(x, words),
            // `reads_words` sees to it that they are there.
            (Self::Reprogrammed(input), None) => input.output.forward(x),
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
        let input = config.init([8, 6, 10], &device).unwrap();
        let normal = Distribution::Normal(0.0, 1.0);
        let x = Tensor::<3>::random([2, 4, 8], normal, &device);
        let words = Tensor::<2>::random([10, 6], normal, &device);
        let out = input.forward(x.clone(), Some(words.clone()));
        assert_eq!(out.dims(), [2, 4, 6]);
        let grads = out.powi_scalar(2).sum().backward();
        let Input::Reprogrammed(parts) = &input else { unreachable!() };
        let grad = parts.mixtures.val().grad(&grads).unwrap();
        assert!(grad.abs().max().into_scalar::<f32>() > 0.0, "prototypes must learn");
        // Other words, other mixtures; the same words in another window, the same.
        let other = input.forward(x.clone(), Some(words.clone().mul_scalar(2.0)));
        let first = input.forward(x.clone().narrow(0, 0, 1), Some(words.clone()));
        let both = input.forward(x, Some(words)).narrow(0, 0, 1);
        assert!((other.narrow(0, 0, 1) - both.clone()).abs().max().into_scalar::<f32>() > 1e-6);
        assert!((first - both).abs().max().into_scalar::<f32>() < 1e-5);
        assert!(
            InputConfig::Reprogrammed { prototypes: 3, heads: 3 }
                .init([8, 6, 10], &device)
                .is_err()
        );
    }
}
