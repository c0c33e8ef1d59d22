//! A frozen model in half precision, and its embeddings kept on disk.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use aster_base::Configure;
use aster_llm::{
    ContextConfig, ContextEncoder, Family, InputConfig, LlmConfig, LlmError, LlmSource, Precision,
    Prompt, Tuning,
};
use burn::tensor::{Device, Distribution, Tensor};

fn frozen(llm: LlmSource) -> ContextConfig {
    let tuning = Tuning::Frozen;
    ContextConfig::with(|it| {
        (it.llm, it.tuning, it.input, it.width) = (llm, tuning, InputConfig::Fixed, 16);
    })
}

/// All draws are from one state of the process.
static DRAWS: Mutex<()> = Mutex::new(());

fn windows(device: &Device) -> Tensor<3> {
    let _alone = DRAWS.lock();
    Tensor::random([5, 4, 6], Distribution::Normal(0.0, 1.0), device)
}

/// Of the same weights each time.
fn init(config: &ContextConfig, device: &Device) -> ContextEncoder {
    let _alone = DRAWS.lock();
    device.seed(0);
    let encoder = config.init(6, 4, device).unwrap();
    // Weights are drawn when they are first used.
    encoder.forward(Tensor::zeros([1, 4, 6], device));
    encoder
}

fn gap(a: Tensor<3>, b: Tensor<3>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn half_precision_says_nearly_the_same_and_lets_gradients_through() {
    let device = Device::flex().autodiff();
    let small = |family| LlmSource::Random(LlmConfig { family, ..Default::default() });
    for llm in [LlmSource::Bundled, small(Family::Llama), small(Family::Bert)] {
        let full = frozen(llm).changed(|it| it.input = InputConfig::Linear);
        let x = windows(&device).require_grad();
        let expected = init(&full, &device).forward(x.clone());
        for (precision, tolerance) in [(Precision::F16, 0.02), (Precision::Bf16, 0.1)] {
            let half = init(&full.changed(|it| it.precision = precision), &device);
            let got = half.forward(x.clone());
            let gap = gap(got.clone(), expected.clone());
            assert!(gap > 0.0 && gap < tolerance, "{precision:?}: {gap}");
            let grads = got.sum().backward();
            let grad = x.grad(&grads).unwrap();
            assert!(grad.abs().max().into_scalar::<f32>() > 0.0);
        }
    }
}

/// Of all models that have used the cache.
fn files(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    list(folder).iter().flat_map(|model| list(model)).collect()
}

#[test]
fn embeddings_of_data_are_kept_and_read_back() {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let plain = frozen(LlmSource::Bundled);
    let config = plain.changed(|it| it.cache = Some(folder.path().into()));
    let (x, expected) = (windows(&device), init(&plain, &device));
    let expected = expected.forward(x.clone());

    let encoder = init(&config, &device);
    encoder.forward(x.clone());
    assert!(files(folder.path()).is_empty(), "pseudo-anomalies are not kept");
    // Three windows, then all five: two are new.
    assert!(
        gap(encoder.forward_data(x.clone().narrow(0, 1, 3)), expected.clone().narrow(0, 1, 3))
            < 1e-5
    );
    assert_eq!(files(folder.path()).len(), 3);
    let first = encoder.forward_data(x.clone());
    assert!(gap(first.clone(), expected.clone()) < 1e-5);
    assert_eq!(files(folder.path()).len(), 5);

    // Another process would see the same files. One is cut off, and computed again;
    // another says something else, which shows that it is read.
    let again = init(&config, &device);
    assert_eq!(again.forward_data(x.clone()).into_data(), first.into_data());
    let kept = files(folder.path());
    let size = std::fs::metadata(&kept[0]).unwrap().len();
    std::fs::write(&kept[0], []).unwrap();
    assert!(gap(again.forward_data(x.clone()), expected.clone()) < 1e-5);
    assert_eq!(std::fs::metadata(&kept[0]).unwrap().len(), size);
    std::fs::write(&kept[1], vec![0; size as usize]).unwrap();
    assert!(gap(again.forward_data(x.clone()), expected) > 1e-3);
}

#[test]
fn whatever_changes_embeddings_changes_where_they_are_kept() {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let base = frozen(LlmSource::Bundled);
    let base = base.changed(|it| it.cache = Some(folder.path().into()));
    let random = LlmSource::Random(LlmConfig::default());
    let configs = [
        base.clone(),
        base.changed(|it| it.layers = Some(3)),
        base.changed(|it| it.causal = false),
        base.changed(|it| it.prompt = Some(Prompt::Template("Pumps:".into()))),
        base.changed(|it| it.prompt = Some(Prompt::Template("{min}:".into()))),
        base.changed(|it| it.precision = Precision::Bf16),
        base.changed(|it| it.llm = random),
        // What is trained after the model plays no part.
        base.changed(|it| it.width = 32),
    ];
    for config in &configs {
        init(config, &device).forward_data(windows(&device));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), configs.len() - 1);
}

#[test]
fn what_trains_is_neither_kept_nor_halved() {
    let device = Device::flex();
    let refused = |config: ContextConfig| match config.init(6, 4, &device) {
        Err(LlmError::Setting(error)) => error.name,
        other => panic!("expected a setting's name, got {other:?}"),
    };
    let base = frozen(LlmSource::Bundled);
    let cached = base.changed(|it| it.cache = Some("nowhere".into()));
    assert_eq!(refused(cached.changed(|it| it.tuning = Tuning::default())), "cache");
    assert_eq!(refused(cached.changed(|it| it.input = InputConfig::Linear)), "cache");
    let adapted = base.changed(|it| it.adapter = Some("nowhere".into()));
    assert_eq!(refused(adapted), "adapter");
    let half = base.changed(|it| it.precision = Precision::F16);
    assert_eq!(refused(half.changed(|it| it.tuning = Tuning::Norms)), "precision");
}
