mod swap;
mod telling;

use std::collections::VecDeque;

use aster_base::SettingError;
use aster_eval::{Acknowledgement, AlarmTracker, Interval};
use serde::{Deserialize, Serialize};

use crate::alarm::{Alarm, Reason};
use crate::detector::Detector;
use crate::error::DetectError;
use crate::score::Runner;
use crate::stream::history::History;
use crate::stream::notice::Notice;
use crate::stream::output::StreamOutput;
use crate::stream::policy::{OnMissing, Place, Regular, StreamConfig, StreamCounts, Verdict};
use crate::stream::reorder::{Reorder, Values};
use crate::stream::row::{Row, Scored};
use crate::stream::segment::Segment;
use crate::stream::watch::Watch;

/// Rows that may be missing before it is told that they have stopped, where none are filled.
const STALE: u64 = 3;

/// State of one stream: everything but the detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamState {
    config: StreamConfig,
    counts: StreamCounts,
    last_time: Option<i64>,
    /// Values of the last row; none before the first.
    last: Vec<f64>,
    /// The latest rows of the series that goes on.
    history: History,
    segment: Segment,
    /// The rows that have no score yet.
    waiting: VecDeque<Waiting>,
    watch: Watch,
    /// Whether it was told that rows have stopped.
    stale: bool,
    /// Whether it was told that rows are late.
    late: bool,
    reorder: Reorder<Values>,
    scored: u64,
    /// Scores to come of rows that an earlier detector has scored.
    known: u64,
    alarms: AlarmTracker,
    /// The latest alarm as it was last told, and with its reasons as they were found last.
    told: Option<Alarm>,
    /// Peak of which these are the last, as its rows are kept no more.
    explained: Option<usize>,
}

/// A row that has no score yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    time: Option<i64>,
    /// Whether it stands in for a missing one.
    filled: bool,
}

impl StreamState {
    pub(crate) fn new(detector: &Detector, config: StreamConfig) -> Result<Self, DetectError> {
        config.check()?;
        Ok(Self {
            config,
            counts: StreamCounts::default(),
            last_time: None,
            last: vec![],
            history: History::new(detector, config.history),
            segment: Segment::new(detector),
            waiting: VecDeque::new(),
            watch: Watch::new(detector.channels().len()),
            stale: false,
            late: false,
            reorder: Reorder::default(),
            scored: 0,
            known: 0,
            alarms: AlarmTracker::new(detector.alarm_rule()),
            told: None,
            explained: None,
        })
    }

    /// Runs windows so many rows later than they could be.
    pub(crate) fn set_delay(&mut self, rows: usize) {
        self.segment.walk.set_delay(rows);
    }

    pub(crate) fn counts(&self) -> StreamCounts {
        self.counts
    }

    /// Rows that wait for late ones, at most.
    pub(crate) fn reorder(&self) -> usize {
        self.config.reorder
    }

    /// Rows that have no final score.
    pub(crate) fn lag(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The alarm that goes on, as it would be if it ended here.
    pub(crate) fn open_alarm(&self) -> Option<Interval> {
        self.alarms.open()
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        let waiting = self.waiting.capacity() * size_of::<Waiting>() + self.watch.memory();
        let reorder = self.reorder.memory();
        let last = self.last.capacity() * size_of::<f64>();
        let of_reason = |reason: &Reason| size_of::<Reason>() + reason.channel.capacity();
        let told = self.told.iter().flat_map(|alarm| &alarm.reasons);
        let reasons: usize = told.map(of_reason).sum();
        let values = self.history.memory() + self.segment.memory() + waiting + last;
        values + reorder + self.alarms.memory() + reasons + size_of::<Self>()
    }

    /// Finds what is wrong with rows before any of them changes anything.
    pub(crate) fn check<'r>(
        &self,
        detector: &Detector,
        rows: impl IntoIterator<Item = &'r Row<'r>>,
    ) -> Result<(), DetectError> {
        let channels = detector.channels();
        let dated = !detector.config().calendar.is_empty();
        let (mut last, mut times) = (self.last_time, self.reorder.times());
        for (number, row) in rows.into_iter().enumerate() {
            let wrong = |reason| DetectError::Row { number, reason };
            if row.values.len() != channels.len() {
                let (expected, got) = (channels.len(), row.values.len());
                return Err(wrong(format!("expected {expected} values, got {got}")));
            }
            if dated && row.time.is_none() {
                return Err(wrong("expected a time, for the calendar features, got none".into()));
            }
            let bad = row.values.iter().zip(channels).find(|(value, _)| !value.is_finite());
            if let (OnMissing::Reject, Some((value, name))) = (self.config.missing, bad) {
                return Err(wrong(format!("expected finite values, got {value} of {name:?}")));
            }
            let after = |last, time| -> Result<Option<i64>, DetectError> {
                let verdict = self.config.verdict((last, time), detector.clock()).map_err(wrong)?;
                Ok(if verdict == Verdict::Drop { last } else { time.or(last) })
            };
            let place = self.config.place(last, row.time);
            if let Place::Waits(time) = place {
                times.insert(time, ());
            }
            let waiting = self.config.still_waiting(place);
            while let Some((time, ())) = times.due(waiting) {
                last = after(last, Some(time))?;
            }
            if !matches!(place, Place::Waits(_)) {
                last = after(last, row.time)?;
            }
        }
        Ok(())
    }

    /// Takes a row that has been checked, when it is due among those that wait for late ones.
    pub(crate) fn take(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        row: &Row,
        output: &mut StreamOutput,
    ) {
        let place = self.config.place(self.last_time, row.time);
        if let Place::Waits(time) = place {
            let there = |value: &f64| Some(*value).filter(|value| value.is_finite());
            self.reorder.insert(time, row.values.iter().map(there).collect());
        }
        self.take_due(detector, runner, self.config.still_waiting(place), output);
        if !matches!(place, Place::Waits(_)) {
            self.take_now(detector, runner, row, output);
        }
    }

    /// Takes the rows that wait, but for so many.
    fn take_due(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        bound: usize,
        output: &mut StreamOutput,
    ) {
        while let Some((time, values)) = self.reorder.due(bound) {
            let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN));
            self.take_now(detector, runner, &Row::new(time, values.collect::<Vec<_>>()), output);
        }
    }

    fn take_now(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        row: &Row,
        output: &mut StreamOutput,
    ) {
        let fill = match self.config.verdict((self.last_time, row.time), detector.clock()) {
            Ok(Verdict::Take) => 0,
            Ok(Verdict::Fill(rows)) => rows as i64,
            Ok(Verdict::Restart) => {
                self.end_segment(detector, runner, output);
                self.counts.restarts += 1;
                0
            }
            Ok(Verdict::Drop) | Err(_) => {
                self.counts.dropped += 1;
                let late = row.time.filter(|time| self.last_time.is_some_and(|last| *time < last));
                if let Some(time) = late.filter(|_| !std::mem::replace(&mut self.late, true)) {
                    let (row, time) = (self.counts.rows, detector.clock().at(time));
                    output.notices.push(Notice::Late { row, time });
                }
                return;
            }
        };
        self.late = false;
        self.resume(detector, output);
        // Out of the way while it is appended to what else there is.
        let mut values = std::mem::take(&mut self.last);
        if let (Some(Regular { step, .. }), Some(time)) = (self.config.regular, self.last_time) {
            if fill > 0 {
                let (row, rows) = (self.counts.rows, fill as usize);
                output.notices.push(Notice::Filled { row, rows });
            }
            for missing in 1..=fill {
                self.counts.filled += 1;
                let row = Waiting { time: Some(time + missing * step), filled: true };
                self.append(detector, runner, row, &values, output);
            }
        }
        values.resize(row.values.len(), f64::NAN);
        let center = detector.trained.scaler.center();
        let preparation = &detector.trained.preparation;
        let there = |(channel, new): (usize, &f64)| {
            let there = new.is_finite() && !preparation.is_missing(channel, *new);
            there.then_some(*new)
        };
        let there: Vec<Option<f64>> = row.values.iter().enumerate().map(there).collect();
        self.watch.row(detector, self.counts.rows, there.iter().copied(), &mut output.notices);
        let known = values.iter_mut().zip(row.values.iter()).zip(center).zip(&there);
        for (((value, new), center), there) in known {
            let there = there.is_some();
            self.counts.held += u64::from(!there);
            *value = match (there, value.is_finite()) {
                (true, _) => *new,
                (false, true) => *value,
                (false, false) => *center,
            };
        }
        self.append(detector, runner, Waiting { time: row.time, filled: false }, &values, output);
        self.last = values;
        self.last_time = row.time.or(self.last_time);
    }

    /// Takes a person's word on the open alarm; false where there is none.
    pub(crate) fn acknowledge(
        &mut self,
        detector: &Detector,
        said: Acknowledgement,
        output: &mut StreamOutput,
    ) -> Result<bool, DetectError> {
        if detector.config().drift.is_none() {
            let expected = "a threshold that follows, for alarms to become the new normal or not";
            return Err(SettingError::new("drift", expected, "off").into());
        }
        let open = self.alarms.open().is_some();
        let closed = self.alarms.acknowledge(said);
        self.close(detector, closed, output);
        Ok(open)
    }

    /// Tells that rows have stopped, if by this time more of them were due than may be missing.
    pub(crate) fn tick(
        &mut self,
        detector: &Detector,
        now: i64,
        output: &mut StreamOutput,
    ) -> Result<(), DetectError> {
        let regular = self.config.regular;
        let step = regular.map(|it| it.step).or_else(|| detector.step()).ok_or_else(|| {
            SettingError::new("regular", "the step of the rows, as training had no dates", "none")
        })?;
        let missing = regular.map_or(STALE, |it| it.fill as u64 + 1);
        let Some(last) = self.last_time.filter(|_| !self.stale) else { return Ok(()) };
        let gap = (i128::from(now) - i128::from(last)).max(0) as u128;
        let due = u64::try_from(gap / u128::from(step.max(1).unsigned_abs())).unwrap_or(u64::MAX);
        if due > missing {
            self.stale = true;
            output.notices.push(Notice::Stale { since: detector.clock().at(last), due });
        }
        Ok(())
    }

    /// Tells that rows come again.
    fn resume(&mut self, detector: &Detector, output: &mut StreamOutput) {
        if let Some(last) = self.last_time.filter(|_| std::mem::take(&mut self.stale)) {
            let (row, since) = (self.counts.rows, detector.clock().at(last));
            output.notices.push(Notice::Resumed { row, since });
        }
    }

    /// Appends a row, and runs the network when as many windows are due as it runs on at once:
    /// no more memory is needed however many rows are pushed or filled.
    fn append(
        &mut self,
        detector: &Detector,
        runner: &Runner<'_>,
        row: Waiting,
        values: &[f64],
        output: &mut StreamOutput,
    ) {
        if self.history.rows() == 0 {
            let rows = detector.latency() + self.segment.walk.delay();
            output.notices.push(Notice::WarmingUp { row: self.counts.rows, rows });
        }
        let values = detector.with_calendar(row.time, values);
        let keeps_rows = detector.trained.preparation.keeps_rows();
        let before = if keeps_rows { None } else { self.history.newest(values.len()) };
        self.segment.push(detector, before.as_deref(), &values);
        self.history.push(row.time, &values);
        self.waiting.push_back(row);
        self.counts.rows += 1;
        if self.segment.walk.due(&runner.grid.windows).len() >= runner.batch_size {
            advance(detector, runner, &mut [(self, output)]);
        }
    }

    /// Gives finished scores their times, thresholds and alarms.
    fn report(&mut self, detector: &Detector, scores: Vec<f32>, output: &mut StreamOutput) {
        let known = self.known.min(scores.len() as u64);
        self.known -= known;
        for score in scores.into_iter().skip(known as usize) {
            let waiting = self.waiting.pop_front();
            let filled = waiting.is_some_and(|row| row.filled);
            let time = waiting.and_then(|row| row.time).map(|time| detector.clock().at(time));
            let step = if filled { self.alarms.pass() } else { self.alarms.next(score, time) };
            let (row, threshold, alarms) = (self.scored, step.threshold, step.alarms);
            if row + self.history.rows() == self.counts.rows {
                output.notices.push(Notice::Ready { row });
            }
            output.scores.push(Scored { row, time, score, threshold, alarms, filled });
            self.scored += 1;
            self.tell(detector, &step, output);
        }
        // What many rows at once have taken is not kept.
        self.waiting.shrink_to(2 * self.waiting.len());
        self.keep_reasons(detector);
        self.history.trim(detector.input_count());
    }

    /// Takes the rows that wait for late ones, and ends the series.
    pub(crate) fn finish(&mut self, detector: &Detector, output: &mut StreamOutput) {
        let runner = detector.runner();
        self.take_due(detector, &runner, 0, output);
        self.end_segment(detector, &runner, output);
    }

    /// Scores the rows that still wait, as those of a series that ends here. The next one begins
    /// as the first did: without a history of alarms, and with the detector's own threshold.
    fn end_segment(&mut self, detector: &Detector, runner: &Runner<'_>, output: &mut StreamOutput) {
        let mut segment = std::mem::replace(&mut self.segment, Segment::new(detector));
        self.segment.walk.set_delay(segment.walk.delay());
        segment.walk.set_delay(0);
        runner.run_due(&mut [&mut segment.walk]);
        let mut scores = segment.final_scores(detector, runner);
        scores.extend(segment.end(detector, runner));
        self.report(detector, scores, output);
        let closed = self.alarms.restart();
        self.close(detector, closed, output);
        self.history = History::new(detector, self.config.history);
    }

    /// Validates a state that was read from outside: it can be of this detector.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, detector: &Detector) -> Result<(), &'static str> {
        let c = detector.channels().len();
        let StreamCounts { rows, held, filled, dropped, restarts } = self.counts;
        let counts =
            [rows, held, filled, dropped, restarts, self.scored, self.known, self.told_number()];
        match () {
            () if counts.iter().any(|count| *count >= 1 << 62) => {
                Err("a stream that has counted too far")
            }
            () if self.told.as_ref().is_some_and(|told| !told.severity.is_finite()) => {
                Err("an alarm of a severity that is not finite")
            }
            () if self.config.check().is_err() => Err("a stream with impossible settings"),
            () if self.last.len() != c && !(self.last.is_empty() && rows == 0) => {
                Err("a stream whose last row has other channels")
            }
            () if self.scored.checked_add(self.waiting.len() as u64) != Some(rows) => {
                Err("a stream with other rows waiting than have no score")
            }
            () if rows < self.history.rows() => Err("a stream of fewer rows than it keeps"),
            () => {
                self.alarms.validate()?;
                self.watch.validate(c)?;
                self.reorder.validate(self.config.reorder, c)?;
                self.history.validate(detector, self.waiting.len())?;
                self.segment.validate(detector)
            }
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
