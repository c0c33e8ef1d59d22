//! Variational encoder (VAE) of ASTER's latent space (Kingma & Welling, ICLR 2014).
//!
//! Shapes: B batch, L tokens, D width, Z latent.

mod beta;
mod encoder;
mod posterior;

pub use beta::BetaSchedule;
pub use encoder::{VaeConfig, VaeEncoder};
pub use posterior::{Posterior, Prior};
