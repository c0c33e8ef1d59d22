//! Classifier heads that tell real windows from pseudo-anomalies, and the
//! gradient reversal that turns the generator against them.
//!
//! Shapes: B batch, L tokens, D width, G grades.

mod grade;
mod head;
mod reversal;

pub use head::{Classifier, HeadConfig, HeadKind};

// For other crates of this workspace.
#[doc(hidden)]
pub use grade::GradeScale;
#[doc(hidden)]
pub use reversal::reverse_gradient;
