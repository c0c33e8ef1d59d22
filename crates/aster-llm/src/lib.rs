//! Language models as context encoders for time series.
//!
//! [`LanguageModel`] is a Transformer of the GPT-2, Llama, Qwen or BERT type read from a
//! Hugging Face folder; [`ContextEncoder`] puts its blocks behind a patch embedding, so that
//! windows of a series pass through them as tokens.
//!
//! Shapes: B batch, L tokens, D width, V vocabulary, P patch length, C channels.

mod adapter;
mod block;
mod cache;
mod config;
mod context;
mod error;
mod export;
mod files;
mod hf;
#[cfg(feature = "hub")]
mod hub;
mod input;
mod load;
mod model;
mod pretrained;
mod prompt;
mod rotary;
mod weights;

pub use adapter::{LoraConfig, Target};
pub use config::{Activation, Family, LlmConfig, RopeScaling};
pub use context::{ContextConfig, ContextEncoder, LlmSource, Precision, Tuning};
pub use error::LlmError;
#[cfg(feature = "hub")]
pub use hub::Hub;
pub use input::InputConfig;
pub use model::{Backbone, LanguageModel};
pub use pretrained::Pretrained;
pub use prompt::{Prompt, PromptTokens};
