//! What a language model costs, and what spares it.

#![allow(clippy::expect_used, missing_docs)]

use aster::data::SyntheticConfig;
use aster::llm::{Backbone, InputConfig, LlmConfig, LlmSource, LoraConfig, Target, Tuning};
use aster::{AsterConfig, Backend, Detector, Device, device};
use aster_benches::{CHANNELS, gpt2, sized};
use burn::module::{Lora, Module, ParamGroup};
use burn::tensor::{Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};

fn flex() -> Device {
    device(Backend::Flex).expect("flex is a default feature")
}

/// A training step through blocks of GPT-2's width: low-rank updates as `x W + (x A) B`, as
/// Burn's `W + A B`, and none.
fn low_rank(criterion: &mut Criterion) {
    let device = flex().autodiff();
    let LlmSource::Random(shape) = gpt2().context.llm else { unreachable!() };
    let shape = LlmConfig { layers: 2, ..shape };
    let base = Backbone::random(&shape, true, &device).expect("the config is valid").no_grad();
    let config = LoraConfig { rank: 4, targets: Target::ALL.to_vec(), ..Default::default() };
    let factored = base.clone().with_lora(&config, &device).expect("the config is valid");
    let blocks = ParamGroup::all().exclude(ParamGroup::from_paths(vec!["positions.weight"]));
    let summed = base.clone().apply_lora(Lora::new(4, config.alpha).set_param_group(blocks));
    let x = Tensor::<3>::random([32, 8, 768], Distribution::Normal(0.0, 1.0), &device);
    let x = x.require_grad();
    let mut group = criterion.benchmark_group("LoRA, two blocks of GPT-2");
    for (name, model) in [("none", base), ("factored", factored), ("Burn's", summed)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| model.forward(x.clone()).sum().backward());
        });
    }
}

/// Scoring with a frozen model again and again, as an ablation of the score or of the head
/// does, without and with a cache of its embeddings.
fn cache(criterion: &mut Criterion) {
    let test_rows = sized(10_000, 500);
    let data = SyntheticConfig { channels: CHANNELS, test_rows, ..Default::default() };
    let split = data.generate().expect("the config is valid");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = AsterConfig::default();
    (config.train.epochs, config.train.steps) = (1, 1);
    config.context.tuning = Tuning::Frozen;
    config.context.input = InputConfig::Fixed;
    for (model, llm) in [("bundled", LlmSource::Bundled), ("GPT-2 size", gpt2().context.llm)] {
        config.context.llm = llm;
        let mut group = criterion.benchmark_group(format!("scoring, {model}"));
        for (name, cache) in [("computed", None), ("cached", Some(folder.path().into()))] {
            config.context.cache = cache;
            let detector = Detector::fit(&config, &split.train, &flex()).expect("it trains");
            detector.score(&split.test).expect("same channels"); // fills the cache
            group.bench_function(name, |bencher| {
                bencher.iter(|| detector.score(&split.test).expect("same channels"));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = low_rank, cache
}
criterion_main!(benches);
