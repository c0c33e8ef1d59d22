//! From the network's outputs to one score per row.

mod aggregation;
mod binary_channels;
mod calibration;
mod components;
mod fusion;
mod reference;
mod run;
mod smoothing;
mod walk;

pub(crate) use calibration::Calibration;
pub(crate) use components::{Components, component_values};
pub(crate) use fusion::Fusion;
pub(crate) use reference::ReferenceDistributions;
pub(crate) use run::{Runner, outputs_read};
pub(crate) use smoothing::MovingMean;
pub(crate) use walk::{FinalRows, Grid, Outputs, WindowWalk};
