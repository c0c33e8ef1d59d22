//! Composed ASTER network: context encoder, variational encoder, decoder and classifier as one
//! Burn module, with the loss that trains it.
//!
//! The network knows its [`ModelConfig`] alone: how it is trained, scored and turned into alarms
//! is decided elsewhere.
//!
//! Shapes: B batch, T window, C channels, P patch, L = T/P tokens, D width, Z latent, G grades.
//!
//! ```
//! use aster_model::ModelConfig;
//!
//! let mut config = ModelConfig::default();
//! config.window = 16;
//! assert!(config.check().is_ok());
//! assert_eq!((config.patch_length(), config.tokens()), (4, 4));
//! ```

mod chunk;
mod components;
mod config;
mod error;
mod layer;
mod loss;
mod network;
mod noise;

pub use components::{CustomLayer, LayerShape, NetworkComponents};
pub use config::{ModelConfig, Space};
pub use error::{ComponentError, ModelError};
pub use layer::{Layer, MAX_DIMENSIONS};
pub use loss::{LossTerm, LossTerms, LossWeights, ObjectiveConfig};
pub use network::{Aster, Codes, Output};
pub use noise::{Noise, RngKey};

// For other crates of this workspace.
#[doc(hidden)]
pub use chunk::in_chunks;
