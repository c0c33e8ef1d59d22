#![doc = include_str!("../../../README.md")]

/// Compiles and runs the code of the docs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/backends.md")]
#[doc = include_str!("../../../docs/llm.md")]
#[doc = include_str!("../../../docs/operation.md")]
pub struct Docs;

mod device;
pub mod prelude;

pub use aster_classifier as classifier;
pub use aster_data as data;
pub use aster_decoder as decoder;
pub use aster_eval as eval;
pub use aster_llm as llm;
pub use aster_train as train;
pub use aster_train::{AsterConfig, Detection, Detector, RunRecord, TrainError};
pub use aster_vae as vae;
pub use burn;
pub use burn::tensor::Device;
pub use device::{Backend, DEVICE_VARIABLE, DeviceChoice, DeviceError, device};
