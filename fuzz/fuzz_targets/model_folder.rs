//! A language model from a stranger: `config.json`, a zero byte, `model.safetensors`.
#![no_main]

use aster_llm::{LanguageModel, Pretrained};
use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["config.json", "model.safetensors"] {
        let bytes = parts.next().unwrap_or_default();
        std::fs::write(folder.path().join(name), bytes).expect("a file in it");
    }
    let _ = LanguageModel::load(&Pretrained::folder(folder.path()), &Device::flex());
});
