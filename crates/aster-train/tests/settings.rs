//! What may change of a trained detector, what it is told by, and where it is kept.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::sync::OnceLock;

use aster_data::{SyntheticConfig, SyntheticSplit, TrainSeries};
use aster_detect::{AsterConfig, DetectError, Detection, Detector, ScoreConfig, TrainConfig};
use aster_eval::{AlarmConfig, DriftConfig, EvalError, Per, Threshold, ThresholdRule};
use aster_store::StoreError;
use aster_train::{CancelToken, Strategy, TrainError, Trainer, fit, refit};
use burn::tensor::Device;

fn split() -> &'static SyntheticSplit {
    static SPLIT: OnceLock<SyntheticSplit> = OnceLock::new();
    SPLIT.get_or_init(|| {
        let config = SyntheticConfig { train_rows: 800, channels: 3, ..Default::default() };
        config.generate().unwrap()
    })
}

fn config() -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (2, 20);
    config
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| fit(&config(), &split().train, &Device::flex()).unwrap())
}

fn validation() -> TrainSeries {
    split().train.split_validation(config().train.validation).unwrap().1
}

#[test]
fn another_rule_gives_the_threshold_of_a_detector_that_was_trained_with_it() {
    for rule in [
        ThresholdRule::FalseAlarmRate { rate: 0.01 },
        ThresholdRule::Quantile { q: 0.7 },
        ThresholdRule::Fixed { value: 3.5 },
        ThresholdRule::Pot { initial: 0.9, risk: 1e-3 },
    ] {
        let mut trained = detector().trained_model().clone();
        trained.config.threshold = rule;
        let expected = Detector::calibrate(trained, &split().train).unwrap();
        let changed = detector().with_threshold(rule).unwrap();
        assert_eq!(changed.threshold(), expected.threshold(), "{rule}");
        assert_eq!(changed.config(), expected.config(), "the config says what is in force");
        assert_eq!(changed.fingerprint(), detector().fingerprint());
        let test = &split().test;
        assert_eq!(changed.score(test).unwrap(), detector().score(test).unwrap());
    }
    let bad = detector().with_threshold(ThresholdRule::FalseAlarmRate { rate: 2.0 });
    assert!(matches!(bad, Err(DetectError::Setting(_))));
}

#[test]
fn alarm_and_drift_change_and_whoever_shares_the_detector_sees_nothing_of_it() {
    let before = detector().detect(&split().test).unwrap();
    let shared = detector().clone();
    let alarm = AlarmConfig { k: 3, n: 4, join: 300, close: 0.9 };
    let drift = DriftConfig { warmup: 9, memory: 99, ..Default::default() };
    let changed = shared.with_alarm(alarm).unwrap().with_drift(Some(drift)).unwrap();
    assert_eq!((changed.config().alarm, changed.config().drift), (alarm, Some(drift)));
    let found = changed.detect(&split().test).unwrap();
    let (some, fewer) = (before.alarms.len(), found.alarms.len());
    assert!(fewer < some, "{fewer} of {some}");
    assert_eq!(found.scores, before.scores);
    assert_eq!(shared.detect(&split().test).unwrap(), before);
    let still = changed.with_drift(None).unwrap().detect(&split().test).unwrap();
    assert!(still.thresholds.iter().all(|at| *at == changed.threshold()));
    assert!(shared.with_alarm(AlarmConfig { k: 2, n: 1, ..alarm }).is_err());
    assert!(shared.with_drift(Some(DriftConfig { warmup: 0, ..drift })).is_err());
}

#[test]
fn a_promise_counts_the_alarms_that_are_joined() {
    let rule = ThresholdRule::FalseAlarms { episodes: 3.0, per: Per::Rows(1000) };
    let promised = detector().with_threshold(rule).unwrap();
    let alarm = AlarmConfig { join: 0, ..Default::default() };
    let mut trained = promised.trained_model().clone();
    trained.config.alarm = alarm;
    let expected = Detector::calibrate(trained, &split().train).unwrap();
    let changed = promised.with_alarm(alarm).unwrap();
    assert_eq!(changed.threshold(), expected.threshold());
    assert_ne!(changed.threshold(), promised.threshold());
}

/// Twice the mean.
#[derive(Debug)]
struct TwiceTheMean;

impl Threshold for TwiceTheMean {
    fn name(&self) -> &str {
        "twice the mean"
    }

    fn fit(&self, scores: &[f32]) -> Result<f32, EvalError> {
        Ok(2.0 * scores.iter().sum::<f32>() / scores.len() as f32)
    }
}

#[test]
fn a_rule_takes_the_place_of_a_custom_one() {
    let strategy = Strategy::Single(Device::flex().autodiff());
    let components = aster_detect::CustomComponents::default().with_threshold(TwiceTheMean);
    let custom = Trainer::new(config(), strategy).with_components(components.clone());
    let custom = custom.fit(&split().train).unwrap();
    let changed = custom.with_threshold(ThresholdRule::Fixed { value: 2.0 }).unwrap();
    assert_eq!(changed.threshold(), 2.0);
    // What is saved needs the custom rule no longer.
    let bytes = changed.to_bytes().unwrap();
    assert_eq!(Detector::from_bytes(&bytes, &Device::flex()).unwrap().threshold(), 2.0);
    let bytes = custom.to_bytes().unwrap();
    let error = Detector::from_bytes(&bytes, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("twice the mean"), "{error}");
    let same = Detector::from_bytes_with(&bytes, &Device::flex(), &components).unwrap();
    assert_eq!(same.threshold(), custom.threshold());
}

#[test]
fn bytes_hold_the_whole_detector_and_are_checked() {
    let (device, test) = (Device::flex(), &split().test);
    let changed = detector().with_threshold(ThresholdRule::Fixed { value: 1.0 }).unwrap();
    let bytes = changed.to_bytes().unwrap();
    let read = Detector::from_bytes(&bytes, &device).unwrap();
    assert_eq!(read.detect(test).unwrap(), changed.detect(test).unwrap());
    assert_eq!((read.fingerprint(), read.record()), (changed.fingerprint(), changed.record()));
    // It still has what rules are fitted on.
    let rule = ThresholdRule::FalseAlarmRate { rate: 0.05 };
    let (again, before) = (read.with_threshold(rule), detector().with_threshold(rule));
    assert_eq!(again.unwrap().threshold(), before.unwrap().threshold());
    assert_eq!(bytes, changed.to_bytes().unwrap(), "the same detector, the same bytes");
    assert_eq!(bytes, read.to_bytes().unwrap());

    for at in [0, 700, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2000] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let error = Detector::from_bytes(&damaged, &device);
        assert!(matches!(error, Err(DetectError::Store(_))), "byte {at}");
        let cut = Detector::from_bytes(&bytes[..at], &device).unwrap_err();
        assert!(matches!(cut, DetectError::Store(StoreError::InvalidFormat { .. })), "{cut}");
    }

    // A folder and a buffer hold the same.
    let folder = tempfile::tempdir().unwrap();
    changed.save(folder.path()).unwrap();
    assert_eq!(Detector::load(folder.path(), &device).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn fingerprints_tell_what_scores_depend_on() {
    let other = |change: fn(&mut AsterConfig)| {
        let mut trained = detector().trained_model().clone();
        change(&mut trained.config);
        Detector::calibrate(trained, &split().train).unwrap().fingerprint().to_string()
    };
    assert_eq!(other(|_| ()), detector().fingerprint());
    assert_eq!(other(|config| config.alarm.join = 7), detector().fingerprint());
    let rule = |config: &mut AsterConfig| config.threshold = ThresholdRule::Fixed { value: 1.0 };
    assert_eq!(other(rule), detector().fingerprint());
    assert_ne!(other(|config| config.score.channel_floor *= 2.0), detector().fingerprint());
    let mut retrained = config();
    retrained.train.seed = 1;
    let retrained = fit(&retrained, &split().train, &Device::flex()).unwrap();
    assert_ne!(retrained.fingerprint(), detector().fingerprint());
    let mut score = ScoreConfig::default();
    score.components.truncate(1);
    let recalibrated = detector().recalibrate(&score, &split().train).unwrap();
    assert_ne!(recalibrated.fingerprint(), detector().fingerprint());
    assert_eq!(detector().fingerprint().len(), 64);
}

#[test]
fn a_refit_can_be_cancelled_and_watched() {
    let mut settings = TrainConfig::default();
    (settings.epochs, settings.steps_per_epoch) = (2, 5);
    let token = CancelToken::default();
    token.cancel();
    let trainer = || Trainer::from_detector(detector(), &settings);
    let error = trainer().with_cancel_token(token).fit(&split().train).unwrap_err();
    assert!(matches!(error, TrainError::Stopped { .. }), "{error}");
    let [short, long] =
        [&trainer().fit(&split().train), &refit(detector(), &settings, &split().train)]
            .map(|it| it.as_ref().unwrap().score(&validation()).unwrap());
    assert_eq!(short, long, "it is what refit does");
}

#[test]
fn what_is_found_is_read_back_and_said_in_a_line() {
    let times = (0..split().test.rows() as i64).map(|row| 60 * row).collect();
    let series = split().test.clone().with_timestamps(times).unwrap();
    let found = detector().detect(&series).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Detection>(&text).unwrap(), found);
    let said = found.to_string();
    let mut lines = said.lines();
    let (count, rows) = (found.alarms.len(), found.scores.len());
    assert_eq!(lines.next().unwrap(), format!("{count} alarms in {rows} rows"));
    let (severity, first) = (found.alarms[0].severity, &found.alarms[0].interval);
    let expected = format!(
        "alarm 0, severity {severity:.0}: rows {}..{}, times {} to {}, peak {:.1} at time {}; ",
        first.start,
        first.end,
        60 * first.start,
        60 * (first.end - 1),
        first.peak_score,
        60 * first.peak
    );
    assert!(lines.next().unwrap().starts_with(&expected), "{said} for {expected}");
}
