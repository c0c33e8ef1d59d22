//! Every backend computes what flex computes. The backend under test is the one that
//! `ASTER_DEVICE` names or, without it, the first one found:
//!
//! `ASTER_DEVICE=wgpu cargo test --workspace --features aster-tsad/wgpu --test backends`
//!
//! Numbers agree to [`FORWARD`] in outputs, losses and scores and to [`BACKWARD`] in
//! gradients, relative to the largest number of their tensor: single precision, summed
//! in another order.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt
#![cfg(feature = "train")]
#![recursion_limit = "256"]

use aster::data::SyntheticConfig;
use aster::llm::{Family, LlmConfig, LlmSource};
use aster::model::{Aster, NetworkComponents, Noise, Output, RngKey, Space};
use aster::{AsterConfig, Backend, Detector, Device, DeviceChoice, device, fit};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Tensor, TensorData};

const FORWARD: f32 = 1e-4;
const BACKWARD: f32 = 1e-3;
const CHANNELS: usize = 3;
const BATCH: usize = 5;

/// Flex and the device under test, if there is another one.
fn devices() -> Option<[Device; 2]> {
    let (flex, other) = (device(Backend::Flex).unwrap(), device(DeviceChoice::Auto).unwrap());
    if flex == other {
        println!("skipped: no backend but flex is compiled in and found");
        return None;
    }
    println!("comparing {other:?} with flex");
    Some([flex, other])
}

fn small() -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    config
}

/// A config of each kind of block: no language model, GPT-2 and Llama with LoRA.
fn configs() -> [AsterConfig; 3] {
    let with = |family, kv_heads| {
        let shape = LlmConfig { family, kv_heads, layers: 2, ..Default::default() };
        let mut config = small();
        config.model.context.llm = LlmSource::Random(shape);
        config
    };
    let mut latent = with(Family::Llama, 2);
    latent.model.space = Space::Latent;
    [small(), with(Family::Gpt2, 4), latent]
}

/// The model of a file of weights, and a batch, on each device.
fn on_each(config: &AsterConfig, devices: [Device; 2]) -> [(Aster, Tensor<3>, Noise); 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let config = &config.model;
    let init =
        |device: &Device| config.init(&NetworkComponents::default(), CHANNELS, device).unwrap();
    let model = init(&devices[0]);
    model.save_into(&mut SafetensorsStore::from_file(&path)).unwrap();
    let values = (0..BATCH * config.window * CHANNELS).map(|i| (i as f32 * 0.7).sin() * 2.0);
    let values: Vec<f32> = values.collect();
    let values = TensorData::new(values, [BATCH, config.window, CHANNELS]);
    let key = |index| RngKey { seed: 1, epoch: 0, index };
    let keys: Vec<RngKey> = (0..BATCH as u64).map(key).collect();
    devices.map(|device| {
        let mut model = init(&device);
        model.load_from(&mut SafetensorsStore::from_file(&path)).unwrap();
        let windows = Tensor::from_data(values.clone(), &device);
        (model, windows, Noise::draw(config, CHANNELS, &keys, &device))
    })
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = a.iter().fold(1e-3, |size: f32, value| size.max(value.abs()));
    let gap = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap <= tolerance * size, "{what}: {gap} apart, of numbers up to {size}");
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn the_same_weights_give_the_same_outputs() {
    let Some(devices) = devices() else { return };
    let outputs = [Output::Severity, Output::Reconstruction];
    for config in configs() {
        let [ours, theirs] = on_each(&config, devices.clone())
            .map(|(model, windows, _)| model.outputs(windows, &outputs).into_iter().map(floats));
        for ((a, b), output) in ours.zip(theirs).zip(outputs) {
            assert_close(&a, &b, FORWARD, &format!("{output:?} of {:?}", config.model.context.llm));
        }
    }
}

#[test]
fn the_same_weights_give_the_same_losses_and_gradients() {
    let Some(devices) = devices() else { return };
    for config in configs() {
        let autodiff = devices.clone().map(|device| device.autodiff());
        let [ours, theirs] = on_each(&config, autodiff).map(|(model, windows, noise)| {
            let losses = model.losses(windows, noise, config.train.objective.weights_at(10));
            let values = losses.to_values().unwrap();
            let of = GradientsParams::from_grads(losses.total.backward(), &model);
            let mut gradients = Gradients { of, found: Vec::new() };
            model.visit(&mut gradients);
            (values, gradients.found)
        });
        let what = format!("of {:?}", config.model.context.llm);
        assert_close(&ours.0, &theirs.0, FORWARD, &format!("losses {what}"));
        assert_eq!(ours.1.len(), theirs.1.len(), "as many parameters have a gradient");
        assert!(ours.1.len() > 20);
        for (i, (a, b)) in ours.1.iter().zip(&theirs.1).enumerate() {
            assert_close(a, b, BACKWARD, &format!("gradient {i} {what}"));
        }
    }
}

/// Gradients of a module's parameters, in their order.
struct Gradients {
    of: GradientsParams,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.extend(self.of.get::<D>(param.id).map(floats));
    }
}

#[test]
fn a_detector_saved_on_either_device_scores_alike_on_both() {
    let Some(devices) = devices() else { return };
    let data = SyntheticConfig { train_rows: 400, channels: CHANNELS, ..Default::default() };
    let split = data.generate().unwrap();
    let mut config = small();
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (2, 3, 8);
    for trained_on in &devices {
        let detector = fit(&config, &split.train, trained_on).unwrap();
        let expected = detector.score(&split.test).unwrap();
        let folder = tempfile::tempdir().unwrap();
        detector.save(folder.path()).unwrap();
        for loaded_on in &devices {
            let loaded = Detector::load(folder.path(), loaded_on).unwrap();
            let scores = loaded.score(&split.test).unwrap();
            let what = format!("trained on {trained_on:?}, loaded on {loaded_on:?}");
            assert_close(&expected, &scores, 10.0 * FORWARD, &what);
            assert_eq!(loaded.threshold(), detector.threshold());
        }
    }
}
