use std::fmt::Display;
use std::path::{Path, PathBuf};

use aster_eval::EvalError;
use aster_train::TrainError;

use crate::Plot;

/// What can go wrong with a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// From scoring, or from blaming channels.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// From the scores or the labels.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A setting outside its range.
    #[error("{name}: expected at least {least}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// The least value.
        least: usize,
        /// The value given.
        got: usize,
    },
    /// A plot of what the report does not have: curves without labels, say.
    #[error("there is nothing to draw for {plot:?}: {reason}")]
    Nothing {
        /// The plot.
        plot: Plot,
        /// Why.
        reason: &'static str,
    },
    /// The latent space could not be laid out in two dimensions.
    #[error("the latent space: {0}")]
    Latent(String),
    /// A page or a plot could not be made.
    #[error("{}: {reason}", path.display())]
    Drawing {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl ReportError {
    pub(crate) fn drawing(path: &Path, reason: &dyn Display) -> Self {
        Self::Drawing { path: path.into(), reason: reason.to_string() }
    }
}

pub(crate) fn write(path: &Path, text: String) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io { path: path.into(), source })
}
