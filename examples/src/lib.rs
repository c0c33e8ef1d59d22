//! What the examples share: rival methods, evaluation, studies, text.

pub mod baselines;
pub mod corpus;
pub mod evaluate;
pub mod forest;
pub mod histogram;
pub mod ngram;
pub mod studies;
