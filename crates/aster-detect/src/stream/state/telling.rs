//! What a stream tells of its alarms, and why.

use std::ops::Range;

use aster_eval::{AlarmStep, Interval};

use crate::alarm::{Alarm, AlarmEvent, GROWTH, Reason};
use crate::detector::Detector;
use crate::error::DetectError;
use crate::explain::{Attribution, Contribution, peaks_near};
use crate::stream::output::StreamOutput;
use crate::stream::state::StreamState;

impl StreamState {
    /// Tells what a score does to the alarms.
    pub(super) fn tell(
        &mut self,
        detector: &Detector,
        step: &AlarmStep,
        output: &mut StreamOutput,
    ) {
        if let Some(interval) = self.alarms.open() {
            let grown = |told: &Alarm| detector.severity(&interval) >= told.severity + GROWTH;
            if step.opened || self.told.as_ref().is_none_or(grown) {
                let number = self.told_number() + u64::from(step.opened && self.told.is_some());
                // Reasons take the network: a peak that has hardly moved has those that were told.
                let near = |told: &Alarm| peaks_near(&told.interval, &interval);
                let reasons = match step.opened || !self.told.as_ref().is_some_and(near) {
                    true => self.reasons(detector, &interval, step.opened),
                    false => None,
                };
                let alarm = self.alarm(detector, number, interval, reasons);
                self.told = Some(alarm.clone());
                let event = if step.opened { AlarmEvent::Opened } else { AlarmEvent::Updated };
                output.events.push(event(alarm));
            }
        }
        self.close(detector, step.closed, output);
    }

    /// Tells of an alarm that is over.
    pub(super) fn close(
        &self,
        detector: &Detector,
        closed: Option<Interval>,
        output: &mut StreamOutput,
    ) {
        let alarm = |interval: Interval| {
            let reasons = match self.explained == Some(interval.peak) {
                true => None,
                false => self.reasons(detector, &interval, false),
            };
            self.alarm(detector, self.told_number(), interval, reasons)
        };
        output.events.extend(closed.map(alarm).map(AlarmEvent::Closed));
    }

    /// Finds the reasons of the alarm that is open before the rows of its peak are forgotten, so that it
    /// closes with those that it would have in a finished series, however long it lasts.
    pub(super) fn keep_reasons(&mut self, detector: &Detector) {
        let Some(open) = self.alarms.open().filter(|open| self.explained != Some(open.peak)) else {
            return;
        };
        let origin = self.origin();
        let kept = origin + self.history.first_explained_trimmed(detector);
        if detector.telling_rows(open.peak, false).start as u64 >= kept {
            return;
        }
        if let (Some(reasons), Some(told)) =
            (self.reasons(detector, &open, false), self.told.as_mut())
        {
            told.reasons = reasons;
            self.explained = Some(open.peak);
        }
    }

    /// An alarm with its reasons, or with those that were found before.
    fn alarm(
        &self,
        detector: &Detector,
        number: u64,
        interval: Interval,
        reasons: Option<Vec<Reason>>,
    ) -> Alarm {
        let told = || self.told.as_ref().filter(|told| told.number == number);
        let told = || told().map_or(vec![], |told| told.reasons.clone());
        let reasons = reasons.unwrap_or_else(told);
        Alarm { number, severity: detector.severity(&interval), interval, reasons }
    }

    /// Row of the stream that the series which goes on begins with.
    fn origin(&self) -> u64 {
        self.counts.rows - self.history.rows()
    }

    /// Number of the latest alarm.
    pub(super) fn told_number(&self) -> u64 {
        self.told.as_ref().map_or(0, |told| told.number)
    }

    /// Reasons for an alarm, where what the score of its peak depends on is kept.
    fn reasons(
        &self,
        detector: &Detector,
        interval: &Interval,
        opens: bool,
    ) -> Option<Vec<Reason>> {
        if !self.config.reasons {
            return None;
        }
        let origin = self.origin();
        let (kept, first) =
            (self.history.first_explained(detector), self.history.first_due(detector));
        let peak = (interval.peak as u64).checked_sub(origin).filter(|peak| *peak >= kept)?;
        let series = self.history.series(detector).ok()?;
        // Of the rows that have come, those that had when this score became final, however many
        // were pushed at once.
        let last = self.scored + (detector.latency() + 1 - detector.windows.stride()) as u64;
        let series = series.slice(0..series.rows().min((last - origin - first) as usize)).ok()?;
        let peak = (peak - first) as usize;
        let rows = detector.telling_rows(peak, opens);
        let rows = rows.start.max((kept - first) as usize)..rows.end;
        let mut reasons = detector.reasons(&series, peak, rows).ok()?;
        for reason in &mut reasons {
            let row = first + reason.row as u64;
            reason.row = (origin + row) as usize;
            reason.time = self.history.time(row).map(|time| detector.clock().at(time));
        }
        Some(reasons)
    }

    /// Attributes the scores of rows, by their numbers in the stream, to channels.
    pub(crate) fn attribute(
        &self,
        detector: &Detector,
        rows: Range<u64>,
        method: Attribution,
    ) -> Result<Vec<Contribution>, DetectError> {
        let wrong = |reason| DetectError::Rows { rows: rows.clone(), reason };
        let origin = self.origin();
        let scored = origin..self.scored;
        if rows.is_empty() || rows.start < scored.start || rows.end > scored.end {
            let reason = format!("expected rows of the series that goes on, {scored:?}");
            return Err(wrong(reason));
        }
        let from = origin + self.history.first_explained(detector);
        if rows.start < from {
            let reason = format!("expected rows from {from} on; a larger `history` keeps more");
            return Err(wrong(reason));
        }
        let first = origin + self.history.first_due(detector);
        let series = self.history.series(detector)?;
        let rows = (rows.start - first) as usize..(rows.end - first) as usize;
        detector.attribute_inputs(&series, rows, method)
    }
}
