//! What a detector found in a series, to look at: one HTML page that needs nothing else, and
//! single plots as SVG and PNG.
//!
//! ```no_run
//! use aster_data::SyntheticConfig;
//! use aster_report::{Plot, Report, ReportConfig};
//! use aster_train::{AsterConfig, Detector};
//! use burn::tensor::Device;
//!
//! # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
//! let split = SyntheticConfig::default().generate()?;
//! let detector = Detector::fit(&AsterConfig::default(), &split.train, &device)?;
//! let report = Report::new(&detector, &split.test, &ReportConfig::default())?;
//! report.html("report.html")?;
//! report.svg(Plot::Scores, "scores.svg")?;
//! # Ok(())
//! # }
//! ```

mod along;
mod config;
mod error;
mod figure;
mod figures;
mod page;
mod picture;
mod report;
mod sample;
mod web;

pub use config::{ReportConfig, Timestamps};
pub use error::ReportError;
pub use figures::Plot;
pub use report::{Alarm, Report};
