//! A model of half a billion parameters, made here of one repeated number.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::path::Path;

use aster_base::Configure;
use aster_llm::{ContextConfig, LlmSource, Tuning};
use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

/// The shape of Qwen2.5-0.5B.
const CONFIG: &str = r#"{"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
    "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
    "num_key_value_heads": 2, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
    "rope_theta": 1e6, "tie_word_embeddings": true}"#;

const BLOCK: [(&str, &[usize]); 12] = [
    ("input_layernorm.weight", &[896]),
    ("post_attention_layernorm.weight", &[896]),
    ("self_attn.q_proj.weight", &[896, 896]),
    ("self_attn.q_proj.bias", &[896]),
    ("self_attn.k_proj.weight", &[128, 896]),
    ("self_attn.k_proj.bias", &[128]),
    ("self_attn.v_proj.weight", &[128, 896]),
    ("self_attn.v_proj.bias", &[128]),
    ("self_attn.o_proj.weight", &[896, 896]),
    ("mlp.gate_proj.weight", &[4864, 896]),
    ("mlp.up_proj.weight", &[4864, 896]),
    ("mlp.down_proj.weight", &[896, 4864]),
];

fn write(folder: &Path) -> usize {
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
    let mut tensors = vec![
        ("model.embed_tokens.weight".to_string(), vec![151_936, 896]),
        ("model.norm.weight".to_string(), vec![896]),
    ];
    for layer in 0..24 {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        tensors.extend(BLOCK.iter().map(|(part, shape)| (name(part), shape.to_vec())));
    }
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    // 2^-7 in bf16, as often as the largest tensor needs it.
    let bytes = [0x00, 0x3c].repeat(tensors.iter().map(|(_, shape)| count(shape)).max().unwrap());
    let views = tensors.iter().map(|(name, shape)| {
        let view = TensorView::new(Dtype::BF16, shape.clone(), &bytes[..2 * count(shape)]);
        (name.as_str(), view.unwrap())
    });
    serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    tensors.iter().map(|(_, shape)| count(shape)).sum()
}

fn peak_mb() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? / 1024)
}

#[test]
fn half_a_billion_parameters_run_one_window() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = write(folder.path());
    assert!((490_000_000..500_000_000).contains(&parameters));
    let written = peak_mb();
    let device = Device::flex();
    let llm = LlmSource::Folder(folder.path().into());
    let config = ContextConfig::with(|it| (it.llm, it.tuning) = (llm, Tuning::Frozen));
    let encoder = config.init(12, 8, &device).unwrap();
    let window = Tensor::<3>::random([1, 8, 12], Distribution::Normal(0.0, 1.0), &device);
    let context = encoder.forward(window).into_data();
    assert!(context.iter::<f32>().all(f32::is_finite));
    // Blocks in single precision, and the half-precision file as far as it was mapped in.
    let blocks = encoder.num_params() * 4 / 1_000_000;
    println!("{parameters} parameters: peak {:?} MB, {written:?} before", peak_mb());
    assert!(peak_mb().is_none_or(|peak| peak < 2 * blocks), "{:?} MB", peak_mb());
}
