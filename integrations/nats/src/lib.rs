#![cfg_attr(doctest, doc = include_str!("../README.md"))]
//! Anomaly detection with ASTER on rows that come through NATS JetStream, by any number of workers.
//!
//! A publisher sends each row to the subject of its series; workers share the series, score
//! the rows, and publish what happens to alarms. States of series and detectors are kept on the broker, so
//! that a worker may be killed, and another one goes on.
//!
//! ```no_run
//! use aster::Device;
//! use aster_nats::{Names, Publisher, WorkerConfig, put_detector, work};
//! # async fn run(detector: aster::Detector) -> Result<(), Box<dyn std::error::Error>> {
//! let context = async_nats::jetstream::new(async_nats::connect("localhost").await?);
//! let names = Names::new("pumps")?;
//! put_detector(&context, &names, &detector).await?;
//! let publisher = Publisher::new(context.clone(), names, 16).await?;
//! publisher.publish("pump 1", &aster::detect::Row::new(0, &[0.1, 0.2]), None).await?.await?;
//! let mut config = WorkerConfig::default();
//! config.group = "pumps".into();
//! let stop = async { let _ = tokio::signal::ctrl_c().await; };
//! work(&context, &config, &Device::flex(), stop).await?;
//! # Ok(())
//! # }
//! ```

mod backlog;
mod broker;
mod config;
mod detectors;
mod error;
mod lease;
mod names;
mod partition;
mod publisher;
mod record;
mod series;
mod session;
mod telemetry;
mod tell;
mod worker;

pub use aster;
pub use async_nats;
pub use backlog::backlog;
pub use config::WorkerConfig;
pub use detectors::put_detector;
pub use error::NatsError;
pub use names::{Names, partition, series, token};
pub use publisher::Publisher;
pub use telemetry::describe_metrics;
pub use tell::EVENT_HEADER;
pub use worker::work;
