//! The default detector on small files as people have them, where they are: faults that a glitch, an
//! offset or an earlier anomaly must not hide.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::ops::Range;
use std::path::PathBuf;

use aster::data::{LoadOptions, Loaded};
use aster::prelude::*;

/// Alarms of the default detector on a file of which so many rows train: their rows in the file, peak
/// score and the channel that contributes most.
fn alarms(name: &str, train: usize) -> Option<Vec<(Range<usize>, f32, String)>> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let path = PathBuf::from(shared).join(name);
    if !path.exists() {
        println!("skipped: {name} is not at {}", path.display());
        return None;
    }
    let series = Loaded::from_csv(path, &LoadOptions::default()).unwrap().series;
    let test = series.slice(train..series.rows()).unwrap();
    let trained = series.slice(0..train).unwrap().into_train();
    let detector = fit(&AsterConfig::default(), &trained, &device(Backend::Flex).unwrap()).unwrap();
    let named = |alarm: Alarm| {
        let rows = alarm.rows().start + train..alarm.rows().end + train;
        (rows, alarm.interval.peak_score, alarm.reasons[0].channel.clone())
    };
    Some(detector.detect(&test).unwrap().alarms.into_iter().map(named).collect())
}

/// Asserts that the strongest alarm has some of these rows, and is of a channel.
fn finds(name: &str, train: usize, fault: Range<usize>, channel: &str) {
    let Some(alarms) = alarms(name, train) else { return };
    let strongest = alarms.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (rows, _, contributing) = strongest.unwrap();
    assert!(rows.start < fault.end && fault.start < rows.end, "{name}: {alarms:?}");
    assert_eq!(contributing, channel, "{name}: {alarms:?}");
}

#[test]
fn a_signal_that_goes_flat_is_found_while_it_is() {
    finds("80-flat-line-single.csv", 300, 490..530, "ecg");
}

#[test]
fn one_sentinel_in_training_does_not_hide_a_shift() {
    finds("81-sentinel-once-in-training.csv", 300, 400..425, "a");
    finds("81-control.csv", 300, 400..425, "a");
}

#[test]
fn an_offset_beyond_single_precision_does_not_hide_a_jump() {
    finds("84-offset-beyond-f32.csv", 300, 400..425, "freq");
}

#[test]
fn a_channel_that_was_constant_is_found_when_it_moves() {
    finds("85-constant-channel-lh.csv", 300, 400..425, "leak");
}

#[test]
fn an_earlier_anomaly_does_not_hide_a_later_one() {
    let name = "83-masked-by-earlier.csv";
    let Some(alarms) = alarms(name, 900) else { return };
    let found = alarms.iter().find(|(rows, ..)| rows.start < 1310 && 1300 < rows.end);
    assert_eq!(found.map(|(.., channel)| channel.as_str()), Some("b"), "{name}: {alarms:?}");
}
