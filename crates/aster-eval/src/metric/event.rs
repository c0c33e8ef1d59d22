//! Alarms against labelled events: what an operator sees, event by event.

use std::ops::Range;

use aster_base::{quantile, require, runs};

use crate::error::{EvalError, check_classes};

/// How alarms meet labelled events; a run of labels is one event, an interval one alarm.
///
/// ```
/// use aster_eval::EventMetrics;
///
/// let mut labels = vec![false; 1000];
/// labels[200..220].fill(true);
/// labels[700..740].fill(true);
/// let found = EventMetrics::of(&[205..230, 235..240, 400..401], &labels, 0)?;
/// assert_eq!((found.events, found.detected, found.false_episodes), (2, 1, 2));
/// assert_eq!((found.recall, found.alarming_precision), (0.5, 1.0));
/// assert_eq!(found.median_delay, Some(5));
/// # Ok::<(), aster_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct EventMetrics {
    /// Labelled events.
    pub events: usize,
    /// Events that an alarm overlaps.
    pub detected: usize,
    /// Alarms that overlap no event.
    pub false_episodes: usize,
    /// Alarms beyond the first on the same event, over all events.
    pub redundant: usize,
    /// Event precision `detected / (detected + false episodes)`, times the share of normal rows that
    /// do not alarm (Sehili & Zhang, arXiv 2308.13068; so in ESA-ADB, Kotowski et al., arXiv
    /// 2406.17826). 0 without alarms.
    pub precision: f64,
    /// Share of events that are detected.
    pub recall: f64,
    /// F score of the two above with beta 1/2 (ESA-ADB).
    pub f_half: f64,
    /// `detected / (detected + redundant)`: one alarm per event is 1 (ESA-ADB). 0 without any.
    pub alarming_precision: f64,
    /// Mean over detected events of how timely their first alarm is, from 0 to 1 (the anomaly
    /// detection timing quality curve of ESA-ADB): 1 at the first row, falling to 1/2 at half of
    /// the event. 0 where none is detected.
    pub timing: f64,
    /// F1 of the share of events detected and the share of alarming rows that are anomalous (Garg et
    /// al., TNNLS 2021; the event F1 of TSB-AD, Liu & Paparrizos, NeurIPS 2024).
    pub event_f1: f64,
    /// False episodes per 10 000 normal rows.
    pub false_per_10k: f64,
    /// Share of normal rows that alarm.
    pub normal_share: f64,
    /// Median over detected events of the rows from the first of the event to the one that makes the
    /// alarm known; 0 for alarms known before.
    pub median_delay: Option<usize>,
    /// 0.9 quantile of the same.
    pub late_delay: Option<usize>,
}

impl EventMetrics {
    /// Compares alarms, in order and apart from each other, with labels. An alarm is known
    /// `latency` rows after its first.
    ///
    /// # Errors
    /// No labels, labels of one class, alarms that are empty, overlap, or end after the labels.
    pub fn of(alarms: &[Range<usize>], labels: &[bool], latency: usize) -> Result<Self, EvalError> {
        if labels.is_empty() {
            return Err(EvalError::Empty);
        }
        check_classes(labels)?;
        let mut free = 0;
        for alarm in alarms {
            let fits = free <= alarm.start && alarm.start < alarm.end && alarm.end <= labels.len();
            let expected = format!("in order, apart, within {} rows", labels.len());
            require("alarms", fits, expected, format!("{alarm:?} after row {free}"))?;
            free = alarm.end;
        }
        let events = runs(labels.iter().copied());
        let normal = labels.iter().filter(|label| !**label).count() as f64;
        let anomalous =
            |alarm: &Range<usize>| labels[alarm.clone()].iter().filter(|label| **label).count();
        let anomalous: Vec<usize> = alarms.iter().map(anomalous).collect();
        let right: usize = anomalous.iter().sum();
        let alarming: usize = alarms.iter().map(ExactSizeIterator::len).sum();
        let (right, wrong) = (right as f64, (alarming - right) as f64);
        let false_episodes = anomalous.iter().filter(|rows| **rows == 0).count();

        let (mut delays, mut timing, mut redundant) = (vec![], 0.0, 0);
        for (number, event) in events.iter().enumerate() {
            let first = alarms.partition_point(|alarm| alarm.end <= event.start);
            let on = alarms[first..].iter().take_while(|alarm| alarm.start < event.end).count();
            if on == 0 {
                continue;
            }
            redundant += on - 1;
            let start = alarms[first].start;
            delays.push((start + latency).saturating_sub(event.start));
            let before = match number {
                0 => event.len(),
                _ => event.len().min(event.start - events[number - 1].start),
            };
            timing += timeliness(start as f64 - event.start as f64, before, event.len());
        }
        delays.sort_unstable();
        let (detected, known) = (delays.len(), delays.len() as f64);
        let precision = share(known, false_episodes as f64) * (1.0 - wrong / normal);
        let recall = known / events.len() as f64;
        let row_precision = share(right, wrong);
        Ok(Self {
            events: events.len(),
            detected,
            false_episodes,
            redundant,
            precision,
            recall,
            f_half: f_score(precision, recall, 0.5),
            alarming_precision: share(known, redundant as f64),
            timing: timing / known.max(1.0),
            event_f1: f_score(row_precision, recall, 1.0),
            false_per_10k: 1e4 * false_episodes as f64 / normal,
            normal_share: wrong / normal,
            median_delay: quantile(&delays, 0.5),
            late_delay: quantile(&delays, 0.9),
        })
    }
}

/// Part of the sum of both; 0 of nothing.
fn share(part: f64, other: f64) -> f64 {
    if part > 0.0 { part / (part + other) } else { 0.0 }
}

fn f_score(precision: f64, recall: f64, beta: f64) -> f64 {
    let square = beta * beta;
    let sum = square * precision + recall;
    if sum > 0.0 { (1.0 + square) * precision * recall / sum } else { 0.0 }
}

/// The timing quality curve of ESA-ADB, with exponent e, for an alarm so many rows after an event
/// begins, which lasts `length` rows and may be announced `before` rows early.
fn timeliness(delay: f64, before: usize, length: usize) -> f64 {
    let (before, length, e) = (before as f64, length as f64, std::f64::consts::E);
    match () {
        () if delay <= -before || delay >= length => 0.0,
        () if delay <= 0.0 => (1.0 + delay / before).powf(e),
        () => (1.0 + (delay / (length - delay)).powf(e)).recip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(events: &[Range<usize>], rows: usize) -> Vec<bool> {
        (0..rows).map(|row| events.iter().any(|event| event.contains(&row))).collect()
    }

    #[test]
    fn an_exact_small_case() {
        let labels = labels(&[10..20, 50..60, 80..82], 100);
        let found = EventMetrics::of(&[12..14, 16..25, 30..40, 55..57], &labels, 3).unwrap();
        let counts = (found.events, found.detected, found.false_episodes, found.redundant);
        assert_eq!(counts, (3, 2, 1, 1));
        // 5 + 10 of 78 normal rows alarm.
        let precision = 2.0 / 3.0 * (1.0 - 15.0 / 78.0);
        assert!((found.precision - precision).abs() < 1e-12);
        let f_half = 1.25 * precision * (2.0 / 3.0) / (0.25 * precision + 2.0 / 3.0);
        assert!((found.f_half - f_half).abs() < 1e-12);
        assert_eq!(found.alarming_precision, 2.0 / 3.0);
        // 8 of 23 alarming rows are anomalous.
        let event_f1 = 2.0 * (8.0 / 23.0) * (2.0 / 3.0) / (8.0 / 23.0 + 2.0 / 3.0);
        assert!((found.event_f1 - event_f1).abs() < 1e-12);
        assert_eq!((found.median_delay, found.late_delay), (Some(5), Some(8)));
        assert!((found.false_per_10k - 1e4 / 78.0).abs() < 1e-9);
    }

    #[test]
    fn an_alarm_is_worth_most_at_the_first_row_and_half_in_the_middle() {
        assert_eq!(timeliness(0.0, 10, 10), 1.0);
        assert_eq!(timeliness(5.0, 10, 10), 0.5);
        assert_eq!(timeliness(-10.0, 10, 10), 0.0);
        assert_eq!(timeliness(10.0, 10, 10), 0.0);
        assert!(timeliness(-1.0, 10, 10) > timeliness(-2.0, 10, 10));
        assert!(timeliness(-1.0, 10, 10) > timeliness(-1.0, 4, 10));
    }

    #[test]
    fn alarms_over_everything_find_every_event_and_leave_no_row_in_peace() {
        let labels = labels(&[10..20, 50..60], 100);
        let found = EventMetrics::of(&[0..40, 40..100], &labels, 0).unwrap();
        assert_eq!((found.recall, found.alarming_precision), (1.0, 1.0));
        assert_eq!((found.precision, found.normal_share), (0.0, 1.0), "no row is left in peace");
        let none = EventMetrics::of(&[], &labels, 0).unwrap();
        assert_eq!((none.precision, none.f_half, none.median_delay), (0.0, 0.0, None));
    }

    #[test]
    fn alarms_in_disorder_and_labels_of_one_class_are_errors() {
        let labels = labels(&[10..20, 25..26], 30);
        for alarms in [vec![5..8, 7..9], vec![2..3, 5..5], vec![1..2, 20..31], vec![9..12, 2..4]] {
            let error = EventMetrics::of(&alarms, &labels, 0);
            assert!(matches!(error, Err(EvalError::Setting(_))), "{alarms:?}");
        }
        assert!(EventMetrics::of(&[], &[false; 3], 0).is_err());
        assert!(EventMetrics::of(&[], &[], 0).is_err());
    }
}
