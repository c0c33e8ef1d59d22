//! Custom components: each is used, trained where it has weights, saved and loaded.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aster_data::{SyntheticConfig, SyntheticSplit};
use aster_decoder::{Generator, GeneratorNoise};
use aster_detect::{
    AsterConfig, ComponentConfig, CustomComponents, DetectError, Detector, Row, RowOutputs,
    ScoreConfig, Scorer, Smoothing, Source, StreamConfig, StreamingDetector,
};
use aster_eval::{EvalError, Threshold};
use aster_model::{ComponentError, CustomLayer, Layer, LayerShape, NetworkComponents};
use aster_train::{Strategy, TrainError, Trainer};
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// Counts how often it is asked.
#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The first token alone is moved.
#[derive(Debug, Default)]
struct FirstToken(Counter);

impl Generator for FirstToken {
    fn name(&self) -> &str {
        "first token"
    }

    fn generate(
        &self,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: &GeneratorNoise,
    ) -> Tensor<3> {
        self.0.add();
        let [b, l, f] = windows.dims();
        let first = windows.clone().narrow(1, 0, 1)
            + (direction.narrow(1, 0, 1) + noise.normal.clone().narrow(1, 0, 1)) * 3.0;
        Tensor::cat(vec![first, windows.slice([0..b, 1..l, 0..f])], 1)
    }
}

/// A linear layer, with a factor on what it gives to make it another function than the usual.
#[derive(Module, Debug)]
struct Scaled {
    linear: Linear,
    factor: f64,
}

impl Layer for Scaled {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.linear.forward(tokens).tanh().mul_scalar(self.factor)
    }
}

#[derive(Debug)]
struct MakeScaled(f64);

impl CustomLayer for MakeScaled {
    type Layer = Scaled;

    fn name(&self) -> &str {
        "scaled"
    }

    fn init(&self, shape: LayerShape, device: &Device) -> Result<Scaled, ComponentError> {
        let linear = LinearConfig::new(shape.input, shape.output).init(device);
        Ok(Scaled { linear, factor: self.0 })
    }
}

#[derive(Debug, Default)]
struct WorstChannel(Counter);

impl Scorer for WorstChannel {
    fn name(&self) -> &str {
        "worst channel"
    }

    fn score(&self, row: RowOutputs<'_>) -> f32 {
        self.0.add();
        assert!(row.severity.is_finite());
        let errors = row.values.iter().zip(row.reconstruction).map(|(x, r)| (x - r).abs());
        errors.fold(0.0, f32::max)
    }
}

#[derive(Debug)]
struct TwiceTheLargest;

impl Threshold for TwiceTheLargest {
    fn name(&self) -> &str {
        "twice the largest"
    }

    fn fit(&self, scores: &[f32]) -> Result<f32, EvalError> {
        Ok(2.0 * scores.iter().copied().fold(0.0, f32::max))
    }
}

fn plain() -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (2, 3, 8);
    config
}

fn config() -> AsterConfig {
    let mut config = plain();
    let custom = ComponentConfig::new(Source::Custom, Smoothing::Rows(3), 1.0);
    config.score.components = vec![custom];
    config
}

fn data() -> SyntheticSplit {
    SyntheticConfig { train_rows: 300, test_rows: 200, anomalies: 2, ..Default::default() }
        .generate()
        .unwrap()
}

fn fit(config: AsterConfig, components: CustomComponents) -> Result<Detector, TrainError> {
    let strategy = Strategy::Single(Device::flex().autodiff());
    Trainer::new(config, strategy).with_components(components).fit(&data().train)
}

#[test]
fn all_five_are_used_and_come_back() {
    let (asked, scored) = (Counter::default(), Counter::default());
    let components = CustomComponents::default()
        .with_context(MakeScaled(1.0))
        .with_generator(FirstToken(asked.clone()))
        .with_head(MakeScaled(5.0))
        .with_scorer(WorstChannel(scored.clone()))
        .with_threshold(TwiceTheLargest);
    let detector = fit(config(), components.clone()).unwrap();
    assert!(asked.count() > 0 && scored.count() >= 300);
    assert!(detector.model().context().is_none(), "the context is custom");
    let usual = plain().model.init(&NetworkComponents::default(), 8, &Device::flex()).unwrap();
    assert_ne!(detector.record().parameters, Module::num_params(&usual));

    let test = data().test;
    let scores = detector.score(&test).unwrap();
    let folder = tempfile::tempdir().unwrap();
    detector.save(folder.path()).unwrap();
    let loaded = Detector::load_with(folder.path(), &Device::flex(), &components).unwrap();
    assert_eq!(loaded.score(&test).unwrap(), scores);
    assert_eq!(loaded.threshold(), detector.threshold());

    let plain = Detector::load(folder.path(), &Device::flex()).unwrap_err();
    let text = plain.to_string();
    assert!(matches!(plain, DetectError::OtherComponents { .. }), "{text}");
    assert!(text.contains("the head \"scaled\"") && text.contains("got no custom"), "{text}");

    // A stream asks the same scorer, row by row.
    let stream = StreamingDetector::new(Arc::new(loaded), StreamConfig::default());
    let mut stream = stream.unwrap();
    let mut streamed: Vec<f32> = vec![];
    for row in 0..test.rows() {
        let output = stream.push(&[Row::new(None, test.row(row))]).unwrap();
        streamed.extend(output.scores.iter().map(|scored| scored.score));
    }
    streamed.extend(stream.finish().scores.iter().map(|scored| scored.score));
    assert_eq!(streamed, scores);
}

#[test]
fn layers_of_ones_own_are_trained_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |config: AsterConfig| {
        let strategy = Strategy::Single(Device::flex().autodiff());
        Trainer::new(config, strategy).with_checkpoints(folder.path())
    };
    let custom = || {
        let mut config = plain();
        config.train.steps_per_epoch = 30;
        let components = CustomComponents::default();
        let components = components.with_context(MakeScaled(1.0)).with_head(MakeScaled(2.0));
        trainer(config).with_components(components).fit(&data().train).unwrap()
    };
    let whole = custom();
    let losses = |detector: &Detector| {
        let epochs = &detector.record().epochs;
        epochs.iter().map(|epoch| epoch.train.classification).collect::<Vec<_>>()
    };
    assert!(losses(&whole)[1] < losses(&whole)[0], "{:?}", losses(&whole));
    let again = custom();
    assert_eq!(losses(&again), losses(&whole), "read from the checkpoints");
    let test = data().test;
    assert_eq!(again.score(&test).unwrap(), whole.score(&test).unwrap());

    let error = trainer(plain()).fit(&data().train).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
}

#[derive(Debug)]
struct Impossible;

impl CustomLayer for Impossible {
    type Layer = Scaled;

    fn name(&self) -> &str {
        "impossible"
    }

    fn init(&self, shape: LayerShape, device: &Device) -> Result<Scaled, ComponentError> {
        match shape.output {
            8 => Err("no grades please".into()),
            output => MakeScaled(1.0).init(LayerShape { output: output + 1, ..shape }, device),
        }
    }
}

#[derive(Debug)]
struct Nowhere;

impl Threshold for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn fit(&self, _: &[f32]) -> Result<f32, EvalError> {
        Ok(f32::NAN)
    }
}

#[test]
fn components_that_do_not_fit_are_named() {
    let says = |config: AsterConfig, components: CustomComponents, text: &str| {
        let error = fit(config, components).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    let custom = CustomComponents::default;
    says(plain(), custom().with_head(Impossible), "the head \"impossible\" cannot be made: no");
    says(plain(), custom().with_context(Impossible), "expected [1, 4, 64], got [1, 4, 65]");
    says(plain(), custom().with_threshold(Nowhere), "threshold: expected a finite number");
    let scorer = || custom().with_scorer(WorstChannel::default());
    says(plain(), scorer(), "got worst channel");
    says(config(), custom(), "expected a custom scorer");
    let detector = fit(config(), scorer()).unwrap();
    assert!(detector.recalibrate(&ScoreConfig::default(), &data().train).is_err());
}

#[test]
fn checkpoints_of_other_parameters_of_a_custom_part_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fit = |factor| {
        let strategy = Strategy::Single(Device::flex().autodiff());
        Trainer::new(plain(), strategy)
            .with_components(CustomComponents::default().with_head(MakeScaled(factor)))
            .with_checkpoints(folder.path())
            .fit(&data().train)
    };
    fit(2.0).unwrap();
    fit(2.0).unwrap();
    let error = fit(3.0).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
}
