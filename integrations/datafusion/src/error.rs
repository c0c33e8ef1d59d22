use aster::{DetectError, TrainError};
use datafusion::error::DataFusionError;

/// Error of a function of ASTER in a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// A URL names no place where detectors could be.
    #[error("detector {url:?}: expected a URL or a path, got {reason}")]
    Url {
        /// The text that was given.
        url: String,
        /// Why it is none.
        reason: String,
    },
    /// No kind of store that is compiled in has an option of this name.
    #[error("expected an option of a store, such as aws_region with feature \"aws\", got {name:?}")]
    Option {
        /// The name that was given.
        name: String,
    },
    /// A detector cannot be fetched or put.
    #[error("detector {url:?}: {source}")]
    Store {
        /// Where it was looked for.
        url: String,
        /// What the store says.
        source: Box<object_store::Error>,
    },
    /// A detector cannot be read, or does not fit the columns.
    #[error("detector {url:?}{}: {source}", fingerprint.as_deref().map(|it| format!(" ({it})")).unwrap_or_default())]
    Detector {
        /// Where it is.
        url: String,
        /// Its fingerprint, where it could be read.
        fingerprint: Option<String>,
        /// Fault, in the library's words.
        source: Box<DetectError>,
    },
    /// Rows make no series to train on, or the training fails.
    #[error("{function}: {source}")]
    Train {
        /// The function that was called.
        function: &'static str,
        /// Fault, in the library's words.
        source: Box<TrainError>,
    },
    /// An argument is not as it should be.
    #[error("{function}: expected {expected}, got {got}")]
    Argument {
        /// The function that was called.
        function: &'static str,
        /// What would have been right.
        expected: String,
        /// What was there.
        got: String,
    },
    /// The thread that fetches detectors cannot be started, or has ended.
    #[error("detectors cannot be fetched: {reason}")]
    Fetching {
        /// What the system says.
        reason: String,
    },
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}
