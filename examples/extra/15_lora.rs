//! Tunes the language model by low-rank updates, keeps them in a file of their own, and starts
//! another training from it.
//!
//! `cargo run --release -p aster-examples-extra --example lora`

use std::path::Path;

use anyhow::Context;
use aster::llm::{LoraConfig, Target, Tuning};
use aster::prelude::*;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    config.model.context.llm = LlmSource::Bundled;
    config.model.context.tuning = Tuning::Lora(LoraConfig {
        rank: 8,
        alpha: 16.0,
        targets: vec![Target::Query, Target::Value],
        ..Default::default()
    });
    let first = fit(&config, &split.train, &device)?;
    report("LoRA of rank 8", &first);

    let folder = Path::new("lora-output");
    std::fs::create_dir_all(folder)?;
    let adapter = folder.join("adapter.safetensors");
    let context = first.model().context().context("the context is of this crate")?;
    context.backbone().context("there is a language model")?.save_adapter(&adapter)?;
    let size = std::fs::metadata(&adapter)?.len();
    println!("{} holds the updates alone: {size} bytes", adapter.display());

    config.model.context.adapter = Some(adapter);
    report("the same, begun with these", &fit(&config, &split.train, &device)?);
    Ok(())
}

fn report(name: &str, detector: &Detector) {
    let record = detector.record();
    let losses: Vec<String> =
        record.epochs.iter().map(|epoch| format!("{:.3}", epoch.validation.total)).collect();
    println!(
        "{name}: {} of {} parameters are trained; losses on validation {}",
        record.trainable,
        record.parameters,
        losses.join(", ")
    );
}
