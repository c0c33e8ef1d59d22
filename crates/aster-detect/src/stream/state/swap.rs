//! Going on with another detector.

use crate::detector::Detector;
use crate::stream::output::StreamOutput;
use crate::stream::segment::Segment;
use crate::stream::state::{StreamState, advance};

impl StreamState {
    /// Goes on with another detector of the same channels: its scores are those that it would
    /// have given so far, as far as the history reaches, and its thresholds begin anew.
    pub(crate) fn swap(&mut self, old: &Detector, new: &Detector, output: &mut StreamOutput) {
        self.alarms.set_rule(new.alarm_rule());
        if old.fingerprint() != new.fingerprint() {
            self.replay(new, output);
        }
    }

    fn replay(&mut self, detector: &Detector, output: &mut StreamOutput) {
        let c = detector.input_count();
        self.history.keep_for(detector, self.config.history);
        let unscored = self.history.rows() - self.waiting.len() as u64;
        let due = self.history.first_due(detector);
        // Where so few rows are kept that no window is due among those before, windows begin with
        // them.
        let first = if due <= unscored { due } else { self.history.first() };
        let delay = self.segment.walk.delay().min(detector.windows.stride().saturating_sub(1));
        self.segment = Segment::new(detector);
        self.segment.walk.set_delay(delay);
        self.known = unscored - first;
        let runner = detector.runner();
        let values = self.history.from(first, c);
        let mut before = None;
        for rows in values.chunks(runner.rows_at_once().saturating_mul(c)) {
            for row in rows.chunks(c) {
                self.segment.push(detector, before.replace(row), row);
            }
            advance(detector, &runner, &mut [(self, output)]);
        }
    }

    /// Takes the thresholds and alarms of a detector of the same fingerprint whose settings may
    /// have changed since the stream was saved.
    pub(crate) fn take_settings(&mut self, detector: &Detector) {
        self.alarms.set_rule(detector.alarm_rule());
    }
}
