use std::collections::BTreeMap;

use aster_data::RowFold;
use serde::{Deserialize, Serialize};

use crate::evidence::Rows;
use crate::fusion::Fusion;
use crate::{Detector, Output};

/// A series that goes on: the rows that are still needed, and what has been made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Rows that have come.
    rows: usize,
    /// Windows that the model has seen.
    windows: usize,
    /// Rows of which no later window has anything to say, and that have become evidence.
    settled: usize,
    /// Scaled values `[n, C]` of the last rows: those not settled, and at least a window.
    recent: Vec<f32>,
    /// What the model makes of the rows that are not settled.
    folds: BTreeMap<Output, RowFold>,
    fusion: Fusion,
}

impl Segment {
    pub(super) fn new(detector: &Detector) -> Self {
        let config = detector.config();
        let fold = |output| (output, RowFold::default());
        Self {
            rows: 0,
            windows: 0,
            settled: 0,
            recent: vec![],
            folds: config.outputs().into_iter().map(fold).collect(),
            fusion: Fusion::new(&config.score, &detector.calibration),
        }
    }

    /// Takes the next row, before scaling.
    pub(super) fn take(&mut self, detector: &Detector, row: &[f32]) {
        let start = self.recent.len();
        self.recent.extend_from_slice(row);
        detector.scaler.transform_rows(&mut self.recent[start..]);
        self.rows += 1;
    }

    /// First row of the window that comes `ahead` windows from now, if all its rows are here.
    pub(super) fn due(&self, detector: &Detector, ahead: usize) -> Option<usize> {
        let config = detector.config();
        let start = (self.windows + ahead) * config.score.stride;
        (start + config.window <= self.rows).then_some(start)
    }

    /// First row of the last window, which is moved back to end with the rows, if the model
    /// has not seen them all.
    pub(super) fn last(&self, detector: &Detector) -> Option<usize> {
        let config = detector.config();
        let seen = match self.windows {
            0 => 0,
            windows => (windows - 1) * config.score.stride + config.window,
        };
        (seen < self.rows).then(|| self.rows.saturating_sub(config.window))
    }

    /// Appends the values `[T, C]` of a window; its last row stands in for rows that are not
    /// here.
    pub(super) fn gather(&self, detector: &Detector, start: usize, out: &mut Vec<f32>) {
        let (c, length) = (detector.channels().len(), detector.config().window);
        let oldest = self.rows - self.recent.len() / c;
        let rows = &self.recent[(start - oldest) * c..];
        let here = rows.len().min(length * c);
        out.extend_from_slice(&rows[..here]);
        for _ in 0..length - here / c {
            out.extend_from_within(out.len() - c..);
        }
    }

    /// Adds what the model makes of the window that starts at a row, `[T, width]` per output.
    /// As in [`WindowFold`](aster_data::WindowFold), its rows count from where it was due.
    pub(super) fn add(&mut self, detector: &Detector, start: usize, made: &[&[f32]]) {
        let (config, c) = (detector.config(), detector.channels().len());
        let due = self.windows * config.score.stride;
        let end = (start + config.window).min(self.rows);
        for ((output, fold), values) in self.folds.iter_mut().zip(made) {
            let width = output.width(c);
            let counted = (due - start) * width..(end - start) * width;
            fold.add(due - self.settled, width, &values[counted]);
        }
        self.windows += 1;
    }

    /// The scores that no later row can change.
    pub(super) fn scores(&mut self, detector: &Detector) -> Vec<f32> {
        self.settle(detector, self.windows * detector.config().score.stride)
    }

    /// The scores of all other rows, after the last window.
    pub(super) fn end(mut self, detector: &Detector) -> Vec<f32> {
        let mut scores = self.settle(detector, self.rows);
        scores.extend(self.fusion.drain(&detector.config().score, &detector.calibration));
        scores
    }

    /// Makes evidence of the rows before `until`, and of it what scores there are.
    fn settle(&mut self, detector: &Detector, until: usize) -> Vec<f32> {
        let (config, c) = (detector.config(), detector.channels().len());
        let oldest = self.rows - self.recent.len() / c;
        let count = until - self.settled;
        let values = &self.recent[(self.settled - oldest) * c..(until - oldest) * c];
        let rows = self.folds.iter_mut().map(|(output, fold)| (*output, fold.take(count)));
        let mut evidence = detector.model.evidence(values, &rows.collect::<Rows>(), c);
        detector.calibration.settle(config, values, &mut evidence);
        let scores = self.fusion.push(&config.score, &detector.calibration, &evidence);
        self.settled = until;
        let needed = until.min(self.rows.saturating_sub(config.window));
        self.recent.drain(..(needed - oldest) * c);
        scores
    }

    /// Whether it can be of this detector: all that is relied upon elsewhere. A file may say
    /// anything.
    pub(super) fn suits(&self, detector: &Detector) -> bool {
        let (config, c) = (detector.config(), detector.channels().len());
        let (stride, window) = (config.score.stride, config.window);
        let Some(due) = self.windows.checked_mul(stride) else { return false };
        let seen = match self.windows {
            0 => 0,
            _ => (due - stride).saturating_add(window),
        };
        // Between two calls all windows whose rows are here have been seen.
        let rows = seen <= self.rows && self.rows < due.saturating_add(window);
        // Rows that the next windows need are here.
        let needed = self.rows - self.settled.min(self.rows.saturating_sub(window));
        let recent = self.recent.len().is_multiple_of(c)
            && (needed..=self.rows).contains(&(self.recent.len() / c));
        let fold = |(output, fold): (&Output, &RowFold)| fold.holds(seen - due, output.width(c));
        rows && self.settled == due
            && recent
            && self.folds.keys().copied().eq(config.outputs())
            && self.folds.iter().all(fold)
            && self.fusion.suits(&config.score, &detector.calibration)
    }
}
