use burn::tensor::{Tensor, TensorReadError};
use burn::train::metric::{Adaptor, ItemLazy};
use burn::train::{InferenceStep, TrainOutput, TrainStep};
use burn_std::ExecutionError;
use serde::{Deserialize, Serialize};

use crate::{Aster, WindowBatch};

/// A part of the loss.
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
}

impl Part {
    /// Every part, in the order of [`LossParts::to_values`].
    pub const ALL: [Self; 4] = [Self::Total, Self::Reconstruction, Self::Kl, Self::Classification];

    /// Its name in messages and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Reconstruction => "reconstruction",
            Self::Kl => "KL",
            Self::Classification => "classification",
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The loss of one batch, each `[1]`.
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
    pub(crate) step: usize,
}

impl LossParts {
    pub(crate) fn new(
        reconstruction: Tensor<1>,
        kl: Tensor<1>,
        classification: Tensor<1>,
        [beta, weight]: [f64; 2],
    ) -> Self {
        let total = reconstruction.clone()
            + kl.clone().mul_scalar(beta)
            + classification.clone().mul_scalar(weight);
        Self { total, reconstruction, kl, classification, step: 0 }
    }

    /// The numbers, in the order of [`Part::ALL`], in one read.
    ///
    /// # Errors
    /// A device that fails to deliver them.
    pub fn to_values(&self) -> Result<[f32; 4], TensorReadError> {
        let Self { total, reconstruction, kl, classification, .. } = self.clone();
        let all = Tensor::cat(vec![total, reconstruction, kl, classification], 0);
        let values = all.try_into_data()?.iter::<f32>().collect::<Vec<_>>();
        Ok([values[0], values[1], values[2], values[3]])
    }
}

impl ItemLazy for LossParts {
    fn sync(self) -> Result<Self, ExecutionError> {
        self.total.device().flush()?;
        Ok(Self {
            total: self.total.without_autodiff(),
            reconstruction: self.reconstruction.without_autodiff(),
            kl: self.kl.without_autodiff(),
            classification: self.classification.without_autodiff(),
            step: self.step,
        })
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
        let beta = self.config().objective.beta.at(batch.step);
        let losses =
            LossParts { step: batch.step, ..self.losses(batch.windows, batch.noise, beta) };
        TrainOutput::new(self, losses.total.backward(), losses)
    }
}

impl InferenceStep for Aster {
    type Input = WindowBatch;
    type Output = LossParts;

    /// Weighs the KL divergence by the schedule's peak, so that the losses of
    /// different epochs compare.
    fn step(&self, batch: WindowBatch) -> LossParts {
        self.losses(batch.windows, batch.noise, self.config().objective.beta.peak())
    }
}
