//! Training steps and scoring.

#![allow(clippy::expect_used, missing_docs)]

use aster::data::SyntheticConfig;
use aster::model::Output;
use aster::{AsterConfig, fit};
use aster_benches::{CHANNELS, flex, gpt2, gradients, network, sized, windows};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn train_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train step");
    for (name, config) in [("default", AsterConfig::default()), ("GPT-2 size", gpt2())] {
        let device = flex().autodiff();
        let model = network(&config, &device);
        let windows = windows(&config, sized(config.train.batch_size, 2), &device);
        group.throughput(Throughput::Elements(windows.dims()[0] as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| gradients(&model, &config, &windows, 0));
        });
    }
}

/// Outputs of the network for a full batch of windows, and for one as in streaming.
fn outputs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outputs");
    let config = AsterConfig::default();
    let model = network(&config, &flex());
    for size in [1, config.score.batch_size] {
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
    (config.train.epochs, config.train.steps_per_epoch) = (1, 1);
    let detector = fit(&config, &split.train, &flex()).expect("it trains");
    let mut group = criterion.benchmark_group("scoring");
    group.throughput(Throughput::Elements(split.test.rows() as u64));
    group.bench_function("rows", |bencher| {
        bencher.iter(|| detector.score(&split.test).expect("same channels"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = train_step, outputs, scoring
}
criterion_main!(benches);
