//! Scores of rows that come one by one: those of a finished series, row for row.

mod policy;
mod segment;
mod streams;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use aster_eval::{AlarmTracker, DriftingThreshold, Interval};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

pub use policy::{OnDuplicate, OnLate, OnMissing, Regular, Row, StreamConfig, StreamCounts};
pub use streams::Streams;

use crate::evidence::look_at;
use crate::sealed::{Format, Part, Sealed, seal};
use crate::{Detector, TrainError};
use policy::Verdict;
use segment::Segment;

const FORMAT: Format = Format { name: "aster-stream", version: 1 };

/// A finished score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The row's place in the stream, from 0.
    pub row: u64,
    /// Its time, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// Higher = more anomalous, in nats.
    pub score: f32,
    /// What the score is compared with.
    pub threshold: f32,
    /// Whether the row alarms: that its score reaches the threshold, and those of as many
    /// rows before it as the detector's [`AlarmConfig`](aster_eval::AlarmConfig) asks for.
    pub alarms: bool,
}

/// What new rows have brought to an end.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Found {
    /// In the order of the rows, none left out.
    pub scores: Vec<Scored>,
    /// Alarms that are over.
    pub intervals: Vec<Interval>,
}

/// One stream: everything but the detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stream {
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

impl Stream {
    pub(crate) fn new(detector: &Detector, config: StreamConfig) -> Result<Self, TrainError> {
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

    fn last_time(&self) -> Option<i64> {
        self.last.as_ref().and_then(|(time, _)| *time)
    }

    /// Finds what is wrong with rows before any of them changes anything.
    fn check(&self, detector: &Detector, rows: &[Row]) -> Result<(), TrainError> {
        let channels = detector.channels();
        let mut last = self.last_time();
        for (number, row) in rows.iter().enumerate() {
            let wrong = |reason| TrainError::Row { number, reason };
            if row.values.len() != channels.len() {
                let (expected, got) = (channels.len(), row.values.len());
                return Err(wrong(format!("expected {expected} values, got {got}")));
            }
            let bad = row.values.iter().zip(channels).find(|(value, _)| !value.is_finite());
            if let (OnMissing::Reject, Some((value, name))) = (self.config.missing, bad) {
                return Err(wrong(format!("expected finite values, got {value} of {name:?}")));
            }
            if self.config.judge(last, row.time).map_err(wrong)? != Verdict::Drop {
                last = row.time.or(last);
            }
        }
        Ok(())
    }

    /// Takes a row that has been checked.
    fn take(&mut self, detector: &Detector, row: Row, found: &mut Found) {
        let fill = match self.config.judge(self.last_time(), row.time) {
            Ok(Verdict::Take) => 0,
            Ok(Verdict::Fill(rows)) => rows,
            Ok(Verdict::Restart) => {
                self.end_segment(detector, found);
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
            *value = last.unwrap_or(detector.scaler.center()[channel]);
            self.counts.held += 1;
        }
        self.append(detector, row.time, &values);
        self.last = Some((row.time.or(self.last_time()), values));
    }

    fn append(&mut self, detector: &Detector, time: Option<i64>, values: &[f32]) {
        self.segment.take(detector, values);
        self.waiting.push_back(time);
        self.counts.rows += 1;
    }

    /// Gives finished scores their times, thresholds and alarms.
    fn report(&mut self, detector: &Detector, scores: Vec<f32>, found: &mut Found) {
        for score in scores {
            let time = self.waiting.pop_front().flatten();
            let threshold = match &mut self.threshold {
                Some(threshold) => threshold.next(score),
                None => detector.threshold(),
            };
            let step = self.alarms.next(score, threshold, time);
            found.intervals.extend(step.closed);
            let (row, alarms) = (self.scored, step.alarms);
            found.scores.push(Scored { row, time, score, threshold, alarms });
            self.scored += 1;
        }
    }

    /// Scores the rows that still wait, as those of a series that ends here.
    fn end_segment(&mut self, detector: &Detector, found: &mut Found) {
        advance(detector, &mut [(self, found)]);
        let mut segment = std::mem::replace(&mut self.segment, Segment::new(detector));
        if let Some(start) = segment.last(detector) {
            let mut values = vec![];
            segment.gather(detector, start, &mut values);
            look(detector, values, |_, made| segment.add(detector, start, made));
        }
        self.report(detector, segment.end(detector), found);
        found.intervals.extend(self.alarms.finish());
    }

    /// Whether it can be of this detector.
    pub(crate) fn suits(&self, detector: &Detector) -> bool {
        let (config, c) = (detector.config(), detector.channels().len());
        let StreamCounts { rows, held, filled, dropped, restarts } = self.counts;
        let counts = [rows, held, filled, dropped, restarts, self.scored];
        counts.iter().all(|count| *count < 1 << 62)
            && self.config.check().is_ok()
            && self.last.as_ref().is_none_or(|(_, values)| values.len() == c)
            && self.threshold.is_some() == config.drift.is_some()
            && self.segment.suits(detector)
    }
}

/// Shows the model all windows that are due, those of all streams together, and reports the
/// scores that have become final.
fn advance(detector: &Detector, streams: &mut [(&mut Stream, &mut Found)]) {
    loop {
        let mut due = vec![];
        for (number, (stream, _)) in streams.iter().enumerate() {
            let starts = (0..).map_while(|ahead| stream.segment.due(detector, ahead));
            let room = detector.config().score.batch - due.len();
            due.extend(starts.take(room).map(|start| (number, start)));
        }
        if due.is_empty() {
            break;
        }
        let mut values = vec![];
        for (number, start) in &due {
            streams[*number].0.segment.gather(detector, *start, &mut values);
        }
        look(detector, values, |window, made| {
            let (number, start) = due[window];
            streams[number].0.segment.add(detector, start, made);
        });
        for (stream, found) in streams.iter_mut() {
            let scores = stream.segment.scores(detector);
            stream.report(detector, scores, found);
        }
    }
}

/// [`look_at`] windows of these values.
fn look(detector: &Detector, values: Vec<f32>, hand_on: impl FnMut(usize, &[&[f32]])) {
    let (config, c) = (detector.config(), detector.channels().len());
    let shape = [values.len() / (config.window * c), config.window, c];
    let windows = Tensor::from_data(TensorData::new(values, shape), &detector.device);
    look_at(&detector.model, windows, &config.outputs(), hand_on);
}

/// Scores a stream of rows as [`Detector::detect`] scores a series, within rounding: in memory
/// that does not grow with it, and each row as soon as no later one can change its score.
///
/// ```no_run
/// # use aster_train::{Detector, Row, StreamConfig, StreamingDetector};
/// # fn run(rows: Vec<[f32; 3]>, device: burn::tensor::Device) -> Result<(), aster_train::TrainError> {
/// let detector = Detector::load("detector", &device)?;
/// let mut stream = StreamingDetector::new(detector.into(), StreamConfig::default())?;
/// println!("a score is final {} rows after its own", stream.latency());
/// for (second, values) in rows.iter().enumerate() {
///     let found = stream.push(&[Row { time: Some(second as i64), values }])?;
///     for scored in found.scores.iter().filter(|scored| scored.alarms) {
///         println!("{scored:?}");
///     }
/// }
/// stream.save("stream")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StreamingDetector {
    detector: Arc<Detector>,
    stream: Stream,
}

impl StreamingDetector {
    /// At the beginning of a stream.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(detector: Arc<Detector>, config: StreamConfig) -> Result<Self, TrainError> {
        Ok(Self { stream: Stream::new(&detector, config)?, detector })
    }

    pub(crate) fn resume(detector: Arc<Detector>, stream: Stream) -> Self {
        Self { detector, stream }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes the next rows; gives the scores that they make final, most often of earlier rows.
    /// One call with many rows costs less than many with one.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    pub fn push(&mut self, rows: &[Row]) -> Result<Found, TrainError> {
        let Self { detector, stream } = self;
        stream.check(detector, rows)?;
        let mut found = Found::default();
        let score = &detector.config().score;
        // No more rows at once than the model sees at once.
        for rows in rows.chunks(score.batch.saturating_mul(score.stride)) {
            rows.iter().for_each(|row| stream.take(detector, *row, &mut found));
            advance(detector, &mut [(stream, &mut found)]);
        }
        Ok(found)
    }

    /// Gives the scores of the rows that still wait, as those of a series that ends with them,
    /// and ends an alarm that goes on. Rows that are pushed later begin a new series.
    pub fn finish(&mut self) -> Found {
        let mut found = Found::default();
        self.stream.end_segment(&self.detector, &mut found);
        found
    }

    /// How many rows after its own make a score final, at most.
    pub fn latency(&self) -> usize {
        self.detector.latency()
    }

    /// What has become of the rows so far.
    pub fn counts(&self) -> StreamCounts {
        self.stream.counts
    }

    /// The detector.
    pub fn detector(&self) -> &Arc<Detector> {
        &self.detector
    }

    /// Writes where the stream stands, without the detector, into a folder; what it held
    /// before is replaced in one moment.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TrainError> {
        seal(folder.as_ref(), FORMAT, vec![Part::json("stream", &self.stream)])
    }

    /// Goes on where [`StreamingDetector::save`] was called: the scores are those of a stream
    /// that was never interrupted.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of a stream of another detector.
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, TrainError> {
        let sealed = Sealed::open(folder.as_ref(), FORMAT)?;
        let stream: Stream = sealed.json("stream")?;
        match stream.suits(&detector) {
            true => Ok(Self { detector, stream }),
            false => Err(TrainError::Foreign {
                path: sealed.path("stream")?,
                reason: "it is of a stream of another detector".into(),
            }),
        }
    }
}

impl Detector {
    /// How many rows after its own make a row's score final, at most: the rest of a window,
    /// and the rows that the widest average waits for.
    pub fn latency(&self) -> usize {
        let score = &self.config().score;
        let after = |width: &usize| score.alignment.after(*width);
        self.config().window - 1 + self.calibration.widths().iter().map(after).max().unwrap_or(0)
    }
}
