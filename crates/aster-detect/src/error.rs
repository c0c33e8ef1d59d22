use aster_base::SettingError;
use aster_data::DataError;
use aster_eval::EvalError;
use aster_llm::LlmError;
use aster_model::ModelError;
use aster_store::StoreError;

/// The errors of scoring, streaming, explaining, saving and loading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The series or the scaler is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The scores or the threshold are wrong.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The network cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The language model cannot be read.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// A folder cannot be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A detector that was trained with custom components is loaded with others.
    #[error("{place} was trained with {expected}: expected these, got {got}")]
    OtherComponents {
        /// The file, or where in a buffer.
        place: String,
        /// The components in it.
        expected: String,
        /// The components given.
        got: String,
    },
    /// A row of a stream is not as it should be.
    #[error("row {number} of those pushed: {reason}")]
    Row {
        /// Position of the row among the rows that were pushed, from 0.
        number: usize,
        /// Fault of the row, in words.
        reason: String,
    },
    /// A stream belongs to another detector.
    #[error("{place} is of the detector {expected}: expected that one, got {got}")]
    OtherDetector {
        /// The file.
        place: String,
        /// Fingerprint of the detector that it belongs to.
        expected: String,
        /// Fingerprint of the detector given.
        got: String,
    },
    /// Rows of a stream are not kept, or not yet scored.
    #[error("rows {rows:?} of the stream: {reason}")]
    Rows {
        /// The rows asked for, by their numbers in the stream.
        rows: std::ops::Range<u64>,
        /// What is missing, in words.
        reason: String,
    },
    /// A feature of this crate is missing from the build.
    #[error("{what} needs feature {feature:?}: enable it in Cargo.toml")]
    Feature {
        /// Setting or call that needs the feature.
        what: &'static str,
        /// The feature of `aster` or `aster-detect`.
        feature: &'static str,
    },
}
