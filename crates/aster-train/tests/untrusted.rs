//! Folders from strangers, who can make every checksum fit: an error or a detector that works,
//! but no panic, no hang, and no allocation that the bytes on disk do not justify.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

mod forge;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aster_data::{SyntheticConfig, SyntheticSplit};
use aster_detect::{AsterConfig, DetectError, Detector, Row, StreamConfig, StreamingDetector};
use aster_store::StoreError;
use burn::tensor::Device;
use forge::forge;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

fn split() -> SyntheticSplit {
    let config = SyntheticConfig { train_rows: 300, channels: 2, ..Default::default() };
    config.generate().unwrap()
}

fn detector() -> Detector {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (1, 1);
    aster_train::fit(&config, &split().train, &Device::flex()).unwrap()
}

fn read(folder: &Path, entry: &str) -> Value {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let starts = |path: &std::path::PathBuf| {
        path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{entry}-"))
    };
    let path = entries.into_iter().find(starts).unwrap();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// JSON pointers to all values, of long arrays to a few.
fn places(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            let some = items.iter().enumerate().filter(|(i, _)| *i < 2 || i + 1 == items.len());
            some.for_each(|(i, item)| places(item, format!("{at}/{i}"), all));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, format!("{at}/{name}"), all));
        }
        _ => {}
    }
    all.push(at);
}

fn nasty() -> [Value; 12] {
    let numbers = [json!(0), json!(-1), json!(1), json!(1_000_000), json!(1u64 << 40)];
    let [a, b, c, d, e] = numbers;
    let floats = [json!(u64::MAX), json!(1e308), json!(-1e-320), json!(0.5)];
    let [f, g, h, i] = floats;
    [a, b, c, d, e, f, g, h, i, Value::Null, json!([]), json!("")]
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("0 0");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Puts every nasty value at every place of an entry, and each time does `work`.
fn torture(folder: &Path, entry: &str, work: impl Fn()) {
    let whole = read(folder, entry);
    let mut all = vec![];
    places(&whole, String::new(), &mut all);
    let before = peak_memory();
    for place in &all {
        for value in nasty() {
            let mut forged = whole.clone();
            *forged.pointer_mut(place).unwrap() = value.clone();
            forge(folder, entry, |_| forged.to_string().into_bytes());
            let started = Instant::now();
            work();
            assert!(started.elapsed() < Duration::from_secs(20), "{place} = {value}: it hung");
            let grown = peak_memory().saturating_sub(before) >> 20;
            assert!(grown < 512, "{place} = {value}: {grown} MiB");
        }
    }
    println!("{entry}: {} places", all.len());
}

#[test]
fn a_forged_description_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    detector().save(folder.path()).unwrap();
    let test = split().test.slice(0..60).unwrap();
    torture(folder.path(), "detector", || {
        if let Ok(detector) = Detector::load(folder.path(), &Device::flex()) {
            if let Ok(found) = detector.detect(&test) {
                assert_eq!(found.scores.len(), 60);
                let _ = detector.stability(&test, &found.scores);
            }
            let _ = detector.attribute(&test, 20..30, Default::default());
            let _ = detector.latency();
            let detector = Arc::new(detector);
            if let Ok(mut stream) = StreamingDetector::new(detector, StreamConfig::default()) {
                let _ = stream.push(&[Row::new(Some(1), test.row(0))]);
                let _ = stream.finish();
            }
        }
    });
}

#[test]
fn a_language_model_elsewhere_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    detector().save(folder.path()).unwrap();
    let whole = read(folder.path(), "detector");
    for (field, value) in [
        ("llm", json!({"folder": "/etc"})),
        ("llm", json!("bundled")),
        ("adapter", json!("/etc/passwd")),
        ("cache", json!("/tmp")),
    ] {
        let mut forged = whole.clone();
        forged["config"]["model"]["context"][field] = value;
        forge(folder.path(), "detector", |_| forged.to_string().into_bytes());
        let error = Detector::load(folder.path(), &Device::flex()).unwrap_err();
        assert!(
            matches!(error, DetectError::Store(StoreError::InvalidFormat { .. })),
            "{field}: {error}"
        );
    }
}

#[test]
fn a_forged_stream_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (detector, test) = (Arc::new(detector()), split().test);
    let mut stream = StreamingDetector::new(detector.clone(), StreamConfig::default()).unwrap();
    let row = |row: usize| Row::new(Some(row as i64), test.row(row));
    stream.push(&(0..77).map(row).collect::<Vec<_>>()).unwrap();
    stream.save(folder.path()).unwrap();
    torture(folder.path(), "stream", || {
        if let Ok(mut stream) = StreamingDetector::load(detector.clone(), folder.path()) {
            let _ = stream.push(&(77..120).map(row).collect::<Vec<_>>());
            let _ = stream.finish();
        }
    });
}

/// 200 places with `ASTER_FLIPS=200`.
#[test]
fn flipped_bits_and_cut_files_are_errors() {
    let wanted: usize = std::env::var("ASTER_FLIPS").map_or(40, |flips| flips.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (detector, test) = (detector(), split().test.slice(0..60).unwrap());
    detector.save(folder.path()).unwrap();
    let expected = detector.score(&test).unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let entries = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let (mut refused, mut harmless) = (0, 0);
    for path in entries {
        let whole = std::fs::read(&path).unwrap();
        for number in 0..wanted {
            let mut bytes = whole.clone();
            let at = rng.random_range(0..bytes.len());
            match number % 2 {
                0 => bytes.truncate(at),
                _ => bytes[at] ^= 1 << rng.random_range(0..8),
            }
            std::fs::write(&path, bytes).unwrap();
            match Detector::load(folder.path(), &Device::flex()) {
                Err(_) => refused += 1,
                Ok(detector) => {
                    harmless += 1;
                    assert_eq!(detector.score(&test).unwrap(), expected);
                }
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
    println!("{refused} refused, {harmless} without effect");
    assert!(refused > 9 * harmless, "{refused} and {harmless}");
}
