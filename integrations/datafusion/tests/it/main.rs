//! Queries with the functions of ASTER, in one process and on a cluster.

#[cfg(feature = "cluster")]
mod cluster;
mod fleet;
mod score;
mod train;
