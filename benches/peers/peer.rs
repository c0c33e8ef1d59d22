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
use aster::llm::{LlmConfig, LlmSource};
use aster::train::{Key, Noise, Source, WindowBatch};
use aster::{AsterConfig, Device, DeviceChoice, device};
use burn::grad_clipping::GradientClippingConfig;
use burn::optim::AdamWConfig;
use burn::tensor::{Distribution, Tensor};
use burn::train::TrainStep;

const CHANNELS: usize = 19;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, subject, place, repeats] = arguments.as_slice() else {
        return Err("expected a job, its subject, a device and a number of repeats".into());
    };
    let repeats: usize = repeats.parse()?;
    let seconds = match job.as_str() {
        "train" => train(&config(subject)?, device(place.parse::<DeviceChoice>()?)?, repeats)?,
        "score" => score(&config(subject)?, device(place.parse::<DeviceChoice>()?)?, repeats)?,
        "auroc" => metric(subject.parse()?, repeats, |s, l| auroc(s, l))?,
        "aupr" => metric(subject.parse()?, repeats, |s, l| average_precision(s, l))?,
        "f1" => metric(subject.parse()?, repeats, |s, l| best_f1(s, l).map(|best| best.f1))?,
        "csv" => load(repeats, || TimeSeries::from_csv(subject, &LoadOptions::default()))?,
        "parquet" => load(repeats, || TimeSeries::from_parquet(subject, &LoadOptions::default()))?,
        other => return Err(format!("unknown job {other:?}").into()),
    };
    println!("{seconds} {}", peak_mb()?);
    Ok(())
}

fn config(name: &str) -> Result<AsterConfig, Box<dyn Error>> {
    let mut config = AsterConfig::default();
    match name {
        "default" => {}
        "gpt2" => {
            config.context.llm = LlmSource::Random(LlmConfig {
                width: 768,
                layers: 12,
                heads: 12,
                kv_heads: 12,
                feed_forward: 3072,
                positions: 1024,
                ..Default::default()
            });
        }
        other => return Err(format!("unknown config {other:?}").into()),
    }
    Ok(config)
}

/// One step of training as the library takes it: noise, loss, gradients, clipping, AdamW.
fn train(config: &AsterConfig, device: Device, repeats: usize) -> Result<f64, Box<dyn Error>> {
    let device = device.autodiff();
    let mut model = config.init(CHANNELS, &device)?;
    let mut optimizer = AdamWConfig::new()
        .with_grad_clipping(config.train.clip.map(GradientClippingConfig::Norm))
        .init();
    let windows = windows(config, config.train.batch, &device);
    median(repeats, |round| {
        let keys: Vec<Key> = (0..config.train.batch as u64)
            .map(|place| Key { seed: 0, round: round as u64, place })
            .collect();
        let noise = Noise::draw(config, CHANNELS, &keys, &device);
        let output = model.step(WindowBatch { windows: windows.clone(), noise, step: round });
        model = optimizer.step(1e-3, model.clone(), output.grads);
        device.sync()?;
        Ok(())
    })
}

/// One batch of scoring: the classifier's evidence and the reconstruction's.
fn score(config: &AsterConfig, device: Device, repeats: usize) -> Result<f64, Box<dyn Error>> {
    let model = config.init(CHANNELS, &device)?;
    let windows = windows(config, config.score.batch, &device);
    median(repeats, |_| {
        for piece in model.evidence(windows.clone(), &[Source::Classifier, Source::Reconstruction])
        {
            piece.try_into_data()?;
        }
        Ok(())
    })
}

fn windows(config: &AsterConfig, batch: usize, device: &Device) -> Tensor<3> {
    let shape = [batch, config.window, CHANNELS];
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn metric<E: Error + 'static>(
    points: u32,
    repeats: usize,
    metric: impl Fn(&[f32], &[bool]) -> Result<f64, E>,
) -> Result<f64, Box<dyn Error>> {
    // A multiplicative hash stands in for random scores.
    let scores: Vec<f32> =
        (0..points).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32).collect();
    let labels: Vec<bool> = (0..points).map(|i| i % 5000 < 50).collect();
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

/// Peak resident memory as Linux counts it; 0 elsewhere.
fn peak_mb() -> Result<u64, Box<dyn Error>> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kilobytes = line.split_whitespace().nth(1).unwrap_or("0").parse::<u64>()?;
    Ok(kilobytes / 1024)
}
