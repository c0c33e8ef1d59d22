//! Workers at a real broker, which each test starts.

mod faults;
mod fleet;
mod server;
mod share;
