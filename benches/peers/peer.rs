//! One job of `compare.py` in Rust: prints the median seconds of a repetition and the
//! peak memory of the process in MB.
//!
//! `peer <train|score> <default|gpt2> <device> <repeats>`
//! `peer <auroc|aupr|f1> <points> - <repeats>`
//! `peer <csv|parquet> <file> - <repeats>`

use std::error::Error;
use std::time::Instant;

use aster::data::{LoadOptions, TimeSeries};
use aster::eval::{auroc, average_precision, best_f1};
use aster::model::Output;
use aster::{AsterConfig, Device, DeviceChoice, device};
use aster_benches::{gpt2, gradients, memory_mb, network, scored, windows};
use burn::grad_clipping::GradientClippingConfig;
use burn::optim::AdamWConfig;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, subject, place, repeats] = arguments.as_slice() else {
        return Err("expected a job, its subject, a device and a number of repeats".into());
    };
    let repeats: usize = repeats.parse()?;
    let seconds = match job.as_str() {
        "train" => train(&config(subject)?, device(place.parse::<DeviceChoice>()?)?, repeats)?,
        "score" => score(&config(subject)?, device(place.parse::<DeviceChoice>()?)?, repeats)?,
        "auroc" => metric(subject.parse()?, repeats, auroc)?,
        "aupr" => metric(subject.parse()?, repeats, average_precision)?,
        "f1" => metric(subject.parse()?, repeats, |s, l| best_f1(s, l).map(|best| best.f1))?,
        "csv" => load(repeats, || TimeSeries::from_csv(subject, &LoadOptions::default()))?,
        "parquet" => load(repeats, || TimeSeries::from_parquet(subject, &LoadOptions::default()))?,
        other => return Err(format!("unknown job {other:?}").into()),
    };
    println!("{seconds} {}", memory_mb("VmHWM"));
    Ok(())
}

fn config(name: &str) -> Result<AsterConfig, Box<dyn Error>> {
    match name {
        "default" => Ok(AsterConfig::default()),
        "gpt2" => Ok(gpt2()),
        other => Err(format!("unknown config {other:?}").into()),
    }
}

/// One step of training as the library takes it: noise, loss, gradients, clipping, AdamW.
fn train(config: &AsterConfig, device: Device, repeats: usize) -> Result<f64, Box<dyn Error>> {
    let device = device.autodiff();
    let mut model = network(config, &device);
    let mut optimizer = AdamWConfig::new()
        .with_grad_clipping(config.train.max_grad_norm.map(GradientClippingConfig::Norm))
        .init();
    let windows = windows(config, config.train.batch_size, &device);
    median(repeats, |round| {
        let grads = gradients(&model, config, &windows, round);
        model = optimizer.step(1e-3, model.clone(), grads);
        device.sync()?;
        Ok(())
    })
}

/// One batch of scoring: the classifier's severity and the reconstruction.
fn score(config: &AsterConfig, device: Device, repeats: usize) -> Result<f64, Box<dyn Error>> {
    let model = network(config, &device);
    let windows = windows(config, config.score.batch_size, &device);
    median(repeats, |_| {
        for output in model.outputs(windows.clone(), &[Output::Severity, Output::Reconstruction]) {
            output.try_into_data()?;
        }
        Ok(())
    })
}

fn metric<E: Error + 'static>(
    points: usize,
    repeats: usize,
    metric: impl Fn(&[f32], &[bool]) -> Result<f64, E>,
) -> Result<f64, Box<dyn Error>> {
    let (scores, labels) = scored(points);
    median(repeats, |_| metric(&scores, &labels).map(|_| ()).map_err(Into::into))
}

fn load<E: Error + 'static>(
    repeats: usize,
    read: impl Fn() -> Result<TimeSeries, E>,
) -> Result<f64, Box<dyn Error>> {
    median(repeats, |_| read().map(|_| ()).map_err(Into::into))
}

/// Median of the repetitions after one that does not count.
fn median(
    repeats: usize,
    mut job: impl FnMut(usize) -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    job(0)?;
    let mut seconds = Vec::with_capacity(repeats);
    for round in 1..=repeats {
        let started = Instant::now();
        job(round)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[repeats / 2])
}
