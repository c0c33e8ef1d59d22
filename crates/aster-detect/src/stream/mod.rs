//! Scores of rows that come one by one: those of a finished series, row for row.

#[cfg(feature = "parquet")]
mod file;
mod history;
mod memory;
mod notice;
mod output;
mod policy;
mod reorder;
mod row;
mod saved;
mod segment;
mod state;
mod streaming;
mod streams;
mod telemetry;
mod watch;

#[cfg(feature = "parquet")]
pub use file::{FileScores, ScoreFileConfig};
pub use notice::Notice;
pub use output::StreamOutput;
pub use policy::{OnDuplicate, OnLate, OnMissing, Regular, StreamConfig, StreamCounts};
pub use row::{Row, Scored};
pub use streaming::StreamingDetector;
pub use streams::Streams;
pub use telemetry::describe_metrics;
