//! The composed ASTER model: objective, training, scoring and the [`Detector`].
//!
//! ```no_run
//! use aster_data::SyntheticConfig;
//! use aster_train::{AsterConfig, Detector};
//! use burn::tensor::Device;
//!
//! # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
//! let split = SyntheticConfig::default().generate()?;
//! let detector = Detector::fit(&AsterConfig::default(), &split.train, &device)?;
//! let found = detector.detect(&split.test)?;
//! println!("{} alarms", found.intervals.len());
//! detector.save("detector")?;
//! # Ok(())
//! # }
//! ```
//!
//! Shapes: B batch, T window, C channels, P patch, L = T/P tokens, D width,
//! Z latent, G grades.

mod artefact;
mod batch;
mod blame;
mod calibration;
mod checkpoint;
mod chunk;
mod config;
mod detector;
mod error;
mod evidence;
mod fit;
mod fusion;
mod latent;
mod layer;
mod model;
mod monitor;
mod noise;
mod objective;
mod observer;
mod parts;
mod progress;
mod record;
mod reference;
mod score_file;
mod sealed;
mod smoothing;
mod states;
mod stop;
mod strategy;
mod stream;
mod trainer;

pub use artefact::FORMAT_VERSION;
pub use batch::WindowBatch;
pub use blame::{Attribution, Blame};
pub use chunk::gradients_in_chunks;
pub use config::{
    AsterConfig, Balance, EvidenceConfig, ObjectiveConfig, ScoreConfig, Source, Space, TrainConfig,
    Weights,
};
pub use detector::{Detection, Detector};
pub use error::TrainError;
pub use latent::LatentCodes;
pub use layer::{Layer, MOST_DIMENSIONS};
pub use model::{Aster, Codes, Output};
pub use noise::{Key, Noise};
pub use objective::{LossParts, Part};
pub use observer::Observer;
pub use parts::{CustomLayer, LayerShape, PartError, Parts, RowOutputs, Scorer};
pub use record::{EpochRecord, Losses, Rollback, RunRecord};
pub use reference::Stability;
pub use score_file::{FileScores, ScoreFileConfig};
pub use smoothing::{Alignment, Smoothing};
pub use stop::Stop;
pub use strategy::Strategy;
pub use stream::{
    Found, OnDuplicate, OnLate, OnMissing, Regular, Row, Scored, StreamConfig, StreamCounts,
    StreamingDetector, Streams,
};
pub use trainer::Trainer;
