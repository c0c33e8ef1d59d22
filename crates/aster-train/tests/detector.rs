//! A small detector from fit to artefact.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

mod forge;

use std::path::Path;
use std::sync::OnceLock;

use aster_data::{
    DataError, ScalerConfig, ScalerKind, SyntheticConfig, SyntheticSplit, TimeSeries,
};
use aster_detect::{AsterConfig, DetectError, Detector, FORMAT_VERSION};
use aster_eval::auroc;
use aster_llm::{LlmError, LlmSource};
use aster_model::{Aster, LossTerm, ModelError, NetworkComponents};
use aster_store::StoreError;
use aster_train::{Strategy, TrainError, Trainer, fit};
use burn::tensor::Device;
use forge::forge;
use serde_json::Value;

fn quick(epochs: usize, steps: usize) -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (epochs, steps);
    config
}

fn split() -> &'static SyntheticSplit {
    static SPLIT: OnceLock<SyntheticSplit> = OnceLock::new();
    SPLIT.get_or_init(|| {
        let config = SyntheticConfig { train_rows: 1500, channels: 4, ..Default::default() };
        config.generate().unwrap()
    })
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| fit(&quick(3, 60), &split().train, &Device::flex()).unwrap())
}

fn saved() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    detector().save(folder.path()).unwrap();
    folder
}

fn load(folder: &Path) -> Result<Detector, DetectError> {
    Detector::load(folder, &Device::flex())
}

#[test]
fn anomalies_score_higher_and_alarm() {
    let test = &split().test;
    let found = detector().detect(test).unwrap();
    assert_eq!(found.scores.len(), test.rows());
    assert!(found.scores.iter().all(|score| score.is_finite()));
    let area = auroc(&found.scores, test.labels().unwrap()).unwrap();
    assert!(area > 0.75, "AUROC {area}");
    assert!(!found.alarms.is_empty());
    for alarm in found.alarms {
        assert!(alarm.interval.peak_score >= found.thresholds[alarm.interval.peak]);
        assert!((0.0..=100.0).contains(&alarm.severity));
        assert!(alarm.reasons.is_sorted_by(|a, b| a.share >= b.share));
    }
}

#[test]
fn the_record_tells_how_it_was_trained() {
    let record = detector().record();
    assert_eq!(record.epochs.len(), 3);
    assert_eq!((record.train_rows, record.validation_rows), (1200, 300));
    assert!((1..=3).contains(&record.best_epoch));
    for epoch in &record.epochs {
        for losses in [epoch.train, epoch.validation] {
            assert!(losses.total > 0.0 && losses.total.is_finite());
            assert!(losses.reconstruction > 0.0 && losses.classification > 0.0);
        }
    }
    let (first, last) = (record.epochs[0].validation, record.epochs[2].validation);
    assert!(last.reconstruction < first.reconstruction, "it learns to reconstruct");
    let text = serde_json::to_string(record).unwrap();
    assert_eq!(&serde_json::from_str::<aster_detect::RunRecord>(&text).unwrap(), record);
}

#[test]
fn a_loaded_detector_gives_the_same_scores_bit_for_bit() {
    let folder = saved();
    let loaded = load(folder.path()).unwrap();
    let test = &split().test;
    assert_eq!(loaded.detect(test).unwrap(), detector().detect(test).unwrap());
    assert_eq!(loaded.record(), detector().record());
}

#[test]
fn saving_again_replaces_the_files() {
    let folder = saved();
    detector().save(folder.path()).unwrap();
    load(folder.path()).unwrap();
}

#[test]
fn latent_codes_are_of_tokens_in_three_states_and_the_same_for_a_seed() {
    let test = &split().test;
    let codes = |series: &TimeSeries, seed| detector().latent_codes(series, 5, seed).unwrap();
    let once = codes(test, 0);
    // Five windows of four tokens.
    assert_eq!(once.rows.len(), 20);
    assert_eq!(once.rows[..2], [0..4, 4..8]);
    for state in [&once.real, &once.reconstructed, &once.pseudo] {
        assert_eq!(state.len(), 20 * once.latent_size);
    }
    assert_eq!(codes(test, 0), once);
    let other = codes(test, 1);
    assert_eq!(other.real, once.real);
    assert_ne!(other.pseudo, once.pseudo);
    assert!(once.reconstructed != once.real && once.pseudo.iter().all(|x| x.is_finite()));
    assert_eq!(codes(&test.slice(0..6).unwrap(), 0).rows, [0..4, 4..6, 6..6, 6..6]);
}

#[test]
fn series_shorter_than_a_window_are_scored() {
    let test = split().test.slice(0..5).unwrap();
    let scores = detector().score(&test).unwrap();
    assert!(scores.len() == 5 && scores.iter().all(|score| score.is_finite()));
}

#[test]
fn far_out_values_still_give_finite_scores() {
    let names = split().test.channels().to_vec();
    let values = [1e38, -1e38, 0.0, 1e30].repeat(50);
    let scores = detector().score(&TimeSeries::new(names, values).unwrap()).unwrap();
    assert!(scores.iter().all(|score| score.is_finite()));
    assert!(scores.iter().all(|score| *score >= detector().threshold()));
}

#[test]
fn other_channels_are_named() {
    let mut names = split().test.channels().to_vec();
    names[2] = "x".into();
    let test = TimeSeries::new(names, vec![0.0; 80]).unwrap();
    match detector().score(&test) {
        Err(DetectError::Data(DataError::ChannelMismatch { missing, unexpected, .. })) => {
            assert_eq!(
                (missing, unexpected),
                (vec!["sensor_2".to_string()], vec!["x".to_string()])
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_few_rows_say_how_many_are_needed() {
    let train = split().train.slice(0..79).unwrap().into_train();
    let error = fit(&quick(1, 1), &train, &Device::flex()).unwrap_err();
    assert!(matches!(error, TrainError::TooFewRows { rows: 79, needed: 80 }), "{error}");
    let enough = split().train.slice(0..80).unwrap().into_train();
    fit(&quick(1, 1), &enough, &Device::flex()).unwrap();
}

#[test]
fn constant_channels_are_accepted() {
    let train = TimeSeries::from_slice(&[1.0, 2.0].repeat(200), 2).unwrap().into_train();
    let detector = fit(&quick(1, 2), &train, &Device::flex()).unwrap();
    assert!(detector.score(&train).unwrap().iter().all(|score| score.is_finite()));
}

#[test]
fn the_language_model_travels_with_the_detector() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aster-llm/tests/golden/gpt2");
    let llm = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden.join(file), llm.path().join(file)).unwrap();
    }
    let mut config = quick(1, 5);
    config.model.context.llm = LlmSource::Folder(llm.path().into());
    let detector = fit(&config, &split().train, &Device::flex()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    detector.save(folder.path()).unwrap();

    // What LoRA learned, alone, is where another training may start.
    let paths = ["learned", "again"].map(|name| llm.path().join(name));
    let save = |model: &Aster, path| {
        model.context().unwrap().backbone().unwrap().save_adapter(path).unwrap()
    };
    save(detector.model(), &paths[0]);
    config.model.context.adapter = Some(paths[0].clone());
    let fresh = config.model.init(
        &NetworkComponents::default(),
        detector.channels().len(),
        &Device::flex(),
    );
    save(&fresh.unwrap(), &paths[1]);
    // The header's own metadata come in any order.
    let [learned, again] = paths.map(|path| {
        let bytes = std::fs::read(path).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    });
    assert!(!learned.is_empty() && learned == again, "the factors are those that were learned");

    drop(llm);
    let test = &split().test;
    assert_eq!(load(folder.path()).unwrap().score(test).unwrap(), detector.score(test).unwrap());
}

#[test]
fn a_bad_language_model_is_an_error() {
    let mut config = quick(1, 1);
    config.model.context.llm = LlmSource::Folder("no/such/folder".into());
    let error = fit(&config, &split().train, &Device::flex()).unwrap_err();
    assert!(matches!(error, TrainError::Model(ModelError::Llm(LlmError::Io { .. }))), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_names_its_term_and_keeps_the_last_good_checkpoint() {
    // In units of an interquartile range of 1e-30 one row is so far out that its
    // squared error overflows; one window per step meets it sooner or later.
    let mut values: Vec<f32> = (0..250).map(|i| (i % 7) as f32 * 1e-30).collect();
    values[100] = 1.0;
    let train = TimeSeries::from_slice(&values, 1).unwrap().into_train();
    let checkpoints = tempfile::tempdir().unwrap();
    let mut config = quick(300, 1);
    config.scaler = ScalerConfig { kind: ScalerKind::Robust, asinh: false };
    config.train.batch_size = 1;
    config.train.rollbacks = 0;
    config.train.patience = None;
    let trainer = Trainer::new(config, Strategy::Single(Device::flex().autodiff()));
    match trainer.with_checkpoints(checkpoints.path()).fit(&train).unwrap_err() {
        TrainError::NonFinite { term, value, step, checkpoint } => {
            assert_ne!(term, LossTerm::Total, "the cause comes before the sum");
            assert!(!value.is_finite() && step > 0);
            let checkpoint = checkpoint.unwrap();
            assert!(checkpoint.starts_with(checkpoints.path()) && checkpoint.exists());
            assert!(checkpoint.ends_with(format!("epoch-{step}")));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn folders_that_hold_no_detector_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(load(folder.path()), Err(DetectError::Store(StoreError::Io { .. }))), "empty");

    let manifest = |text: &str| std::fs::write(folder.path().join("manifest.json"), text);
    for text in ["not json", "{}", r#"{"format": "other", "version": 1}"#] {
        manifest(text).unwrap();
        assert!(
            matches!(
                load(folder.path()),
                Err(DetectError::Store(StoreError::InvalidFormat { .. }))
            ),
            "{text}"
        );
    }
    manifest(r#"{"format": "aster-detector", "version": 99}"#).unwrap();
    match load(folder.path()) {
        Err(DetectError::Store(StoreError::NewerFormat { found, supported, .. })) => {
            assert_eq!((found, supported), (99, FORMAT_VERSION));
        }
        other => panic!("{other:?}"),
    }
    manifest(r#"{"format": "aster-detector", "version": 1, "entries": {}}"#).unwrap();
    assert!(
        matches!(load(folder.path()), Err(DetectError::Store(StoreError::InvalidFormat { .. }))),
        "no entries"
    );
}

#[test]
fn damaged_weights_are_errors() {
    let folder = saved();
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let path = entries.into_iter().find(|path| path.extension().unwrap() == "safetensors").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cuts = [0, 20, whole.len() / 2, whole.len() - 4];
    for length in cuts {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(load(folder.path()), Err(DetectError::Store(StoreError::Damaged { .. }))),
            "{length} bytes"
        );
    }
    std::fs::write(&path, &whole).unwrap();
    for length in cuts {
        forge(folder.path(), "weights", |_| whole[..length].to_vec());
        assert!(
            matches!(load(folder.path()), Err(DetectError::Store(StoreError::Weights { .. }))),
            "{length} bytes"
        );
    }
    // A header that speaks of more bytes than there are.
    for length in [u64::MAX, 1 << 62, 1 << 40, 99 << 20] {
        let start = length.to_le_bytes();
        forge(folder.path(), "weights", |_| [&start, &whole[8..]].concat());
        assert!(
            matches!(load(folder.path()), Err(DetectError::Store(StoreError::Weights { .. }))),
            "{length}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(load(folder.path()), Err(DetectError::Store(StoreError::Io { .. }))));
}

#[test]
fn weights_of_another_model_are_errors() {
    let folder = saved();
    let with = |layers: u64, width: u64| {
        forge(folder.path(), "detector", |text| {
            let mut description: Value = serde_json::from_slice(&text).unwrap();
            description["config"]["model"]["head"]["layers"] = layers.into();
            description["config"]["model"]["head"]["feed_forward"] = width.into();
            description.to_string().into_bytes()
        });
        load(folder.path()).unwrap_err().to_string()
    };
    assert!(with(3, 128).contains("missing"));
    assert!(with(1, 128).contains("belongs to no part"));
    assert!(with(2, 100).contains("hape"));
}
