//! The ASTER [`Detector`]: what a service needs to load, score, stream, alarm and explain.
//!
//! Nothing here trains: `aster-train` makes detectors. Without its features this crate compiles
//! neither Burn's training, nor a reader of files, nor a tokenizer.
//!
//! ```no_run
//! use aster_data::TimeSeries;
//! use aster_detect::Detector;
//! use burn::tensor::Device;
//!
//! # fn run(device: Device, rows: &[f32]) -> Result<(), Box<dyn std::error::Error>> {
//! let detector = Detector::load("detector", &device)?;
//! let detection = detector.detect(&TimeSeries::from_slice(rows, detector.channels().len())?)?;
//! println!("{} alarms", detection.alarms.len());
//! # Ok(())
//! # }
//! ```
//!
//! Shapes: B batch, T window, C channels, P patch, L = T/P tokens, D width, Z latent.

mod alarm;
mod components;
mod config;
mod detection;
mod detector;
mod error;
mod explain;
mod numbers;
mod record;
mod score;
mod store;
mod stream;
mod trained;
mod weights;

pub use alarm::{Alarm, AlarmEvent, Reason};
pub use components::{CustomComponents, RowOutputs, Scorer};
pub use config::{
    AsterConfig, ComponentConfig, FusionConfig, LearnedWeights, ScoreConfig, Smoothing, Source,
    TrainConfig,
};
pub use detection::Detection;
pub use detector::Detector;
pub use error::DetectError;
pub use explain::{Attribution, ComponentScores, Contribution, LatentCodes, Stability};
pub use record::{EpochRecord, Losses, Rollback, RunRecord};
#[cfg(feature = "parquet")]
pub use stream::{FileScores, ScoreFileConfig};
pub use stream::{
    Notice, OnDuplicate, OnLate, OnMissing, Regular, Row, Scored, StreamConfig, StreamCounts,
    StreamOutput, StreamingDetector, Streams, describe_metrics,
};
pub use trained::TrainedModel;

// For other crates of this workspace.
#[doc(hidden)]
pub use store::FORMAT_VERSION;
