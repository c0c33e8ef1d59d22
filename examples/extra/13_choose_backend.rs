//! Where to compute: what this build can use, what was chosen, how fast it is.
//!
//! `cargo run --release -p aster-examples-extra --example choose_backend [--features wgpu] -- [--device wgpu:0]`

use std::time::Instant;

use anyhow::Context;
use aster::prelude::*;
use clap::Parser;

/// List backends and devices, then train and score on one.
#[derive(Parser)]
struct Arguments {
    /// `auto`, or a backend with the number of a device, such as cuda:1. Overrides the variable
    /// ASTER_DEVICE.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    for backend in Backend::ALL {
        match backend.devices() {
            Ok(devices) => println!("{backend}: {} devices on this machine", devices.len()),
            Err(error) => println!("{backend}: {error}"),
        }
    }
    let device = device(arguments.device)?;
    println!("chosen: {device:?}");

    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let started = Instant::now();
    let detector = fit(&config, &split.train, &device)?;
    println!("trained {} epochs in {:.1?}", config.train.epochs, started.elapsed());
    let started = Instant::now();
    let scores = detector.score(&split.test)?;
    println!("scored {} rows in {:.1?}", scores.len(), started.elapsed());
    println!("AUROC {:.3}", auroc(&scores, split.test.labels().context("no labels")?)?);
    Ok(())
}
