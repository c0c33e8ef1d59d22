use aster_data::TrainingReport;
use aster_model::LossTerm;
use serde::{Deserialize, Serialize};

/// Mean loss terms over a part of an epoch, and the measures taken beside them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Losses {
    /// Weighted sum.
    pub total: f64,
    /// Mean squared error of scaled patches.
    pub reconstruction: f64,
    /// KL divergence in nats per token.
    pub kl: f64,
    /// Binary cross-entropy in nats per grade.
    pub classification: f64,
    /// Mean cosine between the perturbations of two pseudo-anomalies.
    pub cosine: f64,
    /// Mean squared cosine.
    pub squared_cosine: f64,
    /// Mean severity of pseudo-anomalies less that of real windows, in logits.
    pub separation: f64,
}

impl Losses {
    /// Returns the effective rank of the perturbations: the participation ratio, estimated
    /// from pairs.
    pub fn effective_rank(&self) -> f64 {
        self.squared_cosine.recip()
    }

    /// Returns the value of a term, to be changed.
    pub fn get_mut(&mut self, term: LossTerm) -> &mut f64 {
        match term {
            LossTerm::Total => &mut self.total,
            LossTerm::Reconstruction => &mut self.reconstruction,
            LossTerm::Kl => &mut self.kl,
            LossTerm::Classification => &mut self.classification,
            LossTerm::Cosine => &mut self.cosine,
            LossTerm::SquaredCosine => &mut self.squared_cosine,
            LossTerm::Separation => &mut self.separation,
        }
    }
}

/// Losses and learning rate of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Mean over its training steps.
    pub train: Losses,
    /// Mean over the validation windows, after its last step.
    pub validation: Losses,
}

/// Return to the last checkpoint after a loss that was not finite; the training went on at a
/// lower rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Epoch that was begun again, from 1.
    pub epoch: usize,
    /// Training step, from 0.
    pub step: usize,
    /// First loss term that was not finite.
    pub term: LossTerm,
    /// Highest learning rate of the cycle from there on.
    pub learning_rate: f64,
}

/// Record of a training run. The config is the detector's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of ASTER.
    pub aster: String,
    /// Device that it was trained on.
    pub device: String,
    /// Number of channels C.
    pub channels: usize,
    /// Rows that were trained on.
    pub train_rows: usize,
    /// Rows that validated.
    pub validation_rows: usize,
    /// Number of parameters, trainable and frozen.
    pub parameters: usize,
    /// Number of trainable parameters.
    pub trainable: usize,
    /// What was found in the series that was trained on.
    pub training: TrainingReport,
    /// Losses by epoch.
    pub epochs: Vec<EpochRecord>,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// Losses that were not finite.
    pub rollbacks: Vec<Rollback>,
    /// Wall-clock time of training, in seconds.
    pub seconds: f64,
}
