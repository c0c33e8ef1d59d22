//! Queries with the functions of ASTER, in one process and on a cluster.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

#[cfg(feature = "cluster")]
mod cluster;
mod fleet;
#[cfg(feature = "aws")]
mod s3;
mod score;
mod train;
