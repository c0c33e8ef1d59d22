use std::ops::Range;

use aster_detect::TrainConfig;
use aster_model::{Aster, LossTerms, LossWeights, ObjectiveConfig, in_chunks};
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use burn::train::metric::{Adaptor, ItemLazy};
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use burn_std::ExecutionError;

use crate::batch::WindowBatch;

/// The network as Burn's training loop sees it.
#[derive(Module, Debug)]
pub(crate) struct Trainable {
    pub(crate) network: Aster,
    #[module(skip)]
    objective: ObjectiveConfig,
    /// Share of a batch's windows whose reconstruction does not count.
    #[module(skip)]
    trimmed: f64,
}

impl Trainable {
    pub(crate) fn new(network: Aster, config: &TrainConfig) -> Self {
        Self { network, objective: config.objective, trimmed: config.trimmed_windows() }
    }

    fn trimming(&self, weights: LossWeights) -> LossWeights {
        LossWeights { trimmed: self.trimmed, ..weights }
    }
}

/// Loss terms of a batch, with what weighs it among others.
#[derive(Debug, Clone)]
pub(crate) struct BatchLoss {
    pub(crate) terms: LossTerms,
    /// Windows of the batch.
    pub(crate) windows: usize,
    /// Training step, from 0.
    pub(crate) step: usize,
}

impl ItemLazy for BatchLoss {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.terms.total.device().flush()?;
        Ok(Self { terms: self.terms.map(Tensor::without_autodiff), ..self })
    }
}

impl Adaptor<Self> for BatchLoss {
    fn adapt(&self) -> Self {
        self.clone()
    }
}

impl TrainStep for Trainable {
    type Input = WindowBatch;
    type Output = BatchLoss;

    fn step(&self, batch: WindowBatch) -> TrainOutput<BatchLoss> {
        let (windows, device) = (batch.len(), batch.windows.device());
        let chunk_size = self.network.config().chunk_size;
        let weights = self.trimming(self.objective.weights_at(batch.step));
        let (grads, chunks) =
            gradients_in_chunks(&self.network, windows, chunk_size, &device, |network, range| {
                let terms = batch.losses(range, network, weights);
                (terms.total.clone() * batch.weight, terms.map(Tensor::without_autodiff))
            });
        let terms = LossTerms::sum(chunks);
        TrainOutput { grads, item: BatchLoss { terms, windows, step: batch.step } }
    }
}

impl InferenceStep for Trainable {
    type Input = WindowBatch;
    type Output = BatchLoss;

    /// Weighs as [`ObjectiveConfig::validation_weights`] says, so that the losses of different
    /// epochs compare.
    fn step(&self, batch: WindowBatch) -> BatchLoss {
        let (windows, device) = (batch.len(), batch.windows.device());
        let weights = self.trimming(self.objective.validation_weights());
        let losses = |range| batch.losses(range, &self.network, weights);
        let chunks = in_chunks(windows, self.network.config().chunk_size, &device, losses);
        BatchLoss { terms: LossTerms::sum(chunks), windows, step: batch.step }
    }
}

impl WindowBatch {
    fn len(&self) -> usize {
        let [b, ..] = self.windows.dims();
        b
    }

    /// Computes what some of the windows contribute to the losses of the batch.
    fn losses(&self, windows: Range<usize>, network: &Aster, weights: LossWeights) -> LossTerms {
        let share = windows.len() as f64 / self.len() as f64;
        let (noise, part) = (self.noise.of(windows.clone()), self.windows.clone().slice(windows));
        network.losses(part, noise, weights).map(|x| x * share)
    }
}

/// Computes the gradients of a batch chunk by chunk, in order.
///
/// `losses` returns what some of its examples contribute to the
/// loss, and something to return beside it.
pub fn gradients_in_chunks<M: Module + Sync, T: Send>(
    model: &M,
    examples: usize,
    chunk: usize,
    device: &Device,
    losses: impl Fn(&M, Range<usize>) -> (Tensor<1>, T) + Sync,
) -> (GradientsParams, Vec<T>) {
    let chunks = in_chunks(examples, chunk, device, |range| {
        // Graphs that share parameters would wait for each other.
        let alone = range.len() == examples;
        let model = if alone { model.clone() } else { model.clone().fork(device) };
        let (loss, item) = losses(&model, range);
        (GradientsParams::from_grads(loss.backward(), &model), item)
    });
    let mut grads = GradientsAccumulator::new();
    let items = chunks.into_iter().map(|(of_chunk, item)| {
        grads.accumulate(model, of_chunk);
        item
    });
    let items = items.collect();
    (grads.grads(), items)
}

#[cfg(test)]
mod tests {
    use aster_model::{LossTerm, ModelConfig, NetworkComponents, Noise, RngKey};
    use burn::module::{ModuleVisitor, Param};
    use burn::tensor::Distribution;

    use super::*;

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
        let mut config = ModelConfig::default();
        (config.window, config.patch) = (8, Some(2));
        let windows = Tensor::random([5, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let keys: Vec<RngKey> = (0..5).map(|index| RngKey { seed: 0, epoch: 0, index }).collect();
        let noise = Noise::draw(&config, 2, &keys, &device);
        config.chunk_size = 5;
        let whole = config.init(&NetworkComponents::default(), 2, &device).unwrap();
        config.chunk_size = 2;
        let cut = config.init(&NetworkComponents::default(), 2, &device).unwrap();
        let cut = cut.load_record(whole.clone().into_record());
        let [whole, cut] = [whole, cut].map(|network| {
            let model = Trainable::new(network, &TrainConfig::default());
            let batch = WindowBatch {
                windows: windows.clone(),
                noise: noise.clone(),
                step: 60,
                weight: 1.0,
            };
            let TrainOutput { grads, item } = TrainStep::step(&model, batch.clone());
            let mut values = Values(grads, vec![]);
            for losses in [item, InferenceStep::step(&model, batch)] {
                let mut losses = losses.terms.to_values().unwrap();
                // Pairs are taken within a chunk: the same mean, of fewer of them.
                for term in [LossTerm::Cosine, LossTerm::SquaredCosine] {
                    losses[term as usize] = 0.0;
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
