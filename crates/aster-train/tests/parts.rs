//! Parts of the user's own: each is used, trained where it has weights, saved and loaded.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aster_data::{SyntheticConfig, SyntheticSplit};
use aster_decoder::{Generator, GeneratorNoise};
use aster_eval::{EvalError, Threshold};
use aster_train::{
    AsterConfig, CustomLayer, Detector, EvidenceConfig, Layer, LayerShape, PartError, Parts,
    RowOutputs, ScoreConfig, Scorer, Smoothing, Source, Strategy, StreamConfig, StreamingDetector,
    TrainConfig, TrainError, Trainer,
};
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

    fn init(&self, shape: LayerShape, device: &Device) -> Result<Scaled, PartError> {
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

    fn evidence(&self, row: RowOutputs<'_>) -> f32 {
        self.0.add();
        assert!(row.severity.is_finite() && row.kl >= 0.0);
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

fn config() -> AsterConfig {
    let evidence = EvidenceConfig {
        source: Source::Custom,
        smoothing: Smoothing::Rows(3),
        ..Default::default()
    };
    AsterConfig {
        window: 16,
        train: TrainConfig { epochs: 2, steps: 3, batch: 8, ..Default::default() },
        score: ScoreConfig { evidence: vec![evidence], ..Default::default() },
        ..Default::default()
    }
}

fn data() -> SyntheticSplit {
    SyntheticConfig { train_rows: 300, test_rows: 200, anomalies: 2, ..Default::default() }
        .generate()
        .unwrap()
}

fn fit(config: AsterConfig, parts: Parts) -> Result<Detector, TrainError> {
    let strategy = Strategy::Single(Device::flex().autodiff());
    Trainer::new(config, strategy).with_parts(parts).fit(&data().train)
}

#[test]
fn all_five_are_used_and_come_back() {
    let (asked, scored) = (Counter::default(), Counter::default());
    let parts = Parts::default()
        .with_context(MakeScaled(1.0))
        .with_generator(FirstToken(asked.clone()))
        .with_head(MakeScaled(5.0))
        .with_scorer(WorstChannel(scored.clone()))
        .with_threshold(TwiceTheLargest);
    let detector = fit(config(), parts.clone()).unwrap();
    assert!(asked.count() > 0 && scored.count() >= 300);
    assert!(detector.model().context().is_none(), "the context is the user's own");
    let usual = AsterConfig { score: ScoreConfig::default(), ..config() };
    let usual = usual.init(8, &Device::flex()).unwrap();
    assert_ne!(detector.record().parameters, Module::num_params(&usual));

    let test = data().test;
    let scores = detector.score(&test).unwrap();
    let folder = tempfile::tempdir().unwrap();
    detector.save(folder.path()).unwrap();
    let load = |parts: &Parts| Detector::load_with(folder.path(), &Device::flex(), parts);
    let loaded = load(&parts).unwrap();
    assert_eq!(loaded.score(&test).unwrap(), scores);
    assert_eq!(loaded.threshold(), detector.threshold());

    let plain = Detector::load(folder.path(), &Device::flex()).unwrap_err();
    let text = plain.to_string();
    assert!(matches!(plain, TrainError::OtherParts { .. }), "{text}");
    assert!(text.contains("the head \"scaled\"") && text.contains("got no parts"), "{text}");

    // A stream asks the same scorer, row by row.
    let stream = StreamingDetector::new(Arc::new(loaded), StreamConfig::default());
    let mut stream = stream.unwrap();
    let mut streamed: Vec<f32> = vec![];
    for row in 0..test.rows() {
        let found = stream.push(&[aster_train::Row { time: None, values: test.row(row) }]).unwrap();
        streamed.extend(found.scores.iter().map(|scored| scored.score));
    }
    streamed.extend(stream.finish().scores.iter().map(|scored| scored.score));
    assert_eq!(streamed, scores);
}

#[test]
fn layers_of_ones_own_are_trained_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let with = |epochs, checkpoints: Option<&std::path::Path>| {
        let mut config = config();
        (config.score, config.train.steps) = (ScoreConfig::default(), 30);
        (config.train.epochs, config.train.checkpoints) = (epochs, checkpoints.map(Into::into));
        let parts = Parts::default().with_context(MakeScaled(1.0)).with_head(MakeScaled(2.0));
        fit(config, parts).unwrap()
    };
    let whole = with(2, Some(folder.path()));
    let losses = |detector: &Detector| {
        let epochs = &detector.record().epochs;
        epochs.iter().map(|epoch| epoch.train.classification).collect::<Vec<_>>()
    };
    assert!(losses(&whole)[1] < losses(&whole)[0], "{:?}", losses(&whole));
    let again = with(2, Some(folder.path()));
    assert_eq!(losses(&again), losses(&whole), "read from the checkpoints");
    let test = data().test;
    assert_eq!(again.score(&test).unwrap(), whole.score(&test).unwrap());

    let mut other = config();
    other.score = ScoreConfig::default();
    other.train.checkpoints = Some(folder.path().into());
    let error = fit(other, Parts::default()).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
}

#[derive(Debug)]
struct Impossible;

impl CustomLayer for Impossible {
    type Layer = Scaled;

    fn name(&self) -> &str {
        "impossible"
    }

    fn init(&self, shape: LayerShape, device: &Device) -> Result<Scaled, PartError> {
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
fn parts_that_do_not_fit_are_named() {
    let plain = AsterConfig { score: ScoreConfig::default(), ..config() };
    let says = |config: AsterConfig, parts: Parts, text: &str| {
        let error = fit(config, parts).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    let parts = Parts::default;
    says(
        plain.clone(),
        parts().with_head(Impossible),
        "the head \"impossible\" cannot be made: no",
    );
    says(plain.clone(), parts().with_context(Impossible), "expected [1, 4, 64], got [1, 4, 65]");
    says(plain.clone(), parts().with_threshold(Nowhere), "threshold: expected a finite number");
    let scorer = || parts().with_scorer(WorstChannel::default());
    says(plain.clone(), scorer(), "got worst channel");
    says(config(), parts(), "expected a scorer among the parts");
    let mut detector = fit(config(), scorer()).unwrap();
    let rule = plain.threshold;
    assert!(detector.recalibrate(&plain.score, &rule, &data().train).is_err());
}
