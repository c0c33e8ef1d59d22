use std::collections::BTreeMap;

use aster_data::{OverlapMean, Windows};
use serde::{Deserialize, Serialize};

use crate::score::reading::Reading;

/// Readings of windows by row: `[rows, width]` of each.
pub(crate) type Outputs = BTreeMap<Reading, Vec<f32>>;

/// Where windows lie, and how many channels their rows have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) windows: Windows,
    /// Most rows that are read with a window: those that end with it, at least its own.
    pub(crate) read: usize,
    /// Last rows of a window that count, from the stride to all.
    pub(crate) counted: usize,
    pub(crate) channels: usize,
}

impl Grid {
    /// The first row of which a window counts: rows before it waited for no later window.
    fn first_counted(&self, window: usize) -> usize {
        match window {
            0 => 0,
            _ => self.windows.due(window) + self.windows.length() - self.counted,
        }
    }

    /// Rows before a window that are read with it, where there are so many.
    fn before(&self) -> usize {
        self.read - self.windows.length()
    }

    /// The rows `[n, C]` that are read with the window that starts at a row, its own the last of them, of
    /// values `[rows, C]` that begin with the row `first`.
    pub(crate) fn read_with(&self, values: &[f32], first: usize, start: usize) -> Vec<f32> {
        let from = start.saturating_sub(self.before());
        let own = (start - first) * self.channels;
        let mut rows = values[(from - first) * self.channels..own].to_vec();
        self.windows.gather(&values[own..], self.channels, &mut rows);
        rows
    }
}

/// The walk of windows over a series that grows: its latest scaled rows, and the means of the
/// network's outputs for rows that later windows still cover.
///
/// A finished series and a stream take the same walk, so that they get the same scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowWalk {
    /// Rows that have come.
    rows: usize,
    /// Rows by which windows are run later than they could, so that streams which began together
    /// do not all have windows due at the same row.
    delay: usize,
    /// Windows that the network has run on.
    windows: usize,
    /// Rows that no later window covers and that have been taken.
    taken: usize,
    /// Scaled values `[n, C]` of the last rows: those not taken, and those that are read with the next
    /// window.
    recent: Vec<f32>,
    /// Means of the outputs of rows that have not been taken.
    means: BTreeMap<Reading, OverlapMean>,
}

/// Rows that no later window changes.
#[derive(Debug)]
pub(crate) struct FinalRows {
    /// Scaled values `[n, C]`.
    pub(crate) values: Vec<f32>,
    pub(crate) outputs: Outputs,
}

impl WindowWalk {
    pub(crate) fn new(readings: impl Iterator<Item = Reading>) -> Self {
        let means = readings.map(|reading| (reading, OverlapMean::default())).collect();
        Self { rows: 0, delay: 0, windows: 0, taken: 0, recent: vec![], means }
    }

    /// Runs windows so many rows later than they could be.
    pub(crate) fn set_delay(&mut self, rows: usize) {
        self.delay = rows;
    }

    pub(crate) fn delay(&self) -> usize {
        self.delay
    }

    /// Readings of windows that it joins.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.means.keys().copied().collect()
    }

    /// Takes the next scaled rows `[n, C]`.
    pub(crate) fn push(&mut self, values: &[f32], channels: usize) {
        self.push_with(values.len() / channels, channels, |own| own.copy_from_slice(values));
    }

    /// Takes the next rows `[n, C]`, which `fill` writes.
    pub(crate) fn push_with(
        &mut self,
        rows: usize,
        channels: usize,
        fill: impl FnOnce(&mut [f32]),
    ) {
        let before = self.recent.len();
        self.recent.resize(before + rows * channels, 0.0);
        fill(&mut self.recent[before..]);
        self.rows += rows;
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        let means = self.means.values().map(OverlapMean::memory);
        // A node of the map has room for eleven.
        let node = 12 * size_of::<(Reading, OverlapMean)>();
        self.recent.capacity() * size_of::<f32>() + node + means.sum::<usize>()
    }

    /// First rows of the windows whose rows have come and that the network has not run on.
    pub(crate) fn due(&self, windows: &Windows) -> impl ExactSizeIterator<Item = usize> + use<> {
        let windows = *windows;
        (self.windows..self.complete(&windows)).map(move |window| windows.due(window))
    }

    fn complete(&self, windows: &Windows) -> usize {
        windows.complete(self.rows.saturating_sub(self.delay))
    }

    /// First row of the window that is moved back to end with the rows, if not all are covered.
    pub(crate) fn last(&self, windows: &Windows) -> Option<usize> {
        let covered = self.rows == 0 || self.windows >= windows.count(self.rows);
        (!covered).then(|| windows.start(self.windows, self.rows))
    }

    /// The rows `[n, C]` that are read with the window that starts at a row.
    pub(crate) fn read_with(&self, grid: &Grid, start: usize) -> Vec<f32> {
        grid.read_with(&self.recent, self.oldest(grid), start)
    }

    /// The first row that is read with the next window, which may be moved back to end with the rows.
    fn first_needed(&self, grid: &Grid) -> usize {
        let next = grid.windows.due(self.windows);
        next.min(self.rows.saturating_sub(grid.windows.length())).saturating_sub(grid.before())
    }

    /// The row that the recent values begin with.
    fn oldest(&self, grid: &Grid) -> usize {
        self.rows - self.recent.len() / grid.channels
    }

    /// Adds the outputs `[T, width]` of the next window, which starts at a row. Its rows count
    /// as the grid says.
    pub(crate) fn add(&mut self, grid: &Grid, start: usize, outputs: &[&[f32]]) {
        let first = grid.first_counted(self.windows);
        let end = (start + grid.windows.length()).min(self.rows);
        for ((output, means), values) in self.means.iter_mut().zip(outputs) {
            let width = output.width(grid.channels);
            let counted = (first - start) * width..(end - start) * width;
            match output.of_last() {
                true => means.replace(first - self.taken, width, &values[counted]),
                false => means.add(first - self.taken, width, &values[counted]),
            }
        }
        self.windows += 1;
    }

    /// Takes the rows that no later window covers.
    pub(crate) fn take_final(&mut self, grid: &Grid) -> FinalRows {
        self.take(grid, grid.first_counted(self.windows).min(self.rows))
    }

    /// Takes all rows, after the last window.
    pub(crate) fn take_rest(&mut self, grid: &Grid) -> FinalRows {
        self.take(grid, self.rows)
    }

    fn take(&mut self, grid: &Grid, until: usize) -> FinalRows {
        let (oldest, c) = (self.oldest(grid), grid.channels);
        let count = until - self.taken;
        let values = self.recent[(self.taken - oldest) * c..(until - oldest) * c].to_vec();
        let outputs = self.means.iter_mut().map(|(output, means)| (*output, means.take(count)));
        let outputs = outputs.collect();
        self.taken = until;
        let needed = until.min(self.first_needed(grid));
        self.recent.drain(..(needed.max(oldest) - oldest) * c);
        // What many rows at once have taken is not kept.
        self.recent.shrink_to(2 * self.recent.len());
        FinalRows { values, outputs }
    }

    /// Validates a walk that was read from outside, of which all that had come due was run: all
    /// that is relied upon elsewhere.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(crate) fn validate(&self, grid: &Grid, readings: &[Reading]) -> Result<(), &'static str> {
        let (windows, c) = (grid.windows, grid.channels);
        if self.delay >= windows.stride() {
            return Err("a stream whose windows wait for later ones");
        }
        if self.rows >= 1 << 62 || self.windows != self.complete(&windows) {
            return Err("a stream with other windows than those of its rows");
        }
        let first = grid.first_counted(self.windows);
        if self.taken != first.min(self.rows) {
            return Err("a stream with other rows final than its windows say");
        }
        let needed = self.rows - self.taken.min(self.first_needed(grid));
        let whole = self.recent.len().is_multiple_of(c);
        if !whole || !(needed..=self.rows).contains(&(self.recent.len() / c)) {
            return Err("a stream without the rows that its next windows need");
        }
        if !self.means.keys().eq(readings) {
            return Err("a stream of other outputs of the network");
        }
        let covered = match self.windows {
            0 => 0,
            count => windows.due(count - 1) + windows.length() - self.taken,
        };
        let mut means = self.means.iter();
        means.try_for_each(|(output, means)| means.validate(covered, output.width(c)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_are_read_with_the_next_window_are_kept_and_no_more() {
        let readings = [Reading::Severity];
        for (read, counted, delay) in [(8, 8, 0), (8, 5, 3), (12, 5, 3), (12, 8, 3)] {
            let grid = Grid { windows: Windows::new(8, 4).unwrap(), read, counted, channels: 1 };
            let mut walk = WindowWalk::new(readings.into_iter());
            walk.set_delay(delay);
            let mut taken = vec![];
            for row in 0..60 {
                walk.push(&[row as f32], 1);
                for start in walk.due(&grid.windows) {
                    let rows = walk.read_with(&grid, start);
                    let first = start.saturating_sub(read - 8);
                    assert_eq!(rows, (first..start + 8).map(|x| x as f32).collect::<Vec<_>>());
                    walk.add(&grid, start, &[&rows[rows.len() - 8..]]);
                }
                taken.extend(walk.take_final(&grid).outputs.remove(&readings[0]).unwrap());
                walk.validate(&grid, &readings).unwrap();
                assert!(walk.recent.len() < read + 4 + delay + (8 - counted));
            }
            assert_eq!(taken, (0..taken.len()).map(|x| x as f32).collect::<Vec<_>>());
            assert!(taken.len() > 60 - read - 4 - delay, "{}", taken.len());
        }
    }
}
