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
