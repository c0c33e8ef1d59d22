use std::path::{Path, PathBuf};

use aster_classifier::ClassifierError;
use aster_data::DataError;
use aster_decoder::DecoderError;
use aster_eval::EvalError;
use aster_llm::LlmError;
use aster_vae::VaeError;

use crate::Part;

/// What can go wrong in building, training, scoring, saving and loading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// From the series or the scaler.
    #[error(transparent)]
    Data(#[from] DataError),
    /// From the scores or the threshold rule.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// From the language model.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// From the encoder's settings.
    #[error("vae: {0}")]
    Vae(#[from] VaeError),
    /// From the decoder's or generator's settings.
    #[error("decoder: {0}")]
    Decoder(#[from] DecoderError),
    /// From the classifier's settings.
    #[error("classifier: {0}")]
    Classifier(#[from] ClassifierError),
    /// A part of the user's own that cannot be made.
    #[error("the {part} {name:?} cannot be made: {source}")]
    Part {
        /// Which part.
        part: &'static str,
        /// Its name.
        name: String,
        /// The cause.
        source: crate::PartError,
    },
    /// A detector that was trained with parts of the user's own, and is loaded with others.
    #[error("{} was trained with {expected}: expected these, got {got}", path.display())]
    OtherParts {
        /// The file.
        path: PathBuf,
        /// The parts in it.
        expected: String,
        /// Those given.
        got: String,
    },
    /// A setting outside its range.
    #[error("{name}: expected {expected}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: String,
        /// The value given.
        got: String,
    },
    /// Too short a series to train on: the training and the validation part need
    /// one window each.
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
    #[error("the {part} loss is {value} at step {step}; {}", told(checkpoint))]
    NonFinite {
        /// The first part that was not finite.
        part: Part,
        /// Its value.
        value: f32,
        /// Training step, from 0.
        step: usize,
        /// Its folder, of the last epoch that ended well.
        checkpoint: Option<PathBuf>,
    },
    /// Burn's training loop gave up, or the program stopped it.
    #[error("training stopped: {reason}; {}", told(checkpoint))]
    Stopped {
        /// The reason that the loop gave.
        reason: String,
        /// Its folder, of the last epoch that ended well.
        checkpoint: Option<PathBuf>,
    },
    /// A device that cannot train.
    #[error("device {device} has no autodiff: pass `device.autodiff()`")]
    NoAutodiff {
        /// The device.
        device: String,
    },
    /// A row of a stream that is not as it should be.
    #[error("row {number} of those pushed: {reason}")]
    Row {
        /// Its place among the rows that were pushed, from 0.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file holds something else than what is looked for there.
    #[error("{} is of another kind: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not what it was when it was written.
    #[error("{} is damaged: expected {expected}, got {got}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its length and checksum when it was written.
        expected: String,
        /// Those it has.
        got: String,
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
    /// The folder was written by a newer version.
    #[error("{} has format version {found}: expected at most {supported}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Newest version that can be read.
        supported: u32,
    },
    /// The weights do not belong to the config beside them, or are damaged.
    #[error("{} does not hold the model's weights: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl TrainError {
    /// With the last good checkpoint, where there is a place for it.
    pub(crate) fn with_checkpoint(mut self, last: Option<PathBuf>) -> Self {
        if let Self::NonFinite { checkpoint, .. } | Self::Stopped { checkpoint, .. } = &mut self {
            *checkpoint = last;
        }
        self
    }
}

/// What a file's error becomes.
pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_path_buf();
    move |source| TrainError::Io { path, source }
}

fn told(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is {}", path.display()),
        None => "no epoch had ended, so there is no checkpoint".into(),
    }
}
