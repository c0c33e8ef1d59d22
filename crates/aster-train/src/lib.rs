//! Training of ASTER detectors: optimisation, checkpoints, several devices.
//!
//! ```no_run
//! use aster_data::SyntheticConfig;
//! use aster_detect::AsterConfig;
//! use burn::tensor::Device;
//!
//! # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
//! let split = SyntheticConfig::default().generate()?;
//! let detector = aster_train::fit(&AsterConfig::default(), &split.train, &device)?;
//! let detection = detector.detect(&split.test)?;
//! println!("{} alarms", detection.alarms.len());
//! detector.save("detector")?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod cancel;
mod checkpoint;
mod epochs;
mod error;
mod fresh;
mod monitor;
mod observer;
mod progress;
mod step;
mod strategy;
mod trainer;

pub use cancel::CancelToken;
pub use error::TrainError;
pub use observer::Observer;
pub use strategy::Strategy;
pub use trainer::{Trainer, fit, refit};

// For other crates of this workspace.
#[doc(hidden)]
pub use step::gradients_in_chunks;
