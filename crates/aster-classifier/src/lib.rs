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
