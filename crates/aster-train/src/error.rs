use std::path::PathBuf;

use aster_base::SettingError;
use aster_data::DataError;
use aster_detect::DetectError;
use aster_model::{LossTerm, ModelError};
use aster_store::StoreError;

/// The errors of training a detector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The series is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The trained network cannot be calibrated.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The training series is too short: its training and its validation part need one window
    /// each.
    #[error(
        "the training series has {rows} rows: expected at least {needed}, \
         one window each for training and validation"
    )]
    TooFewRows {
        /// Rows of the series.
        rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A loss that is NaN or infinite ended the training.
    #[error("the {term} loss is {value} at step {step}; {}", last_good(checkpoint))]
    NonFinite {
        /// First loss term that was not finite.
        term: LossTerm,
        /// Value of the loss.
        value: f32,
        /// Training step, from 0.
        step: usize,
        /// Folder of the last good checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// Burn's training loop gave up, or the training was cancelled before an epoch had ended.
    #[error("training stopped: {reason}; {}", last_good(checkpoint))]
    Stopped {
        /// The reason that the loop gave.
        reason: String,
        /// Folder of the last good checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// A device cannot train.
    #[error("device {device} has no autodiff: pass `device.autodiff()`")]
    NoAutodiff {
        /// The device.
        device: String,
    },
    /// Checkpoints have no place.
    #[error(
        "training keeps checkpoints, and {} cannot be written: {source}; expected a folder that \
         can, from `with_checkpoints` or as the temporary one of the system (TMPDIR)",
        folder.display()
    )]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The folder for checkpoints holds those of another training.
    #[error(
        "{} holds checkpoints of another config, series or version: expected those of this \
         training, to go on from, or none",
        folder.display()
    )]
    OtherTraining {
        /// The folder.
        folder: PathBuf,
    },
}

impl TrainError {
    /// Names the last good checkpoint, where there is a place for it.
    pub(crate) fn with_checkpoint(mut self, last: Option<PathBuf>) -> Self {
        if let Self::NonFinite { checkpoint, .. } | Self::Stopped { checkpoint, .. } = &mut self {
            *checkpoint = last;
        }
        self
    }
}

fn last_good(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is {}", path.display()),
        None => "no epoch had ended, so there is no checkpoint".into(),
    }
}
