//! Context encoder, classifier head, scorer and threshold of your own, and a detector with them
//! that is saved and loaded.
//!
//! `cargo run --release --example custom_components`

use anyhow::Context;
use aster::burn; // by this name, `derive(Module)` looks for it
use aster::burn::module::Module;
use aster::burn::nn::conv::{Conv1d, Conv1dConfig};
use aster::burn::nn::{Linear, LinearConfig, PaddingConfig1d};
use aster::burn::tensor::Tensor;
use aster::burn::tensor::activation::gelu;
use aster::detect::{ComponentConfig, CustomComponents, RowOutputs, Scorer, Smoothing, Source};
use aster::eval::{EvalError, Threshold};
use aster::model::{ComponentError, CustomLayer, Layer, LayerShape};
use aster::prelude::*;

/// A convolution over tokens, for the context as for the head.
#[derive(Module, Debug)]
struct Convolution {
    over_tokens: Conv1d,
    output: Linear,
}

impl Layer for Convolution {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let mixed = self.over_tokens.forward(tokens.swap_dims(1, 2)).swap_dims(1, 2);
        self.output.forward(gelu(mixed))
    }
}

/// Initialiser of such layers, of any hidden size.
#[derive(Debug)]
struct Convolutions {
    hidden: usize,
}

impl CustomLayer for Convolutions {
    type Layer = Convolution;

    fn name(&self) -> &str {
        "convolution"
    }

    fn init(&self, shape: LayerShape, device: &Device) -> Result<Convolution, ComponentError> {
        let over_tokens = Conv1dConfig::new(shape.input, self.hidden, 3)
            .with_padding(PaddingConfig1d::Same)
            .init(device);
        let output = LinearConfig::new(self.hidden, shape.output).init(device);
        Ok(Convolution { over_tokens, output })
    }
}

/// The largest error of any channel, and the classifier's severity.
#[derive(Debug)]
struct WorstChannel;

impl Scorer for WorstChannel {
    fn name(&self) -> &str {
        "worst channel"
    }

    fn score(&self, row: RowOutputs<'_>) -> f32 {
        let errors = row.values.iter().zip(row.reconstruction).map(|(x, r)| (x - r).abs());
        errors.fold(0.0, f32::max) + 0.1 * row.severity.max(0.0)
    }
}

/// As far above the median of normal scores as their highest is, and half as much again.
#[derive(Debug)]
struct Above;

impl Threshold for Above {
    fn name(&self) -> &str {
        "above"
    }

    fn fit(&self, scores: &[f32]) -> Result<f32, EvalError> {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let (median, highest) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        Ok(median + 1.5 * (highest - median))
    }
}

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig::default().generate()?;
    let labels = split.test.labels().context("no labels")?;
    let device = device(DeviceChoice::Auto)?;
    let mut config = AsterConfig::default();
    let custom = ComponentConfig::new(Source::Custom, Smoothing::Rows(1), 1.0);
    config.score.components.push(custom); // beside the usual components

    let components = CustomComponents::default()
        .with_context(Convolutions { hidden: 64 })
        .with_head(Convolutions { hidden: 32 })
        .with_scorer(WorstChannel)
        .with_threshold(Above);
    let trainer = Trainer::new(config, Strategy::Single(device.clone().autodiff()));
    let detector = trainer.with_components(components.clone()).fit(&split.train)?;
    let scores = detector.score(&split.test)?;
    println!("custom components: {:?}", components.names());
    println!("{} parameters, AUROC {:.3}", detector.record().parameters, auroc(&scores, labels)?);

    let folder = std::env::temp_dir().join("aster-custom-components");
    detector.save(&folder)?;
    if let Err(error) = Detector::load(&folder, &device) {
        println!("without the components: {error}");
    }
    let loaded = Detector::load_with(&folder, &device, &components)?;
    println!("with them, the same scores: {}", loaded.score(&split.test)? == scores);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
