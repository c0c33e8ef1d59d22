//! Context of patches: embedding, prompt and language model.

mod cache;
mod encoder;
mod input;
mod prompt;

pub use encoder::{ContextConfig, ContextEncoder, LlmSource, Precision, Tuning};
pub use input::InputConfig;
pub use prompt::{Prompt, PromptTokens};
