//! Training series with bad rows, and the share of them that a config declares.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::ops::Range;

use aster_data::{SyntheticConfig, TimeSeries, TrainSeries};
use aster_detect::{AsterConfig, Detector};
use aster_train::fit;
use burn::tensor::Device;

const CHANNELS: usize = 3;

fn good() -> TrainSeries {
    let config = SyntheticConfig { train_rows: 1200, channels: CHANNELS, ..Default::default() };
    config.generate().unwrap().train
}

/// The series with one channel moved in some rows.
fn moved(series: &TimeSeries, rows: &[Range<usize>]) -> TimeSeries {
    let mut values = series.values().to_vec();
    for row in rows.iter().cloned().flatten() {
        values[row * CHANNELS + 1] += 6.0;
    }
    TimeSeries::new(series.channels().to_vec(), values).unwrap()
}

fn trained(train: TimeSeries, contamination: f64) -> Detector {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (2, 20);
    config.train.contamination = contamination;
    fit(&config, &train.into_train(), &Device::flex()).unwrap()
}

#[test]
fn declared_bad_rows_are_left_out_and_faults_like_them_alarm() {
    let bad = [100..120, 310..330, 500..520, 760..780, 1010..1030, 1100..1120];
    let train = moved(&good(), &bad);
    let [silent, declared] = [0.0, 0.2].map(|share| trained(train.clone(), share));
    assert!(silent.rows_left_out().is_empty());
    let left_out = declared.rows_left_out();
    assert!(left_out.iter().map(Range::len).sum::<usize>() <= 240);
    for rows in &bad {
        let whole = left_out.iter().any(|out| out.start <= rows.start && rows.end <= out.end);
        assert!(whole, "{rows:?} is not of {left_out:?}");
    }
    let report = &declared.record().training.left_out;
    assert_eq!(report.rows, left_out.iter().map(Range::len).sum::<usize>());
    let told = declared.record().training.to_string();
    assert!(told.contains("are left out of calibration, as they stand out"), "{told}");

    let fault = 600..620;
    let test = moved(&good(), std::slice::from_ref(&fault));
    let [declared, silent] = [declared, silent].map(|detector| {
        let detection = detector.detect(&test).unwrap();
        let touches = |rows: &Range<usize>| rows.start < fault.end && fault.start < rows.end;
        let found = detection.alarms.iter().any(|alarm| touches(&alarm.rows()));
        let highest = detection.scores[fault.clone()].iter().copied().fold(0.0, f32::max);
        (found, highest / detector.threshold())
    });
    // Where nothing is said of them, faults like them are nearly usual.
    assert!(declared.0 && declared.1 > 1.5 * silent.1, "{declared:?} {silent:?}");
}

#[test]
fn where_all_of_the_last_rows_are_bad_those_before_calibrate() {
    let train = moved(&good(), std::slice::from_ref(&(960..1200)));
    let detector = trained(train, 0.25);
    let left_out: Vec<usize> = detector.rows_left_out().iter().cloned().flatten().collect();
    let late = left_out.iter().filter(|row| **row >= 960).count();
    assert!(late > 80, "{late} of the last 240 rows");
    let kept = 1200 - left_out.len();
    let calibrating = detector.calibration_rows();
    assert_eq!((calibrating.end, calibrating.len()), (kept, kept.min(1000)));
}

#[test]
fn a_share_of_less_than_a_row_is_none() {
    let [tiny, none] = [1e-9, 0.0].map(|share| trained(moved(&good(), &[]), share));
    assert_eq!(tiny.calibration_rows(), none.calibration_rows());
    assert_eq!(tiny.score(&good()).unwrap(), none.score(&good()).unwrap());
}

#[test]
fn a_share_that_is_not_the_smaller_part_is_an_error() {
    for share in [-0.1, 0.5, f64::NAN] {
        let mut config = AsterConfig::default();
        config.train.contamination = share;
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("train.contamination"), "{error}");
    }
}
