// Its programs need features that a doc test may lack.
#![cfg_attr(
    any(not(doctest), all(feature = "train", feature = "files", feature = "report")),
    doc = include_str!("../README.md")
)]

/// Compiles and runs the code of the docs.
#[cfg(all(doctest, feature = "bundled", feature = "files", feature = "report", feature = "train"))]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/introduction.md")]
#[doc = include_str!("../../../docs/tutorials/first-detector.md")]
#[doc = include_str!("../../../docs/tutorials/own-csv.md")]
#[doc = include_str!("../../../docs/tutorials/streaming.md")]
#[doc = include_str!("../../../docs/tutorials/language-model.md")]
#[doc = include_str!("../../../docs/tutorials/devices.md")]
#[doc = include_str!("../../../docs/how-to.md")]
#[doc = include_str!("../../../docs/own-data.md")]
#[doc = include_str!("../../../docs/parts.md")]
#[doc = include_str!("../../../docs/report.md")]
#[doc = include_str!("../../../docs/method.md")]
#[doc = include_str!("../../../docs/streams.md")]
#[doc = include_str!("../../../docs/alarms.md")]
#[doc = include_str!("../../../docs/faults.md")]
#[doc = include_str!("../../../docs/config.md")]
#[doc = include_str!("../../../docs/llm.md")]
#[doc = include_str!("../../../docs/backends.md")]
#[doc = include_str!("../../../docs/build.md")]
#[doc = include_str!("../../../docs/datasets.md")]
#[doc = include_str!("../../../docs/results.md")]
#[doc = include_str!("../../../docs/tried.md")]
pub struct Docs;

mod device;
pub mod prelude;

pub use aster_base::{Configure, SettingError};
pub use aster_classifier as classifier;
pub use aster_data as data;
pub use aster_decoder as decoder;
pub use aster_detect as detect;
pub use aster_detect::{AsterConfig, DetectError, Detection, Detector, RunRecord};
pub use aster_eval as eval;
pub use aster_llm as llm;
pub use aster_model as model;
#[cfg(feature = "report")]
pub use aster_report as report;
#[cfg(feature = "train")]
pub use aster_train as train;
#[cfg(feature = "train")]
pub use aster_train::{TrainError, fit, refit};
pub use aster_vae as vae;
pub use burn;
pub use burn::tensor::Device;
pub use device::{Backend, DEVICE_VARIABLE, DeviceChoice, DeviceError, device};
#[cfg(feature = "schema")]
pub use schemars;
