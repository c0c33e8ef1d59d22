//! The Transformer decoder and the pseudo-anomaly generator it shapes.
//!
//! Shapes: B batch, L tokens, Z latent, F features per token (P*C in patch
//! space, D in latent space).

mod decoder;
mod generator;
mod sampler;

pub use decoder::{Decoded, Decoder, DecoderConfig};
pub use generator::{
    Gates, Generator, GeneratorConfig, GeneratorForm, GeneratorNoise, PseudoAnomaly,
};
pub use sampler::CodeSampler;

/// A setting that the decoder or generator cannot be built with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecoderError {
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
