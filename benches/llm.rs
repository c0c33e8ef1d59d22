//! Costs of a language model, and of what spares it.

#![allow(clippy::expect_used, missing_docs)]

use aster::AsterConfig;
use aster::llm::{Backbone, InputConfig, LlmConfig, LlmSource, LoraConfig, Target, Tuning};
use aster::model::Output;
use aster_benches::{flex, gpt2, network, sized, windows};
use burn::module::{Lora, Module, ParamGroup};
use burn::tensor::{Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};

/// A training step through blocks of GPT-2's width: low-rank updates as `x W + (x A) B`, as
/// Burn's `W + A B`, and none.
fn low_rank(criterion: &mut Criterion) {
    let device = flex().autodiff();
    let LlmSource::Random(shape) = gpt2().model.context.llm else { unreachable!() };
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

/// The outputs for windows that were seen before, as in an ablation of what comes after a
/// frozen model, without and with a cache of its embeddings.
fn cache(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outputs = [Output::Severity, Output::Reconstruction];
    for (model, llm) in [("bundled", LlmSource::Bundled), ("GPT-2 size", gpt2().model.context.llm)]
    {
        let mut config = AsterConfig::default();
        config.model.context.llm = llm;
        config.model.context.tuning = Tuning::Frozen;
        config.model.context.input = InputConfig::Fixed;
        let windows = windows(&config, sized(256, 2), &flex());
        let mut group = criterion.benchmark_group(format!("outputs, {model}"));
        for (name, cache) in [("computed", None), ("cached", Some(folder.path().into()))] {
            config.model.context.cache = cache;
            let model = network(&config, &flex());
            model.outputs(windows.clone(), &outputs); // fills the cache
            group.bench_function(name, |bencher| {
                bencher.iter(|| model.outputs(windows.clone(), &outputs));
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
