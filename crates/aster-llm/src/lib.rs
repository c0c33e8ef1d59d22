//! Language models as context encoders for time series.
//!
//! [`LanguageModel`] is a GPT-2 or Llama type decoder read from a Hugging Face
//! folder; [`ContextEncoder`] puts its blocks behind a patch embedding, so that
//! windows of a series pass through them as tokens.
//!
//! Shapes: B batch, L tokens, D width, V vocabulary, P patch length, C channels.

mod adapter;
mod block;
mod config;
mod context;
mod error;
mod model;
mod weights;

pub use adapter::{LoraConfig, Projection};
pub use block::{Attention, Block, FeedForward, Norm};
pub use config::{Family, LlmConfig};
pub use context::{ContextConfig, ContextEncoder, LlmSource, Tuning};
pub use error::LlmError;
pub use model::{Backbone, LanguageModel};
