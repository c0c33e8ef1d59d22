use std::collections::VecDeque;

use aster_data::{DataError, TimeSeries};
use serde::{Deserialize, Serialize};

use crate::detector::Detector;

/// The latest rows of a series in the channels' own units, with their calendar features and times, so
/// that another detector can go on with them and channels can be blamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    /// Rows of the series that have come.
    rows: u64,
    /// Values of the last of them.
    values: VecDeque<f64>,
    /// Timestamps of the same rows.
    times: VecDeque<Option<i64>>,
    /// Rows that are kept.
    most: usize,
}

impl History {
    /// Keeps all that the score of the newest row depends on, and so many rows before.
    pub(crate) fn new(detector: &Detector, more: usize) -> Self {
        let most = detector.depends_on().saturating_add(more);
        Self { rows: 0, values: VecDeque::new(), times: VecDeque::new(), most }
    }

    pub(crate) fn push(&mut self, time: Option<i64>, values: &[f64]) {
        if self.values.len() == self.values.capacity() {
            // No further than what is kept and a row more, where doubling would go.
            let kept = self.most.saturating_add(1).saturating_mul(values.len());
            let more = self.values.len().max(16 * values.len());
            let room = kept.saturating_sub(self.values.len()).max(values.len());
            self.values.reserve_exact(more.min(room));
        }
        self.values.extend(values);
        self.times.push_back(time);
        self.rows += 1;
    }

    /// Forgets the rows that nothing needs any more, once those to come have been scored.
    pub(crate) fn trim(&mut self, channels: usize) {
        let kept = self.most.saturating_mul(channels);
        self.values.drain(..self.values.len().saturating_sub(kept));
        self.times.drain(..self.times.len().saturating_sub(self.most));
        // What many rows at once have taken is not kept.
        self.values.shrink_to(kept.saturating_add(channels));
        self.times.shrink_to(self.most.saturating_add(1));
    }

    /// Values of the last row, if one has come.
    pub(crate) fn newest(&self, channels: usize) -> Option<Vec<f64>> {
        let start = self.values.len().checked_sub(channels)?;
        Some(self.values.range(start..).copied().collect())
    }

    /// Rows of the series that have come.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn memory(&self) -> usize {
        let times = self.times.capacity() * size_of::<Option<i64>>();
        self.values.capacity() * size_of::<f64>() + times
    }

    /// Goes on for another detector of the same channels.
    pub(crate) fn keep_for(&mut self, detector: &Detector, more: usize) {
        self.most = detector.depends_on().saturating_add(more);
    }

    /// The first row that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.rows - self.times.len() as u64
    }

    /// Timestamp of a row, if it is kept and had one.
    pub(crate) fn time(&self, row: u64) -> Option<i64> {
        *self.times.get(row.checked_sub(self.first())? as usize)?
    }

    /// The first row that is kept and at which a window of the detector is due.
    pub(crate) fn first_due(&self, detector: &Detector) -> u64 {
        let stride = detector.windows.stride() as u64;
        self.first().next_multiple_of(stride)
    }

    /// Values `[rows, C]` from a row on that is kept.
    pub(crate) fn from(&self, row: u64, channels: usize) -> Vec<f64> {
        let skipped = self.values.len() - (self.rows - row) as usize * channels;
        self.values.range(skipped..).copied().collect()
    }

    /// The first row of whose score all that it depends on is kept.
    pub(crate) fn first_explained(&self, detector: &Detector) -> u64 {
        explained(detector, self.first())
    }

    /// The first such row once what nothing needs any more is forgotten.
    pub(crate) fn first_explained_trimmed(&self, detector: &Detector) -> u64 {
        explained(detector, self.rows - self.times.len().min(self.most) as u64)
    }

    /// The rows that are kept, as a series, from the first one at which a window is due.
    pub(crate) fn series(&self, detector: &Detector) -> Result<TimeSeries, DataError> {
        let values = self.from(self.first_due(detector), detector.input_count());
        TimeSeries::new(detector.trained.inputs().to_vec(), values)
    }

    /// Validates a history that was read from outside: it can be of this detector.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, detector: &Detector, waiting: usize) -> Result<(), &'static str> {
        let c = detector.input_count();
        let kept = self.values.len() / c;
        match () {
            () if self.rows >= 1 << 62 => Err("a history of too many rows"),
            () if !self.values.len().is_multiple_of(c) || kept > self.most => {
                Err("a history of other channels, or of more rows than are kept")
            }
            () if self.times.len() != kept => Err("a history of more times than rows, or fewer"),
            () if kept as u64 > self.rows => Err("a history of other rows than have come"),
            () if self.most < detector.depends_on() || waiting > kept => {
                Err("a history without the rows that scores depend on")
            }
            () if self.values.iter().any(|value| !value.is_finite()) => {
                Err("a history with a value that is not finite")
            }
            () => Ok(()),
        }
    }
}

/// The first row of whose score all that it depends on is among the rows from the first on.
fn explained(detector: &Detector, first: u64) -> u64 {
    let stride = detector.windows.stride();
    match first.next_multiple_of(stride as u64) {
        0 => 0,
        due => due + (detector.reach().0 + stride) as u64,
    }
}
