//! Baselines, evaluation, studies and text of the tools.

pub mod baselines;
pub mod choice;
pub mod contaminate;
pub mod corpus;
pub mod evaluate;
pub mod forest;
pub mod fused;
pub mod histogram;
pub mod ngram;
pub mod patches;
pub mod planted;
pub mod runs;
pub mod soak;
pub mod stationary;
pub mod studies;
pub mod tables;
pub mod watch;
