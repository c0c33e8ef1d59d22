//! Checks of series: what is likely to be another thing than a normal measurement.

mod channel;
mod copies;
mod level;
mod period;
mod policies;
mod report;
mod sentinel;
mod suspects;

pub use channel::Peculiarity;
pub use level::LevelChange;
pub use policies::{ChannelPolicies, ChannelPolicy};
pub use report::{PeculiarChannel, Suspects, TrainingReport};
#[cfg(feature = "tables")]
pub(crate) use sentinel::sentinel;
