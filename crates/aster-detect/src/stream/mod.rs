//! Scores of rows that come one by one: those of a finished series, row for row.

#[cfg(feature = "files")]
mod file;
mod policy;
mod segment;
mod state;
mod streaming;
mod streams;

#[cfg(feature = "files")]
pub use file::{FileScores, ScoreFileConfig};
pub use policy::{OnDuplicate, OnLate, OnMissing, Regular, Row, StreamConfig, StreamCounts};
pub use state::{Scored, StreamOutput};
pub use streaming::StreamingDetector;
pub use streams::Streams;
