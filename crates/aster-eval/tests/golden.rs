//! Agreement with scikit-learn and the reference packages; `golden/generate.py` and
//! `golden/events.py` make the values.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use approx::assert_relative_eq;
use aster_eval::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    scores: Vec<f32>,
    labels: Vec<u8>,
    auroc: f64,
    average_precision: f64,
    best_f1: f64,
    threshold: f32,
    buffer: usize,
    vus_roc: f64,
    vus_pr: f64,
    affiliation: [f64; 2],
    ranges: Vec<RangeCase>,
}

#[derive(Deserialize)]
struct RangeCase {
    #[serde(flatten)]
    config: RangeConfig,
    precision: f64,
    recall: f64,
}

#[test]
fn metrics_agree_with_the_references() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let labels: Vec<bool> = case.labels.iter().map(|l| *l == 1).collect();
        let (scores, at) = (&case.scores, case.threshold);
        let close = |got: f64, expected: f64| assert_relative_eq!(got, expected, epsilon = 1e-9);
        close(auroc(scores, &labels).unwrap(), case.auroc);
        close(average_precision(scores, &labels).unwrap(), case.average_precision);
        close(best_f1(scores, &labels).unwrap().f1, case.best_f1);
        let volume = volume_under_surface(scores, &labels, case.buffer).unwrap();
        close(volume.roc, case.vus_roc);
        close(volume.pr, case.vus_pr);
        let near = affiliation(scores, &labels, at).unwrap();
        close(near.precision, case.affiliation[0]);
        close(near.recall, case.affiliation[1]);
        for range in case.ranges {
            let got = range_precision_recall(scores, &labels, at, &range.config).unwrap();
            close(got.precision, range.precision);
            close(got.recall, range.recall);
        }
    }
}

#[derive(Deserialize)]
struct EventCase {
    labels: Vec<u8>,
    alarms: Vec<[usize; 2]>,
    precision: f64,
    recall: f64,
    f_half: f64,
    alarming_precision: f64,
    timing: f64,
    event_f1: f64,
}

#[test]
fn event_wise_metrics_agree_with_their_definitions() {
    let cases: Vec<EventCase> = serde_json::from_str(include_str!("golden/events.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let labels: Vec<bool> = case.labels.iter().map(|label| *label == 1).collect();
        let alarms: Vec<_> = case.alarms.iter().map(|[start, end]| *start..*end).collect();
        let found = EventMetrics::of(&alarms, &labels, 0).unwrap();
        let close = |got: f64, expected: f64| assert_relative_eq!(got, expected, epsilon = 1e-9);
        close(found.precision, case.precision);
        close(found.recall, case.recall);
        close(found.f_half, case.f_half);
        close(found.alarming_precision, case.alarming_precision);
        close(found.timing, case.timing);
        close(found.event_f1, case.event_f1);
    }
}
