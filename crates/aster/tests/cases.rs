//! The default detector on small files as people have them, where they are: faults that a glitch, an
//! offset or an earlier anomaly must not hide.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::ops::Range;
use std::path::PathBuf;

use aster::data::{LoadOptions, Loaded, Peculiarity};
use aster::detect::Reason;
use aster::prelude::*;

/// The series of a file, and the default detector that so many of its rows train.
fn fitted(name: &str, train: usize) -> Option<(TimeSeries, Detector)> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let path = PathBuf::from(shared).join(name);
    if !path.exists() {
        println!("skipped: {name} is not at {}", path.display());
        return None;
    }
    let series = Loaded::from_csv(path, &LoadOptions::default()).unwrap().series;
    let trained = series.slice(0..train).unwrap().into_train();
    let detector = fit(&AsterConfig::default(), &trained, &device(Backend::Flex).unwrap()).unwrap();
    Some((series, detector))
}

/// Alarms of the default detector on a file of which so many rows train: their rows in the file, peak
/// score and the channel that contributes most.
fn alarms(name: &str, train: usize) -> Option<Vec<(Range<usize>, f32, String)>> {
    let (series, detector) = fitted(name, train)?;
    Some(alarms_of(&detector, &series, train))
}

/// Alarms of a detector, likewise.
fn alarms_of(
    detector: &Detector,
    series: &TimeSeries,
    train: usize,
) -> Vec<(Range<usize>, f32, String)> {
    let test = series.slice(train..series.rows()).unwrap();
    let named = |alarm: Alarm| {
        let rows = alarm.rows().start + train..alarm.rows().end + train;
        (rows, alarm.interval.peak_score, alarm.reasons[0].channel.clone())
    };
    detector.detect(&test).unwrap().alarms.into_iter().map(named).collect()
}

/// Asserts that the strongest alarm has some of these rows, and is of a channel.
fn finds(name: &str, train: usize, fault: Range<usize>, channel: &str) {
    let Some(alarms) = alarms(name, train) else { return };
    let strongest = alarms.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (rows, _, contributing) = strongest.unwrap();
    assert!(rows.start < fault.end && fault.start < rows.end, "{name}: {alarms:?}");
    assert_eq!(contributing, channel, "{name}: {alarms:?}");
}

/// Asserts that the first alarm that has some of these rows, however strong others are, is of a channel.
fn finds_too(name: &str, train: usize, fault: Range<usize>, channel: &str) {
    let Some(alarms) = alarms(name, train) else { return };
    let found = alarms.iter().find(|(rows, ..)| rows.start < fault.end && fault.start < rows.end);
    assert_eq!(found.map(|(.., channel)| channel.as_str()), Some(channel), "{name}: {alarms:?}");
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
fn a_set_point_that_is_moved_is_one_alarm_and_hides_no_shift() {
    finds_too("86-set-point-moved.csv", 300, 420..440, "a");
    let Some(alarms) = alarms("86-set-point-moved.csv", 300) else { return };
    assert!(alarms.iter().all(|(rows, ..)| rows.end < 470), "{alarms:?}");
}

#[test]
fn an_earlier_anomaly_does_not_hide_a_later_one() {
    finds_too("83-masked-by-earlier.csv", 900, 1300..1310, "b");
}

#[test]
fn an_anomaly_in_the_rows_that_calibrate_does_not_hide_a_later_one() {
    finds("82-anomaly-in-validation-part.csv", 300, 400..425, "a");
    finds("82-control-earlier.csv", 300, 400..425, "a");
}

#[test]
fn in_300_rows_of_training_no_subsequence_is_new_and_none_is_judged() {
    let Some((series, detector)) = fitted("92-one-bad-row.csv", 300) else { return };
    let alarms = alarms_of(&detector, &series, 300);
    let warnings = detector.record().training.warnings_once_trained();
    let told = "the score does without subsequences of 64 rows, as 60 rows validate";
    assert!(warnings.iter().any(|warning| warning == told), "{warnings:?}");
    assert!(!alarms.is_empty());
    assert!(alarms.iter().all(|(rows, ..)| rows.contains(&600)), "{alarms:?}");
}

#[test]
fn an_alarm_of_one_bad_row_says_which_it_is() {
    let Some((series, detector)) = fitted("92-one-bad-row.csv", 300) else { return };
    let found = detector.detect(&series.slice(300..series.rows()).unwrap()).unwrap();
    let worst = found.alarms.into_iter().max_by(Alarm::cmp_severity).unwrap();
    let Reason { channel, row, time, observed, expected, .. } =
        worst.shifted(300).reasons.swap_remove(0);
    assert_eq!((&*channel, row, observed, time), ("a", 600, 21.98, series.time(600)));
    assert!((expected.unwrap() - 10.0).abs() < 2.0, "{expected:?}");
}

#[test]
fn the_counter_that_never_comes_back_is_told_of() {
    let Some((_, detector)) = fitted("89-counter.csv", 300) else { return };
    let told = &detector.record().training.peculiar;
    assert!(
        told.iter().any(|it| matches!(it.peculiarity, Peculiarity::Counter { .. })),
        "{told:?}"
    );
}

#[test]
fn neither_an_index_nor_labels_are_channels_that_alarm() {
    let shared = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases"));
    let load = |name: &str| Loaded::from_csv(shared.join(name), &LoadOptions::default()).unwrap();
    if !shared.exists() {
        println!("skipped: no files at {}", shared.display());
        return;
    }
    let [index, control] = ["90-index-column-alarms.csv", "89-control.csv"].map(load);
    assert_eq!(index.series, control.series);
    let labelled = load("93-label-becomes-channel.csv").series;
    assert_eq!(labelled.channels(), ["a", "b"]);
    assert!(labelled.labels().is_some_and(|labels| labels.contains(&true)));
}

#[test]
fn what_drifted_before_does_not_hide_a_fault_of_a_building() {
    finds_too("94-masked-building.csv", 4838, 6168..6192, "supply");
}

#[test]
fn the_ends_of_a_slice_score_as_its_middle_does() {
    let Some((series, detector)) = fitted("96-edges-clean.csv", 4838) else { return };
    let whole = detector.score(&series).unwrap();
    let (mut ends, mut amid, mut over) = ([0.0; 2], [0.0; 2], [0, 0]);
    for start in (0..series.rows() - 130).step_by(130) {
        let piece = detector.score(&series.slice(start..start + 130).unwrap()).unwrap();
        for (end, rows) in [0..8, 122..130].into_iter().enumerate() {
            let (alone, within) = (&piece[rows.clone()], &whole[start..start + 130][rows]);
            ends[end] += alone.iter().sum::<f32>();
            amid[end] += within.iter().sum::<f32>();
            for (over, scores) in over.iter_mut().zip([alone, within]) {
                *over += scores.iter().filter(|score| **score >= detector.threshold()).count();
            }
        }
    }
    for (ends, amid) in ends.into_iter().zip(amid) {
        assert!((0.8..1.2).contains(&(ends / amid)), "{ends} at the ends, {amid} amid");
    }
    assert!(over[0] <= over[1] + 8, "{over:?} of 992 rows reach the threshold");
}

#[test]
fn weather_that_wanders_makes_few_alarms() {
    let Some((series, detector)) = fitted("97-clean-weather-flood.csv", 4838) else { return };
    let clean = series.slice(4838..series.rows()).unwrap();
    let found = detector.detect(&clean).unwrap();
    // The default promises ten in 10 000 rows; where levels drift, it may be three times as many.
    let most = 3.0 * 10.0 * clean.rows() as f64 / 10_000.0;
    assert!((found.alarms.len() as f64) <= most, "{:?}", found.alarms);
    // It had 529 nats when errors were summed as they are.
    let peak = found.scores.iter().copied().fold(0.0, f32::max);
    assert!(peak < 50.0, "{peak}");
}
