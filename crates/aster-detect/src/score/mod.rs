//! From the network's outputs to one score per row.

mod aggregation;
mod apart;
mod bank;
mod calibration;
mod change;
mod components;
mod context_channels;
mod detrend;
mod edges;
mod filter;
mod fusion;
mod holding;
mod reading;
mod reference;
mod run;
mod smoothing;
mod surrogate;
mod walk;

pub(crate) use aggregation::{channel_part, joined_parts};
pub(crate) use apart::{highest_rows, rows_outside};
pub(crate) use bank::MemoryBank;
pub(crate) use calibration::Calibration;
pub(crate) use components::{Components, component_values};
pub(crate) use context_channels::two_values;
pub(crate) use edges::Edges;
pub(crate) use filter::Filter;
pub(crate) use fusion::{Fusion, weighted_power_mean};
pub(crate) use reading::Reading;
pub(crate) use reference::ReferenceDistributions;
pub(crate) use run::Runner;
pub(crate) use smoothing::MovingMean;
pub(crate) use surrogate::{Kind, Surrogate};
pub(crate) use walk::{FinalRows, Grid, Outputs, WindowWalk};
