use std::fmt::Display;
use std::path::{Path, PathBuf};

use aster_base::SettingError;
use aster_detect::DetectError;
use aster_eval::EvalError;

use crate::plot::Plot;

/// The errors of making a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The series cannot be scored, or its scores attributed to channels.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The scores or the labels are wrong.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
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
