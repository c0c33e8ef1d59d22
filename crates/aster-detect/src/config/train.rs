use aster_base::{
    SettingError, Within, at_least_one, non_negative, open_share, positive, require,
    share_above_zero,
};
use aster_model::ObjectiveConfig;
use serde::{Deserialize, Serialize};

/// Hyperparameters of the optimisation: AdamW on a one-cycle schedule.
///
/// An epoch is a fixed number of steps over windows drawn at random, so the cost of training
/// does not grow with the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainConfig {
    /// Weights of the loss terms.
    pub objective: ObjectiveConfig,
    /// Largest number of epochs. Default: 8.
    pub epochs: usize,
    /// Steps per epoch. Default: 50.
    pub steps_per_epoch: usize,
    /// Batch size B: windows per step and device. Default: 32.
    pub batch_size: usize,
    /// Highest learning rate of the cycle, in (0, 1]. Default: 1e-3.
    pub learning_rate: f64,
    /// Share of the steps in which the learning rate rises, in (0, 1); then it falls along
    /// a cosine (Smith & Topin 2019). Default: 0.3.
    pub warmup_fraction: f64,
    /// Weight decay of AdamW. Default: 0.01.
    pub weight_decay: f32,
    /// Largest gradient norm of each parameter tensor (gradient clipping); `"off"` turns it
    /// off. Default: 1.
    #[serde(with = "aster_base::off")]
    #[cfg_attr(feature = "schema", schemars(with = "aster_base::off::Schema<f32>"))]
    pub max_grad_norm: Option<f32>,
    /// Share of the rows, the last in time, that only validate. Default: 0.2.
    pub validation: f64,
    /// Share of the rows that are bad, in [0, 0.5), by what is known of them (contamination). So many, those of the
    /// highest scores and half a window on each side of them, are left out of the memory bank, of calibration and of
    /// the scores that the threshold is fitted on; and of each batch twice that share of windows, those of the
    /// largest errors, does not count in the reconstruction loss (trimmed loss). Declared of rows that are all good,
    /// it makes alarms more frequent than promised. Default: 0.
    pub contamination: f64,
    /// Windows, evenly spaced, on which each epoch is validated. Default: 512.
    pub validation_windows: usize,
    /// Epochs without a better validation loss after which to stop (early stopping); `"off"`
    /// never stops early. Default: 5.
    #[serde(with = "aster_base::off")]
    #[cfg_attr(feature = "schema", schemars(with = "aster_base::off::Schema<usize>"))]
    pub patience: Option<usize>,
    /// Seed of weights, windows and noise. Burn draws weights, and the dropout of LoRA, from one state of the
    /// process: trainings that run at once take turns to draw their weights, what else draws meanwhile changes
    /// them. Default: 0.
    pub seed: u64,
    /// Times that a training may go back to its last checkpoint after a loss that was not
    /// finite. Default: 2.
    pub rollbacks: usize,
    /// Factor on the learning rate, in (0, 1], each time it does. Default: 0.3.
    pub rollback_rate: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            objective: ObjectiveConfig::default(),
            epochs: 8,
            steps_per_epoch: 50,
            batch_size: 32,
            learning_rate: 1e-3,
            warmup_fraction: 0.3,
            weight_decay: 0.01,
            max_grad_norm: Some(1.0),
            validation: 0.2,
            contamination: 0.0,
            validation_windows: 512,
            patience: Some(5),
            seed: 0,
            rollbacks: 2,
            rollback_rate: 0.3,
        }
    }
}

impl TrainConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        self.objective.check().within("objective")?;
        at_least_one("epochs", self.epochs)?;
        at_least_one("steps_per_epoch", self.steps_per_epoch)?;
        at_least_one("batch_size", self.batch_size)?;
        at_least_one("validation_windows", self.validation_windows)?;
        share_above_zero("learning_rate", self.learning_rate)?;
        share_above_zero("rollback_rate", self.rollback_rate)?;
        open_share("warmup_fraction", self.warmup_fraction)?;
        open_share("validation", self.validation)?;
        let minor = (0.0..0.5).contains(&self.contamination);
        require("contamination", minor, "0 to less than 0.5", self.contamination)?;
        non_negative("weight_decay", self.weight_decay.into())?;
        if let Some(norm) = self.max_grad_norm {
            positive("max_grad_norm", norm.into())?;
        }
        self.patience.map_or(Ok(()), |patience| at_least_one("patience", patience))
    }

    /// Returns the share of a step's windows whose reconstruction is not learned. A bad row is in more windows
    /// than those that it fills.
    pub fn trimmed_windows(&self) -> f64 {
        2.0 * self.contamination
    }
}
