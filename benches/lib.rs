//! Fixtures of the benchmarks of ASTER; see `benches/*.rs` and `benches/peers`.

use aster::llm::{LlmConfig, LlmSource};
use aster::model::{Aster, NetworkComponents, Noise, RngKey};
use aster::train::gradients_in_chunks;
use aster::{AsterConfig, Backend, Device, device};
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};

/// Channels of the benchmarks' series, as many as ASD has.
pub const CHANNELS: usize = 19;

/// The CPU in pure Rust.
#[allow(clippy::expect_used)] // of a benchmark
pub fn flex() -> Device {
    device(Backend::Flex).expect("flex is a default feature")
}

/// A size that is measured, or a small one when the benches run once as tests.
pub fn sized(measured: usize, tested: usize) -> usize {
    if std::env::args().any(|argument| argument == "--bench") { measured } else { tested }
}

/// The default config with blocks of GPT-2's size (86 million parameters, random) as
/// language model, tuned by LoRA.
pub fn gpt2() -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.context.llm = LlmSource::Random(LlmConfig {
        width: 768,
        layers: 12,
        heads: 12,
        kv_heads: 12,
        feed_forward: 3072,
        positions: 1024,
        ..Default::default()
    });
    config
}

/// Random windows `[B, T, C]`.
pub fn windows(config: &AsterConfig, batch: usize, device: &Device) -> Tensor<3> {
    let shape = [batch, config.model.window, CHANNELS];
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// A network with fresh weights.
#[allow(clippy::expect_used)] // of a benchmark
pub fn network(config: &AsterConfig, device: &Device) -> Aster {
    let components = NetworkComponents::default();
    config.model.init(&components, CHANNELS, device).expect("the config is valid")
}

/// The gradients of a training step as the trainer takes it.
pub fn gradients(
    network: &Aster,
    config: &AsterConfig,
    windows: &Tensor<3>,
    step: usize,
) -> GradientsParams {
    let ([b, ..], device) = (windows.dims(), windows.device());
    let key = |index| RngKey { seed: 0, epoch: step as u64, index };
    let keys: Vec<RngKey> = (0..b as u64).map(key).collect();
    let noise = Noise::draw(&config.model, CHANNELS, &keys, &device);
    let weights = config.train.objective.weights_at(step);
    let chunk = config.model.chunk_size;
    let (gradients, _) = gradients_in_chunks(network, b, chunk, &device, |network, range| {
        let share = range.len() as f64 / b as f64;
        let part = windows.clone().slice(range.clone());
        (network.losses(part, noise.of(range), weights).total * share, ())
    });
    gradients
}

/// Scores without ties to speak of, and labels of which 1 % are anomalous.
pub fn scored(points: usize) -> (Vec<f32>, Vec<bool>) {
    // A multiplicative hash stands in for random numbers.
    let hash = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32;
    ((0..points).map(hash).collect(), (0..points).map(|i| i % 5000 < 50).collect())
}

/// A line of Linux' status of the process in MB: `VmRSS` is the resident memory, `VmHWM`
/// its peak. 0 elsewhere.
pub fn memory_mb(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|text| text.starts_with(line)).unwrap_or_default();
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
