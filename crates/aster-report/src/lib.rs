//! Reports of what a detector found in a series: one HTML page that needs nothing else, and
//! single plots as SVG and PNG.
//!
//! ```no_run
//! use aster_data::TimeSeries;
//! use aster_detect::Detector;
//! use aster_report::{Plot, Report, ReportConfig};
//!
//! # fn run(detector: Detector, series: TimeSeries) -> Result<(), Box<dyn std::error::Error>> {
//! let report = Report::new(&detector, &series, &ReportConfig::default())?;
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
mod list;
mod page;
mod picture;
mod plot;
mod report;
mod sample;
mod web;

pub use config::ReportConfig;
pub use error::ReportError;
pub use plot::Plot;
pub use report::{ExplainedAlarm, Report};
