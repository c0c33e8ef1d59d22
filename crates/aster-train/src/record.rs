use serde::{Deserialize, Serialize};

use crate::{AsterConfig, Part};

/// Mean losses over a part of an epoch, and what is measured beside them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Losses {
    /// The weighted sum.
    pub total: f64,
    /// Mean squared error of scaled patches.
    pub reconstruction: f64,
    /// KL divergence in nats per token.
    pub kl: f64,
    /// Cross-entropy in nats per grade.
    pub classification: f64,
    /// Mean cosine between the perturbations of two pseudo-anomalies.
    pub cosine: f64,
    /// Mean of its square.
    pub squared_cosine: f64,
    /// How much more severe, in logits, the classifier finds pseudo-anomalies than windows.
    pub separation: f64,
}

impl Losses {
    /// In how many dimensions the perturbations differ: the participation ratio, estimated
    /// from pairs.
    pub fn effective_rank(&self) -> f64 {
        self.squared_cosine.recip()
    }

    pub(crate) fn get_mut(&mut self, part: Part) -> &mut f64 {
        match part {
            Part::Total => &mut self.total,
            Part::Reconstruction => &mut self.reconstruction,
            Part::Kl => &mut self.kl,
            Part::Classification => &mut self.classification,
            Part::Cosine => &mut self.cosine,
            Part::SquaredCosine => &mut self.squared_cosine,
            Part::Separation => &mut self.separation,
        }
    }
}

/// The losses of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Of its last step.
    #[serde(default)]
    pub learning_rate: f64,
    /// Mean over its training steps.
    pub train: Losses,
    /// Mean over the validation windows, after its last step.
    pub validation: Losses,
}

/// A loss that was not finite, and what was done: the training went back to the last checkpoint
/// and on at a lower rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// The epoch that was begun again, from 1.
    pub epoch: usize,
    /// Training step, from 0.
    pub step: usize,
    /// The first part of the loss that was not finite.
    pub part: Part,
    /// The highest rate of the cycle from there on.
    pub learning_rate: f64,
}

/// How a detector came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this crate.
    pub aster: String,
    /// The config, with the seed.
    pub config: AsterConfig,
    /// The device it was trained on.
    pub device: String,
    /// Channels of the series.
    pub channels: usize,
    /// Rows that were trained on.
    pub train_rows: usize,
    /// Rows that validated.
    pub validation_rows: usize,
    /// Trainable and frozen numbers in the model.
    pub parameters: usize,
    /// Those that training changes.
    #[serde(default)]
    pub trainable: usize,
    /// Losses by epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// How often losses were not finite.
    #[serde(default)]
    pub rollbacks: Vec<Rollback>,
    /// Wall-clock time of training.
    pub seconds: f64,
}
