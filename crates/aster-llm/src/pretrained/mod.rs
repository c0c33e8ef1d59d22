//! Weights, configs and tokenizers in the layout of the Hugging Face hub.

mod export;
mod files;
mod hf;
#[cfg(feature = "hub")]
mod hub;
mod load;
mod source;
mod weights;

#[cfg(feature = "hub")]
pub use hub::Hub;
pub use source::Pretrained;
