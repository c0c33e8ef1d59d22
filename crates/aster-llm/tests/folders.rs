//! Bad folders are typed errors that name what is wrong.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::path::Path;

use aster_base::Configure;
use aster_llm::{ContextConfig, LlmConfig, LlmError, LlmSource, LoraConfig, Target, Tuning};
use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

const CONFIG: &str = r#"{"model_type": "gpt2", "vocab_size": 4, "n_embd": 2, "n_layer": 1,
    "n_head": 1, "n_positions": 4}"#;

/// Names and shapes of the GPT-2 that `CONFIG` describes.
const TENSORS: [(&str, &[usize]); 15] = [
    ("wpe.weight", &[4, 2]),
    ("ln_f.weight", &[2]),
    ("ln_f.bias", &[2]),
    ("h.0.ln_1.weight", &[2]),
    ("h.0.ln_1.bias", &[2]),
    ("h.0.ln_2.weight", &[2]),
    ("h.0.ln_2.bias", &[2]),
    ("h.0.attn.c_attn.weight", &[2, 6]),
    ("h.0.attn.c_attn.bias", &[6]),
    ("h.0.attn.c_proj.weight", &[2, 2]),
    ("h.0.attn.c_proj.bias", &[2]),
    ("h.0.mlp.c_fc.weight", &[2, 8]),
    ("h.0.mlp.c_fc.bias", &[8]),
    ("h.0.mlp.c_proj.weight", &[8, 2]),
    ("h.0.mlp.c_proj.bias", &[2]),
];

fn write(folder: &Path, config: &str, tensors: &[(&str, &[usize])], dtype: Dtype) {
    std::fs::write(folder.join("config.json"), config).unwrap();
    let zeros = [0u8; 256];
    let width = if dtype == Dtype::F16 { 2 } else { 4 };
    let views = tensors.iter().map(|(name, shape)| {
        let bytes = &zeros[..width * shape.iter().product::<usize>()];
        (*name, TensorView::new(dtype, shape.to_vec(), bytes).unwrap())
    });
    serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

fn open(folder: &Path) -> Result<(), LlmError> {
    let llm = LlmSource::Folder(folder.into());
    ContextConfig::with(|it| it.llm = llm).init(6, 3, &Device::flex()).map(drop)
}

#[test]
fn a_complete_folder_opens_in_single_and_half_precision() {
    for dtype in [Dtype::F32, Dtype::F16] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), CONFIG, &TENSORS, dtype);
        open(folder.path()).unwrap();
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(matches!(open(path), Err(LlmError::Io { .. })));
    let missing: Vec<_> = TENSORS.iter().copied().filter(|t| t.0 != "ln_f.bias").collect();
    write(path, CONFIG, &missing, Dtype::F32);
    assert!(matches!(open(path), Err(LlmError::MissingTensor { name }) if name == "ln_f.bias"));
    let mut wrong = TENSORS;
    wrong[7].1 = &[2, 5];
    write(path, CONFIG, &wrong, Dtype::F32);
    let error = open(path).unwrap_err();
    assert!(matches!(&error, LlmError::Shape { got, .. } if got == &[2, 5]), "{error}");
    write(path, CONFIG, &TENSORS, Dtype::I32);
    assert!(matches!(open(path), Err(LlmError::Dtype { .. })));
    std::fs::write(path.join("model.safetensors"), [255; 64]).unwrap();
    assert!(matches!(open(path), Err(LlmError::Format { .. })));
    let unknown = CONFIG.replace("gpt2", "mamba");
    std::fs::write(path.join("config.json"), unknown).unwrap();
    assert!(matches!(open(path), Err(LlmError::UnknownFamily { got }) if got == "mamba"));
    std::fs::write(path.join("config.json"), "{").unwrap();
    assert!(matches!(open(path), Err(LlmError::Config { .. })));
}

/// Two shards and their index.
fn shard(folder: &Path, map: impl Fn(usize) -> &'static str) {
    write(folder, CONFIG, &TENSORS[..7], Dtype::F32);
    std::fs::rename(folder.join("model.safetensors"), folder.join("a.safetensors")).unwrap();
    write(folder, CONFIG, &TENSORS[7..], Dtype::F32);
    std::fs::rename(folder.join("model.safetensors"), folder.join("b.safetensors")).unwrap();
    let map: std::collections::BTreeMap<_, _> =
        TENSORS.iter().enumerate().map(|(i, (name, _))| (*name, map(i))).collect();
    let index = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
}

#[test]
fn shards_are_read_where_the_index_says_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let right = |i: usize| if i < 7 { "a.safetensors" } else { "b.safetensors" };
    shard(path, right);
    open(path).unwrap();
    shard(path, |_| "a.safetensors");
    assert!(matches!(open(path), Err(LlmError::MissingTensor { .. })));
    shard(path, |_| "c.safetensors");
    assert!(matches!(open(path), Err(LlmError::Io { .. })));
    for bad in [
        "../a.safetensors",
        "/etc/a.safetensors",
        "..\\a.safetensors",
        "C:a.safetensors",
        "model.safetensors.index.json",
        "",
    ] {
        shard(path, |_| bad);
        assert!(matches!(open(path), Err(LlmError::Index { got, .. }) if got == bad));
    }
    std::fs::write(path.join("model.safetensors.index.json"), "{}").unwrap();
    assert!(matches!(open(path), Err(LlmError::Config { .. })));
}

#[test]
fn a_truncated_file_is_no_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), CONFIG, &TENSORS, Dtype::F32);
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(open(folder.path()), Err(LlmError::Format { .. })), "{length}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn a_damaged_folder_is_read_or_refused(
        file in 0..2usize,
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte in proptest::prelude::any::<u8>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), CONFIG, &TENSORS, Dtype::F32);
        let path = folder.path().join(["config.json", "model.safetensors"][file]);
        let mut bytes = std::fs::read(&path).unwrap();
        // In the weights, the header is what can be wrong.
        let i = at.index(bytes.len().min(1000));
        bytes[i] = byte;
        std::fs::write(&path, bytes).unwrap();
        let _ = open(folder.path());
    }
}

#[test]
fn a_norm_that_divides_by_nothing_is_an_error() {
    for norm_eps in [0.0, -1e-5, f64::NAN, f64::INFINITY] {
        let config = LlmConfig { norm_eps, ..Default::default() };
        let error = config.check().unwrap_err();
        assert!(error.name == "norm_eps", "{error}");
    }
}

#[test]
fn too_many_layers_or_tokens_are_errors() {
    let device = Device::flex();
    let config = ContextConfig::with(|it| it.llm = LlmSource::Random(LlmConfig::default()));
    let layers = config.changed(|it| it.layers = Some(9));
    assert!(
        matches!(layers.init(6, 3, &device), Err(LlmError::Setting(it)) if it.name == "layers")
    );
    assert!(
        matches!(config.init(6, 513, &device), Err(LlmError::Setting(it)) if it.name == "tokens")
    );
}

#[test]
fn tuning_decides_what_is_trained() {
    let device = Device::flex().autodiff();
    let shape = LlmConfig { layers: 1, ..Default::default() };
    let trained = |tuning| {
        let llm = LlmSource::Random(shape.clone());
        let config = ContextConfig::with(|it| (it.llm, it.tuning) = (llm, tuning));
        let encoder = config.init(6, 3, &device).unwrap();
        let x = Tensor::<3>::random([2, 3, 6], Distribution::Normal(0.0, 1.0), &device);
        let grads = encoder.forward(x).powi_scalar(2).sum().backward();
        burn::optim::GradientsParams::from_grads(grads, &encoder).len()
    };
    let (frozen, full) = (trained(Tuning::Frozen), trained(Tuning::Full));
    // Two factors each on query and value.
    let lora = LoraConfig::default();
    assert_eq!(trained(Tuning::Lora(lora.clone())), frozen + 4);
    let lora = LoraConfig { targets: vec![Target::Up, Target::Down, Target::Key], ..lora };
    assert_eq!(trained(Tuning::Lora(lora)), frozen + 6);
    // 4 in the block, 2 of the last norm, 1 table of positions.
    assert_eq!(trained(Tuning::Norms), frozen + 7);
    // 16 in the block.
    assert_eq!(full, frozen + 19);
}

#[test]
fn only_a_causal_encoder_hides_the_future() {
    let device = Device::flex();
    let before = Tensor::<3>::ones([1, 4, 6], &device);
    let after = before.clone().slice_fill([0..1, 3..4], 5.0);
    for causal in [true, false] {
        let llm = LlmSource::Random(LlmConfig::default());
        let encoder = ContextConfig::with(|it| (it.llm, it.causal) = (llm, causal))
            .init(6, 4, &device)
            .unwrap()
            .fork(&device);
        let first = |x: &Tensor<3>| encoder.forward(x.clone()).narrow(1, 0, 3).into_data();
        assert_eq!(first(&before) == first(&after), causal);
    }
}
