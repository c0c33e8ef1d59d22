//! Workers at a real broker, which each test starts.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

mod faults;
mod fleet;
mod server;
mod share;
