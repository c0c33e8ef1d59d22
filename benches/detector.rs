//! A training step and batched scoring at the default config.

#![allow(clippy::expect_used, missing_docs)]

use aster::data::SyntheticConfig;
use aster::train::{Key, Noise, WindowBatch};
use aster::{AsterConfig, Backend, Detector, device};
use burn::tensor::{Distribution, Tensor};
use burn::train::TrainStep;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CHANNELS: usize = 19;

fn train_step(criterion: &mut Criterion) {
    let config = AsterConfig::default();
    let device = device(Backend::Flex).expect("flex is a default feature").autodiff();
    let model = config.init(CHANNELS, &device).expect("the default config is valid");
    let shape = [config.train.batch, config.window, CHANNELS];
    let windows = Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let key = |place| Key { seed: 0, round: 0, place };
    let keys: Vec<Key> = (0..config.train.batch as u64).map(key).collect();
    criterion.bench_function("train step", |bencher| {
        bencher.iter(|| {
            let noise = Noise::draw(&config, CHANNELS, &keys, &device);
            model.step(WindowBatch { windows: windows.clone(), noise, step: 0 })
        });
    });
}

fn scoring(criterion: &mut Criterion) {
    let data = SyntheticConfig { channels: CHANNELS, test_rows: 8192, ..Default::default() };
    let split = data.generate().expect("the config is valid");
    let mut config = AsterConfig::default();
    config.train.epochs = 1;
    config.train.steps = 1;
    let device = device(Backend::Flex).expect("flex is a default feature");
    let detector = Detector::fit(&config, &split.train, &device).expect("it trains");
    let mut group = criterion.benchmark_group("scoring");
    group.throughput(Throughput::Elements(split.test.rows() as u64));
    group.bench_function("rows", |bencher| {
        bencher.iter(|| detector.score(&split.test).expect("same channels"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = train_step, scoring
}
criterion_main!(benches);
