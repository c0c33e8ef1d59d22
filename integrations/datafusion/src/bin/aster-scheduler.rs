//! Scheduler of a Ballista cluster whose queries know `aster_score` and `aster_train`.
//!
//! `cargo run --release --bin aster-scheduler -- --help`

use aster_datafusion::aster::{DeviceChoice, device};
use aster_datafusion::cluster::Scheduler;
use aster_datafusion::{Detectors, Functions, Stores};
use clap::Parser;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about = "Scheduler of a Ballista cluster for queries with ASTER")]
struct Arguments {
    #[command(flatten)]
    scheduler: Scheduler,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Arguments { scheduler } = Arguments::parse();
    let stores = Stores::default().with_environment();
    let functions = Functions::new(Detectors::new(device(DeviceChoice::Auto)?).with_stores(stores));
    Ok(scheduler.run(functions).await?)
}
