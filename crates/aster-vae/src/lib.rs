//! The variational encoder of ASTER's latent space (Kingma & Welling, ICLR 2014).
//!
//! Shapes: B batch, L tokens, D width, Z latent.

mod beta;
mod encoder;
mod posterior;

pub use beta::BetaSchedule;
pub use encoder::{VaeConfig, VaeEncoder};
pub use posterior::{Posterior, Prior};

/// A setting that the encoder cannot be built with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VaeError {
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
