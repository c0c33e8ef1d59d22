//! Detectors with different language models, and without one.
//!
//! `cargo run --release -p aster-examples-extra --example choose_llm -- [--folder <model>]`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use aster::llm::{LlmConfig, Prompt, Tuning};
use aster::prelude::*;
use clap::Parser;

/// Train with each source of context.
#[derive(Parser)]
struct Arguments {
    /// A model in Hugging Face's layout, to be tried too.
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let labels = split.test.labels().context("no labels")?;
    let device = device(DeviceChoice::Auto)?;

    let shape = LlmConfig { layers: 2, ..Default::default() };
    let prompt = || Prompt::Template("Sensors with trend {trend}:".into());
    let mut variants = vec![
        ("none", LlmSource::None, None),
        ("random weights", LlmSource::Random(shape), None),
        ("bundled GPT-2", LlmSource::Bundled, None),
        ("bundled GPT-2, prompted", LlmSource::Bundled, Some(prompt())),
    ];
    variants.extend(arguments.folder.map(|folder| ("yours", LlmSource::Folder(folder), None)));

    println!("| language model | trainable of parameters | AUROC | s |");
    println!("|---|---|---|---|");
    for (name, llm, prompt) in variants {
        let mut config = AsterConfig::default();
        (config.model.context.llm, config.model.context.prompt) = (llm, prompt);
        config.model.context.tuning = Tuning::Frozen;
        config.train.epochs = 2;
        let started = Instant::now();
        let detector = fit(&config, &split.train, &device)?;
        let area = auroc(&detector.score(&split.test)?, labels)?;
        let (record, seconds) = (detector.record(), started.elapsed().as_secs_f64());
        println!(
            "| {name} | {} of {} | {area:.3} | {seconds:.1} |",
            record.trainable, record.parameters
        );
    }
    Ok(())
}
