//! Transformer language models, with low-rank adaptation.

mod adapter;
mod block;
mod config;
mod model;
mod rotary;

pub use adapter::{LoraConfig, Target};
pub(crate) use block::{Attention, Block, FeedForward, Norm};
pub use config::{Activation, Family, LlmConfig, RopeScaling};
pub use model::{Backbone, LanguageModel};
pub(crate) use model::{embedding, truncated};
