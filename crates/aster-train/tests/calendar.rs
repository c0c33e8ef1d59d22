//! Series whose normal state depends on the hour: calendar features as context.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

mod outputs;

use std::sync::{Arc, OnceLock};

use aster_data::{CalendarFeature, Clock, DataError, TimeSeries};
use aster_detect::{
    Alarm, AsterConfig, Attribution, DetectError, Detector, Notice, Regular, Row, Source,
    StreamConfig, StreamOutput, StreamingDetector,
};
use aster_eval::{AlarmConfig, auroc};
use aster_train::{TrainError, fit};
use burn::tensor::Device;
use outputs::extend;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Rows of a day.
const DAY: usize = 48;
const HALF_HOUR: i64 = 1_800_000_000_000;
/// Rows that are those of twelve hours later.
const FAULT: std::ops::Range<usize> = 500..520;

fn time(row: usize) -> i64 {
    1_709_251_200_000_000_000 + HALF_HOUR * row as i64
}

/// Two channels that follow the day, of so many rows; in some they are those of another hour.
fn series(rows: usize, fault: std::ops::Range<usize>, seed: u64) -> TimeSeries {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values = vec![];
    for row in 0..rows {
        // Half the way at either end.
        let amid = fault.contains(&row) && fault.start != row && fault.end != row + 1;
        let ahead = if amid {
            0.5
        } else if fault.contains(&row) {
            0.25
        } else {
            0.0
        };
        let angle = std::f64::consts::TAU * (row as f64 / DAY as f64 + ahead);
        let mut noise = || rng.random_range(-0.1..0.1);
        values.extend([angle.cos() + noise(), 20.0 + 3.0 * angle.cos() + noise()]);
    }
    dated(values)
}

/// A series of values `[rows, 2]`, a row in half an hour.
fn dated(values: Vec<f64>) -> TimeSeries {
    let channels = ["load", "heat"].map(String::from).to_vec();
    let times = (0..values.len() / 2).map(time).collect();
    TimeSeries::new(channels, values)
        .and_then(|it| it.with_timestamps(times))
        .unwrap()
        .with_clock(Clock::UTC)
}

const SUBSEQUENCES: [Source; 4] = [
    Source::Subsequence,
    Source::SubsequenceMean,
    Source::CentredSubsequence,
    Source::CentredSubsequenceMean,
];

fn config(calendar: Vec<CalendarFeature>) -> AsterConfig {
    let mut config = AsterConfig::default();
    (config.calendar, config.model.window) = (calendar, 16);
    // They hold hours before and after a row, and know the hour by themselves.
    config.score.components.retain(|it| !SUBSEQUENCES.contains(&it.source));
    (config.train.epochs, config.train.steps_per_epoch) = (2, 30);
    config.alarm = AlarmConfig { join: 8, ..Default::default() };
    config
}

fn trained(calendar: Vec<CalendarFeature>) -> Detector {
    let train = series(30 * DAY, 0..0, 1).into_train();
    fit(&config(calendar), &train, &Device::flex()).unwrap()
}

fn detector() -> Arc<Detector> {
    static DETECTOR: OnceLock<Arc<Detector>> = OnceLock::new();
    DETECTOR.get_or_init(|| trained(vec![CalendarFeature::HourOfDay]).into()).clone()
}

#[test]
fn what_is_normal_at_another_hour_alarms() {
    let test = series(1000, FAULT, 2);
    let labels: Vec<bool> = (0..1000).map(|row| FAULT.contains(&row)).collect();
    let ranks = |detector: &Detector| auroc(&detector.score(&test).unwrap(), &labels).unwrap();
    let (with, without) = (ranks(&detector()), ranks(&trained(vec![])));
    assert!(with > 0.97 && with > without, "AUROC {with} with the hour, {without} without");
    let found = detector().detect(&test).unwrap();
    let overlap = |rows: std::ops::Range<usize>| rows.start < FAULT.end && FAULT.start < rows.end;
    let alarm = found.alarms.iter().find(|alarm| overlap(alarm.rows())).unwrap();
    let names: Vec<&str> = alarm.reasons.iter().map(|reason| &*reason.channel).collect();
    assert!(!names.is_empty() && names.iter().all(|name| ["load", "heat"].contains(name)));
    for method in [Attribution::Reconstruction, Attribution::Occlusion] {
        let shares = detector().attribute(&test, FAULT, method).unwrap();
        assert_eq!(shares.len(), 2, "{method:?}: channels alone");
        approx::assert_relative_eq!(shares.iter().map(|it| it.share).sum::<f64>(), 1.0);
    }
}

#[test]
fn a_stream_reads_the_hour_from_its_rows() {
    let (detector, test) = (detector(), series(700, FAULT, 3));
    let expected = detector.detect(&test).unwrap();
    let mut config = StreamConfig::default();
    config.regular = Some(Regular { step: HALF_HOUR, fill: 3 });
    let mut stream = StreamingDetector::new(detector.clone(), config).unwrap();
    let (mut found, folder) = (StreamOutput::default(), tempfile::tempdir().unwrap());
    let rows: Vec<Row> = (0..700).map(|row| Row::new(time(row), test.row(row))).collect();
    for (number, rows) in rows.chunks(37).enumerate() {
        extend(&mut found, stream.push(rows).unwrap());
        if number == 9 {
            stream.save(folder.path()).unwrap();
            stream = StreamingDetector::load(detector.clone(), folder.path()).unwrap();
            let part = stream.attribute(260..270, Attribution::Reconstruction).unwrap();
            assert_eq!(part.len(), 2);
        }
    }
    extend(&mut found, stream.finish());
    assert_eq!(found.scores.len(), expected.scores.len());
    for (scored, score) in found.scores.iter().zip(&expected.scores) {
        approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
    }
    let closed = found.closed().map(Alarm::rows);
    assert!(closed.eq(expected.alarms.iter().map(Alarm::rows)));
}

#[test]
fn a_row_that_stands_in_has_its_own_hour() {
    let (detector, test) = (detector(), series(200, 0..0, 4));
    let mut held = test.values().to_vec();
    held.copy_within(2 * 99..2 * 100, 2 * 100);
    let held = dated(held);
    let mut config = StreamConfig::default();
    config.regular = Some(Regular { step: HALF_HOUR, fill: 3 });
    let mut stream = StreamingDetector::new(detector.clone(), config).unwrap();
    let rows = (0..200).filter(|row| *row != 100).map(|row| Row::new(time(row), test.row(row)));
    let mut found = stream.push(&rows.collect::<Vec<_>>()).unwrap();
    extend(&mut found, stream.finish());
    assert!(found.notices.contains(&Notice::Filled { row: 100, rows: 1 }));
    for (scored, score) in found.scores.iter().zip(detector.score(&held).unwrap()) {
        approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
    }
}

#[test]
fn without_an_hour_it_is_an_error() {
    let detector = detector();
    let undated = TimeSeries::new(detector.channels().to_vec(), vec![1.0; 80]).unwrap();
    let error = detector.score(&undated).unwrap_err();
    assert!(matches!(error, DetectError::Data(DataError::NoTimestamps)), "{error}");
    let mut stream = StreamingDetector::new(detector.clone(), StreamConfig::default()).unwrap();
    let rows = [Row::new(time(0), &[0.0, 20.0]), Row::new(None, &[0.0, 20.0])];
    let error = stream.push(&rows).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of those pushed: expected a time"), "{error}");
    let (without, hours) = (trained(vec![]), [CalendarFeature::HourOfDay]);
    let error = stream.swap(without.into()).unwrap_err().to_string();
    assert!(error.contains("hour_of_day sine"), "{error}");
    let fitted = |rows: usize, features: &[CalendarFeature]| {
        fit(&config(features.to_vec()), &series(rows, 0..0, 1).into_train(), &Device::flex())
    };
    let error = fitted(3 * DAY / 2, &hours).unwrap_err().to_string();
    assert_eq!(
        error,
        "calendar: expected at least 2.0 days of training for hour_of_day, got 1.5 days"
    );
    let undated = undated.into_train();
    let error = fit(&config(hours.to_vec()), &undated, &Device::flex()).unwrap_err();
    assert!(matches!(error, TrainError::Data(DataError::NoTimestamps)), "{error}");
}

#[test]
fn a_detector_keeps_what_it_reads_of_the_calendar() {
    let (detector, test) = (detector(), series(300, FAULT, 5));
    assert_eq!(detector.channels(), ["load", "heat"]);
    let read = Detector::from_bytes(&detector.to_bytes().unwrap(), &Device::flex()).unwrap();
    assert_eq!(read.score(&test).unwrap(), detector.score(&test).unwrap());
    assert_eq!(read.channels(), detector.channels());
    assert_eq!(read.stability(&test, &read.score(&test).unwrap()).unwrap().channels.len(), 2);
}
