//! Training steps and scoring.

#![allow(clippy::expect_used, missing_docs)]

use aster::data::SyntheticConfig;
use aster::train::Output;
use aster::{AsterConfig, Detector};
use aster_benches::{CHANNELS, batch, flex, gpt2, sized, windows};
use burn::train::TrainStep;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn train_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train step");
    for (name, config) in [("default", AsterConfig::default()), ("GPT-2 size", gpt2())] {
        let device = flex().autodiff();
        let model = config.init(CHANNELS, &device).expect("the config is valid");
        let windows = windows(&config, sized(config.train.batch, 2), &device);
        group.throughput(Throughput::Elements(windows.dims()[0] as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| model.step(batch(&config, &windows, 0)));
        });
    }
}

/// What is read of a full batch of windows, and of one as in streaming.
fn evidence(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evidence");
    let config = AsterConfig::default();
    let model = config.init(CHANNELS, &flex()).expect("the config is valid");
    for size in [1, config.score.batch] {
        let windows = windows(&config, size, &flex());
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("{size} windows"), |bencher| {
            let outputs = [Output::Severity, Output::Reconstruction];
            bencher.iter(|| model.outputs(windows.clone(), &outputs));
        });
    }
}

/// From raw rows to scores.
fn scoring(criterion: &mut Criterion) {
    let test_rows = sized(100_000, 4000);
    let data = SyntheticConfig { channels: CHANNELS, test_rows, ..Default::default() };
    let split = data.generate().expect("the config is valid");
    let mut config = AsterConfig::default();
    (config.train.epochs, config.train.steps) = (1, 1);
    let detector = Detector::fit(&config, &split.train, &flex()).expect("it trains");
    let mut group = criterion.benchmark_group("scoring");
    group.throughput(Throughput::Elements(split.test.rows() as u64));
    group.bench_function("rows", |bencher| {
        bencher.iter(|| detector.score(&split.test).expect("same channels"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = train_step, evidence, scoring
}
criterion_main!(benches);
