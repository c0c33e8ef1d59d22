//! What the examples share: rival methods and their evaluation.

pub mod baselines;
pub mod evaluate;
