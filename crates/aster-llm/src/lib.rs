//! Language models as context encoders for time series.
//!
//! [`LanguageModel`] is a Transformer of the GPT-2, Llama, Qwen or BERT type read from a
//! Hugging Face folder; [`ContextEncoder`] puts its blocks behind a patch embedding, so that
//! windows of a series pass through them as tokens.
//!
//! Shapes: B batch, L tokens, D width, V vocabulary, P patch length, C channels.

mod context;
mod error;
mod pretrained;
mod transformer;

pub use context::{
    ContextConfig, ContextEncoder, InputConfig, LlmSource, Precision, Prompt, PromptTokens, Tuning,
};
pub use error::LlmError;
#[cfg(feature = "hub")]
pub use pretrained::Hub;
pub use pretrained::Pretrained;
pub use transformer::{
    Activation, Backbone, Family, LanguageModel, LlmConfig, LoraConfig, RopeScaling, Target,
};
