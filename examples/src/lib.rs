//! What the examples share: rival methods and their evaluation.

pub mod baselines;
pub mod corpus;
pub mod evaluate;
pub mod ngram;
