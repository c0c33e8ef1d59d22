use std::collections::VecDeque;

use aster_eval::{AlarmTracker, DriftingThreshold, Interval};
use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::score::Runner;
use crate::stream::policy::{OnMissing, Row, StreamConfig, StreamCounts, Verdict};
use crate::stream::segment::Segment;

/// Score of a row of a stream that no later row changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scored {
    /// Number of the row in the stream, from 0.
    pub row: u64,
    /// Time of the row, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// Score in nats: higher is more anomalous.
    pub score: f32,
    /// Threshold that the score is compared with.
    pub threshold: f32,
    /// Alarm flag of the row: its score reaches the threshold, and so do those of as many rows
    /// before it as the detector's [`AlarmConfig`](aster_eval::AlarmConfig) asks for.
    pub alarms: bool,
}

/// Scores and alarms that became final with this push.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct StreamOutput {
    /// Scores in the order of the rows, none left out.
    pub scores: Vec<Scored>,
    /// Alarms that are over.
    pub intervals: Vec<Interval>,
}

/// State of one stream: everything but the detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    config: StreamConfig,
    counts: StreamCounts,
    /// Time and values of the last row.
    last: Option<(Option<i64>, Vec<f32>)>,
    segment: Segment,
    /// Times of the rows that have no score yet.
    waiting: VecDeque<Option<i64>>,
    scored: u64,
    threshold: Option<DriftingThreshold>,
    alarms: AlarmTracker,
}

impl StreamState {
    pub(crate) fn new(detector: &Detector, config: StreamConfig) -> Result<Self, DetectError> {
        config.check()?;
        let drift = detector.config().drift;
        Ok(Self {
            config,
            counts: StreamCounts::default(),
            last: None,
            segment: Segment::new(detector),
            waiting: VecDeque::new(),
            scored: 0,
            threshold: drift.map(|drift| DriftingThreshold::new(drift, detector.threshold())),
            alarms: AlarmTracker::new(detector.config().alarm),
        })
    }

    pub(crate) fn counts(&self) -> StreamCounts {
        self.counts
    }

    fn last_time(&self) -> Option<i64> {
        self.last.as_ref().and_then(|(time, _)| *time)
    }

    /// Finds what is wrong with rows before any of them changes anything.
    pub(crate) fn check(&self, detector: &Detector, rows: &[Row]) -> Result<(), DetectError> {
        let channels = detector.channels();
        let mut last = self.last_time();
        for (number, row) in rows.iter().enumerate() {
            let wrong = |reason| DetectError::Row { number, reason };
            if row.values.len() != channels.len() {
                let (expected, got) = (channels.len(), row.values.len());
                return Err(wrong(format!("expected {expected} values, got {got}")));
            }
            let bad = row.values.iter().zip(channels).find(|(value, _)| !value.is_finite());
            if let (OnMissing::Reject, Some((value, name))) = (self.config.missing, bad) {
                return Err(wrong(format!("expected finite values, got {value} of {name:?}")));
            }
            if self.config.verdict(last, row.time).map_err(wrong)? != Verdict::Drop {
                last = row.time.or(last);
            }
        }
        Ok(())
    }

    /// Takes a row that has been checked.
    pub(crate) fn take(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        row: Row,
        output: &mut StreamOutput,
    ) {
        let fill = match self.config.verdict(self.last_time(), row.time) {
            Ok(Verdict::Take) => 0,
            Ok(Verdict::Fill(rows)) => rows,
            Ok(Verdict::Restart) => {
                self.end_segment(detector, runner, output);
                self.counts.restarts += 1;
                0
            }
            Ok(Verdict::Drop) | Err(_) => {
                self.counts.dropped += 1;
                return;
            }
        };
        if let (1.., Some(regular), Some((Some(time), values))) =
            (fill, self.config.regular, self.last.clone())
        {
            self.counts.filled += fill as u64;
            (1..=fill as i64).for_each(|missing| {
                self.append(detector, Some(time + missing * regular.step), &values);
            });
        }
        let mut values = row.values.to_vec();
        for (channel, value) in values.iter_mut().enumerate().filter(|(_, x)| !x.is_finite()) {
            let last = self.last.as_ref().map(|(_, last)| last[channel]);
            *value = last.unwrap_or(detector.trained.scaler.center()[channel]);
            self.counts.held += 1;
        }
        self.append(detector, row.time, &values);
        self.last = Some((row.time.or(self.last_time()), values));
    }

    fn append(&mut self, detector: &Detector, time: Option<i64>, values: &[f32]) {
        self.segment.push(detector, values);
        self.waiting.push_back(time);
        self.counts.rows += 1;
    }

    /// Gives finished scores their times, thresholds and alarms.
    fn report(&mut self, detector: &Detector, scores: Vec<f32>, output: &mut StreamOutput) {
        for score in scores {
            let time = self.waiting.pop_front().flatten();
            let threshold = match &mut self.threshold {
                Some(threshold) => threshold.next(score),
                None => detector.threshold(),
            };
            let step = self.alarms.next(score, threshold, time);
            output.intervals.extend(step.closed);
            let (row, alarms) = (self.scored, step.alarms);
            output.scores.push(Scored { row, time, score, threshold, alarms });
            self.scored += 1;
        }
    }

    /// Scores the rows that still wait, as those of a series that ends here.
    pub(crate) fn end_segment(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        output: &mut StreamOutput,
    ) {
        advance(detector, runner, &mut [(self, output)]);
        let segment = std::mem::replace(&mut self.segment, Segment::new(detector));
        self.report(detector, segment.end(detector, runner), output);
        output.intervals.extend(self.alarms.finish());
    }

    /// Validates a state that was read from outside: it can be of this detector.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, detector: &Detector) -> Result<(), &'static str> {
        let c = detector.channels().len();
        let StreamCounts { rows, held, filled, dropped, restarts } = self.counts;
        let counts = [rows, held, filled, dropped, restarts, self.scored];
        let last = self.last.as_ref().is_none_or(|(_, values)| values.len() == c);
        match () {
            () if counts.iter().any(|count| *count >= 1 << 62) => {
                Err("a stream that has counted too far")
            }
            () if self.config.check().is_err() => Err("a stream with impossible settings"),
            () if !last => Err("a stream whose last row has other channels"),
            () if self.threshold.is_some() != detector.config().drift.is_some() => {
                Err("a stream with another adaptation of the threshold")
            }
            () => self.segment.validate(detector),
        }
    }
}

/// Runs the network on all windows that are due, those of all streams together, and reports the
/// scores that have become final.
pub(crate) fn advance(
    detector: &Detector,
    runner: &Runner<'_>,
    streams: &mut [(&mut StreamState, &mut StreamOutput)],
) {
    let walks = streams.iter_mut().map(|(state, _)| &mut state.segment.walk);
    runner.run_due(&mut walks.collect::<Vec<_>>());
    for (state, output) in streams {
        let scores = state.segment.final_scores(detector, runner);
        state.report(detector, scores, output);
    }
}
