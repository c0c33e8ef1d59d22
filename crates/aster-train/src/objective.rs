use std::ops::Range;

use burn::tensor::{Tensor, TensorReadError};
use burn::train::metric::{Adaptor, ItemLazy};
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use burn_std::ExecutionError;
use serde::{Deserialize, Serialize};

use crate::chunk::{gradients_in_chunks, in_chunks};
use crate::{Aster, Weights, WindowBatch};

/// A part of the loss, or what is measured beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The weighted sum.
    Total,
    /// Mean squared error of scaled patches.
    Reconstruction,
    /// KL divergence in nats per token, before its weight.
    Kl,
    /// Cross-entropy in nats per grade, before its weight.
    Classification,
    /// Mean cosine between the perturbations of two pseudo-anomalies.
    Cosine,
    /// Mean of its square, the inverse of their effective rank.
    SquaredCosine,
    /// How much more severe, in logits, the classifier finds pseudo-anomalies than windows.
    Separation,
}

impl Part {
    /// Every part, in the order of [`LossParts::to_values`].
    pub const ALL: [Self; 7] = [
        Self::Total,
        Self::Reconstruction,
        Self::Kl,
        Self::Classification,
        Self::Cosine,
        Self::SquaredCosine,
        Self::Separation,
    ];

    /// Its name in messages and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Reconstruction => "reconstruction",
            Self::Kl => "KL",
            Self::Classification => "classification",
            Self::Cosine => "cosine",
            Self::SquaredCosine => "squared cosine",
            Self::Separation => "separation",
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The loss of one batch and what is measured beside it, each `[1]`.
#[derive(Debug, Clone)]
pub struct LossParts {
    /// The weighted sum.
    pub total: Tensor<1>,
    /// Mean squared error of scaled patches.
    pub reconstruction: Tensor<1>,
    /// KL divergence in nats per token.
    pub kl: Tensor<1>,
    /// Cross-entropy in nats per grade.
    pub classification: Tensor<1>,
    pub(crate) measures: Measures,
    pub(crate) step: usize,
}

/// Outside the sum, and outside the graph.
#[derive(Debug, Clone)]
pub(crate) struct Measures {
    pub(crate) cosine: Tensor<1>,
    pub(crate) squared_cosine: Tensor<1>,
    pub(crate) separation: Tensor<1>,
}

impl LossParts {
    /// In the order of [`Part::ALL`].
    fn into_array(self) -> [Tensor<1>; 7] {
        let Self { total, reconstruction, kl, classification, measures, .. } = self;
        let Measures { cosine, squared_cosine, separation } = measures;
        [total, reconstruction, kl, classification, cosine, squared_cosine, separation]
    }

    fn from_array(parts: [Tensor<1>; 7], step: usize) -> Self {
        let [total, reconstruction, kl, classification, cosine, squared_cosine, separation] = parts;
        let measures = Measures { cosine, squared_cosine, separation };
        Self { total, reconstruction, kl, classification, measures, step }
    }

    fn map(self, f: impl Fn(Tensor<1>) -> Tensor<1>) -> Self {
        let step = self.step;
        Self::from_array(self.into_array().map(f), step)
    }

    fn without_graph(self) -> Self {
        self.map(Tensor::without_autodiff)
    }

    /// The losses of a batch from what its chunks contribute.
    fn sum(chunks: Vec<Self>) -> Self {
        let step = chunks.first().map_or(0, |losses| losses.step);
        let chunks: Vec<_> = chunks.into_iter().map(Self::into_array).collect();
        let sum = |part: usize| {
            Tensor::cat(chunks.iter().map(|chunk| chunk[part].clone()).collect(), 0).sum()
        };
        Self::from_array(std::array::from_fn(sum), step)
    }

    /// The numbers, in the order of [`Part::ALL`], in one read.
    ///
    /// # Errors
    /// A device that fails to deliver them.
    pub fn to_values(&self) -> Result<[f32; 7], TensorReadError> {
        let all = Tensor::cat(self.clone().into_array().to_vec(), 0);
        let values = all.try_into_data()?.iter::<f32>().collect::<Vec<_>>();
        Ok(std::array::from_fn(|part| values[part]))
    }
}

impl ItemLazy for LossParts {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.total.device().flush()?;
        Ok(self.without_graph())
    }
}

impl Adaptor<Self> for LossParts {
    fn adapt(&self) -> Self {
        self.clone()
    }
}

impl TrainStep for Aster {
    type Input = WindowBatch;
    type Output = LossParts;

    fn step(&self, batch: WindowBatch) -> TrainOutput<LossParts> {
        let ([b, ..], device) = (batch.windows.dims(), batch.windows.device());
        let weights = self.config().objective.at(batch.step);
        let (grads, chunks) =
            gradients_in_chunks(self, b, self.config().chunk, &device, |model, range| {
                let losses = batch.losses_of(range, model, weights);
                (losses.total.clone() * batch.weight, losses.without_graph())
            });
        TrainOutput { grads, item: LossParts::sum(chunks) }
    }
}

impl InferenceStep for Aster {
    type Input = WindowBatch;
    type Output = LossParts;

    /// Weighs as [`ObjectiveConfig::settled`](crate::ObjectiveConfig::settled) says, so that
    /// the losses of different epochs compare.
    fn step(&self, batch: WindowBatch) -> LossParts {
        let ([b, ..], device) = (batch.windows.dims(), batch.windows.device());
        let weights = self.config().objective.settled();
        let losses = |range| batch.losses_of(range, self, weights);
        LossParts::sum(in_chunks(b, self.config().chunk, &device, losses))
    }
}

impl WindowBatch {
    /// What some of the windows contribute to the losses of the batch.
    fn losses_of(&self, windows: Range<usize>, model: &Aster, weights: Weights) -> LossParts {
        let [b, ..] = self.windows.dims();
        let share = windows.len() as f64 / b as f64;
        let (noise, part) = (self.noise.of(windows.clone()), self.windows.clone().slice(windows));
        LossParts { step: self.step, ..model.losses(part, noise, weights).map(|x| x * share) }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::{AsterConfig, Key, Noise};

    struct Values(GradientsParams, Vec<f32>);

    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let grad = self.0.get::<D>(param.id).map(|grad| grad.into_data());
            self.1.extend(grad.iter().flat_map(|data| data.iter::<f32>()));
        }
    }

    #[test]
    fn chunks_change_neither_losses_nor_gradients() {
        let device = Device::flex().autodiff();
        let config = AsterConfig { window: 8, patch: 2, ..Default::default() };
        let windows = Tensor::random([5, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let keys: Vec<Key> = (0..5).map(|place| Key { seed: 0, round: 0, place }).collect();
        let noise = Noise::draw(&config, 2, &keys, &device);
        let model = config.init(2, &device).unwrap();
        let [whole, cut] = [5, 2].map(|chunk| {
            let model = model.clone().with_config(AsterConfig { chunk, ..config.clone() });
            let batch = WindowBatch {
                windows: windows.clone(),
                noise: noise.clone(),
                step: 60,
                weight: 1.0,
            };
            let TrainOutput { grads, item } = TrainStep::step(&model, batch.clone());
            let mut values = Values(grads, vec![]);
            for losses in [item, InferenceStep::step(&model, batch)] {
                let mut losses = losses.to_values().unwrap();
                // Pairs are taken within a chunk: the same mean, of fewer of them.
                for part in [Part::Cosine, Part::SquaredCosine] {
                    losses[part as usize] = 0.0;
                }
                values.1.extend(losses);
            }
            model.visit(&mut values);
            values.1
        });
        assert_eq!(whole.len(), cut.len());
        for (a, b) in whole.iter().zip(&cut) {
            approx::assert_relative_eq!(a, b, epsilon = 1e-5, max_relative = 1e-3);
        }
    }
}
