//! What a detector tells besides scores and alarms.

mod attribution;
mod component_scores;
mod latent;
mod occlusion;
mod reasons;
mod rerun;
mod stability;

pub use attribution::{Attribution, Contribution};
pub use component_scores::ComponentScores;
pub use latent::LatentCodes;
pub(crate) use reasons::peaks_near;
pub use stability::Stability;
