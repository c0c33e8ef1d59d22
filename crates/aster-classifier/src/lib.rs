//! Classifier heads that tell real windows from pseudo-anomalies, and the
//! gradient reversal that turns the generator against them.
//!
//! Shapes: B batch, L tokens, D width, G grades.

mod grade;
mod head;
mod reversal;

pub use grade::GradeScale;
pub use head::{Classifier, HeadConfig, HeadKind};
pub use reversal::reverse_gradient;

/// A setting that the classifier cannot be built with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// A setting outside its range.
    #[error("{name}: expected {expected}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value given.
        got: String,
    },
}
