//! Pre-trains the language model that ASTER brings along: a small GPT-2 on the text of the
//! Rust documentation. Goes on where it was stopped.
//!
//! `cargo run --release -p aster-tools --bin pretrain_llm -- [--out <folder> --steps 5000]`
//!
//! Without arguments it takes a few steps only, to try it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use aster::burn::grad_clipping::GradientClippingConfig;
use aster::burn::module::Module;
use aster::burn::optim::{AdamWConfig, ModuleOptimizer};
use aster::burn::store::ModuleRecord;
use aster::burn::tensor::{Int, Tensor, TensorData};
use aster::llm::{LanguageModel, LlmConfig};
use aster::prelude::*;
use aster::train::gradients_in_chunks;
use aster_tools::corpus::Corpus;
use aster_tools::ngram::Counts;
use clap::Parser;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper};
use tokenizers::{Tokenizer, TokenizerBuilder};

/// Train, validate against n-grams, write a Hugging Face folder with a model card.
#[derive(Parser)]
struct Arguments {
    /// Where the model goes, and its checkpoints.
    #[arg(long, default_value = "pretrain-output")]
    out: PathBuf,
    /// `share/doc/rust/html` of a toolchain. Default: that of `rustc`.
    #[arg(long)]
    docs: Option<PathBuf>,
    /// Vocabulary of the byte-pair tokenizer.
    #[arg(long, default_value_t = 2048)]
    vocabulary: usize,
    /// Width.
    #[arg(long, default_value_t = 128)]
    width: usize,
    /// Blocks.
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Tokens of a sequence.
    #[arg(long, default_value_t = 256)]
    length: usize,
    /// Sequences of a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Steps in all; the bundled model took 5000.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Steps between validations, each of which leaves a checkpoint.
    #[arg(long, default_value_t = 250)]
    every: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
    /// Seed of weights and batches.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// One row of the loss curve.
#[derive(Serialize, Deserialize)]
struct Point {
    step: usize,
    train: f64,
    validation: f64,
}

struct Texts {
    train: Vec<u32>,
    validation: Vec<u32>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let device = device(DeviceChoice::Auto)?.autodiff();
    fs::create_dir_all(&arguments.out)?;
    let corpus = Corpus::read(&documentation(&arguments)?)?;
    let tokenizer = tokenizer(&arguments, &corpus).map_err(anyhow::Error::from_boxed)?;
    let encode = |text: &str| -> anyhow::Result<Vec<u32>> {
        let encoded = tokenizer.encode(text, false).map_err(anyhow::Error::from_boxed)?;
        Ok(encoded.get_ids().to_vec())
    };
    let texts = Texts { train: encode(&corpus.train)?, validation: encode(&corpus.validation)? };
    println!("{} training tokens, {} held out", texts.train.len(), texts.validation.len());

    device.seed(arguments.seed);
    let config = LlmConfig {
        vocabulary: arguments.vocabulary,
        width: arguments.width,
        layers: arguments.layers,
        heads: arguments.width / 32,
        kv_heads: arguments.width / 32,
        feed_forward: 4 * arguments.width,
        positions: arguments.length,
        ..Default::default()
    };
    let mut model = LanguageModel::random(&config, &device)?;
    let mut optimizer = AdamWConfig::new()
        .with_beta_2(0.95)
        .with_weight_decay(0.1)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init();
    let mut curve = Vec::new();
    if let Some((folder, points)) = newest_checkpoint(&arguments.out)? {
        model = model.load_record(ModuleRecord::load(folder.join("model"))?);
        optimizer = optimizer.load(folder.join("optimizer"))?;
        curve = points;
    }

    let started = Instant::now();
    let done = curve.last().map_or(0, |point| point.step);
    let mut recent = Vec::new();
    for step in done..arguments.steps {
        let ids = batch(&arguments, &texts.train, step, &device);
        let (grads, losses) =
            gradients_in_chunks(&model, arguments.batch, 4, &device, |m, range| {
                let loss = m.next_token_loss(ids.clone().slice(range.clone()));
                let loss = loss * (range.len() as f64 / arguments.batch as f64);
                (loss.clone(), loss.without_autodiff())
            });
        model = optimizer.step(learning_rate(&arguments, step), model, grads);
        recent.push(Tensor::cat(losses, 0).sum().into_scalar::<f64>());
        if (step + 1) % arguments.every == 0 || step + 1 == arguments.steps {
            let train = recent.iter().sum::<f64>() / recent.len() as f64;
            let validation = validate(&model.valid(), &texts.validation, arguments.length, 64)?;
            let minutes = started.elapsed().as_secs_f64() / 60.0;
            println!("step {}: {train:.3}, held out {validation:.3}; {minutes:.1} min", step + 1);
            recent.clear();
            curve.push(Point { step: step + 1, train, validation });
            checkpoint(&arguments.out, &model, &optimizer, &curve)?;
        }
    }

    let model = model.valid();
    model.save(&arguments.out)?;
    let card = card(&arguments, &model, &texts, &curve)?;
    fs::write(arguments.out.join("README.md"), &card)?;
    println!("{card}");
    Ok(())
}

fn documentation(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &arguments.docs {
        return Ok(folder.clone());
    }
    let output = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let root = String::from_utf8(output.stdout)?;
    Ok(Path::new(root.trim()).join("share/doc/rust/html"))
}

/// GPT-2's kind: byte pairs, no unknown token.
fn tokenizer(arguments: &Arguments, corpus: &Corpus) -> tokenizers::Result<Tokenizer> {
    let path = arguments.out.join("tokenizer.json");
    if path.exists() {
        return Tokenizer::from_file(path);
    }
    let mut trainer = BpeTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(arguments.vocabulary)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::new()
    .with_model(BPE::default())
    .with_pre_tokenizer(Some(ByteLevel::new(false, true, true).into()))
    .with_decoder(Some(ByteLevel::default().into()))
    .build()?;
    tokenizer.train(&mut trainer, corpus.train.split_inclusive("\n\n"))?.save(&path, false)?;
    Tokenizer::from_file(path)
}

/// Sequences at random, the same at each step whenever it is taken.
fn batch(arguments: &Arguments, tokens: &[u32], step: usize, device: &Device) -> Tensor<2, Int> {
    let mut rng = StdRng::seed_from_u64(arguments.seed ^ (step as u64) << 20);
    let last = tokens.len() - arguments.length;
    let starts: Vec<usize> = (0..arguments.batch).map(|_| rng.random_range(0..last)).collect();
    sequences(tokens, &starts, arguments.length, device)
}

fn sequences(tokens: &[u32], starts: &[usize], length: usize, device: &Device) -> Tensor<2, Int> {
    let ids = starts.iter().flat_map(|start| &tokens[*start..start + length]);
    let ids: Vec<i64> = ids.map(|id| i64::from(*id)).collect();
    Tensor::from_data(TensorData::new(ids, [starts.len(), length]), device)
}

/// Warm-up over a fiftieth of the steps, then a cosine to a tenth.
fn learning_rate(arguments: &Arguments, step: usize) -> f64 {
    let (warm, all) = (arguments.steps as f64 / 50.0, arguments.steps as f64);
    let at = step as f64 + 1.0;
    let share = if at < warm {
        at / warm
    } else {
        0.55 + 0.45 * (std::f64::consts::PI * (at - warm) / (all - warm)).cos()
    };
    arguments.learning_rate * share
}

/// Mean loss over at most so many sequences, evenly spaced.
fn validate(
    model: &LanguageModel,
    tokens: &[u32],
    length: usize,
    most: usize,
) -> anyhow::Result<f64> {
    let starts: Vec<usize> = (0..tokens.len() / length).map(|i| i * length).collect();
    let starts: Vec<usize> = starts.iter().step_by(starts.len().div_ceil(most)).copied().collect();
    let device = model.devices().first().cloned().context("a model without a device")?;
    let mut sum = 0.0;
    for starts in starts.chunks(8) {
        let ids = sequences(tokens, starts, length, &device);
        sum += model.next_token_loss(ids).into_scalar::<f64>() * starts.len() as f64;
    }
    Ok(sum / starts.len() as f64)
}

/// Written whole before the one before it goes.
fn checkpoint(
    out: &Path,
    model: &LanguageModel,
    optimizer: &ModuleOptimizer,
    curve: &[Point],
) -> anyhow::Result<()> {
    let step = curve.last().map_or(0, |point| point.step);
    let before = newest_checkpoint(out)?;
    let folder = out.join(format!("checkpoint-{step}"));
    fs::create_dir_all(&folder)?;
    model.clone().into_record().save(folder.join("model"))?;
    optimizer.save(folder.join("optimizer"))?;
    fs::write(folder.join("curve.json"), serde_json::to_string(curve)?)?;
    if let Some((before, _)) = before {
        fs::remove_dir_all(before)?;
    }
    Ok(())
}

fn newest_checkpoint(out: &Path) -> anyhow::Result<Option<(PathBuf, Vec<Point>)>> {
    let mut newest: Option<(PathBuf, Vec<Point>)> = None;
    for entry in fs::read_dir(out)? {
        let folder = entry?.path();
        let Ok(text) = fs::read(folder.join("curve.json")) else { continue };
        let curve: Vec<Point> = serde_json::from_slice(&text)?;
        if newest.as_ref().is_none_or(|(_, best)| curve.len() > best.len()) {
            newest = Some((folder, curve));
        }
    }
    Ok(newest)
}

fn card(
    arguments: &Arguments,
    model: &LanguageModel,
    texts: &Texts,
    curve: &[Point],
) -> anyhow::Result<String> {
    let counts = Counts::of(&texts.train, arguments.vocabulary);
    let per_step = arguments.batch * arguments.length;
    let rows: Vec<String> = curve
        .iter()
        .map(|p| {
            let seen = (p.step * per_step) as f64 / 1e6;
            format!("| {} | {seen:.1} | {:.3} | {:.3} |", p.step, p.train, p.validation)
        })
        .collect();
    Ok(format!(
        include_str!("../../pretrain_card.md"),
        parameters = model.num_params(),
        layers = arguments.layers,
        width = arguments.width,
        vocabulary = arguments.vocabulary,
        positions = arguments.length,
        train = texts.train.len(),
        held_out = texts.validation.len(),
        seen = (arguments.steps * per_step) as f64 / 1e6,
        batch = arguments.batch,
        steps = arguments.steps,
        rate = arguments.learning_rate,
        seed = arguments.seed,
        uniform = (arguments.vocabulary as f64).ln(),
        unigram = counts.unigram(&texts.validation),
        bigram = counts.bigram(&texts.validation),
        model = validate(model, &texts.validation, arguments.length, usize::MAX)?,
        curve = rows.join("\n"),
    ))
}
