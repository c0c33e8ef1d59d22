use std::ops::Range;

use aster_data::ScaledSeries;

use crate::score::{Outputs, Reading, Runner, WindowWalk};

/// Second run over a series of which some rows change, in several ways: only the windows that see them are
/// run again.
pub(crate) struct Rerun<'a> {
    runner: &'a Runner<'a>,
    readings: Vec<Reading>,
    /// First rows of all windows, in order.
    starts: Vec<usize>,
    /// Numbers of the windows that see the rows.
    sees: Range<usize>,
    /// Readings of the other windows, in order.
    kept: Vec<Vec<Vec<f32>>>,
}

impl<'a> Rerun<'a> {
    /// Takes the series before its rows change.
    pub(crate) fn of(
        runner: &'a Runner,
        readings: Vec<Reading>,
        series: &ScaledSeries,
        rows: &Range<usize>,
    ) -> Self {
        let windows = runner.grid.windows;
        let start = |window| windows.start(window, series.rows());
        let starts: Vec<usize> = (0..windows.count(series.rows())).map(start).collect();
        let first = starts.partition_point(|start| start + windows.length() <= rows.start);
        let before = runner.grid.read - windows.length();
        let sees = first..starts.partition_point(|start| *start < rows.end + before);
        let others = starts[..sees.start].iter().chain(&starts[sees.end..]);
        let others = others.map(|start| runner.grid.read_with(series.values(), 0, *start));
        let kept = runner.run_each(&others.collect::<Vec<_>>(), &readings);
        Self { runner, readings, starts, sees, kept }
    }

    /// How many changes are run in one forward pass.
    pub(crate) fn at_once(&self) -> usize {
        (self.runner.batch_size / self.sees.len().max(1)).max(1)
    }

    /// The readings of the series with each of some changes.
    pub(crate) fn run(&self, changed: &[ScaledSeries]) -> Vec<Outputs> {
        let grid = &self.runner.grid;
        let sees = &self.starts[self.sees.clone()];
        let rows = changed
            .iter()
            .flat_map(|series| sees.iter().map(|start| grid.read_with(series.values(), 0, *start)));
        let anew = self.runner.run_each(&rows.collect::<Vec<_>>(), &self.readings);
        let (before, after) = self.kept.split_at(self.sees.start);
        let outputs = |(series, anew): (&ScaledSeries, &[Vec<Vec<f32>>])| {
            let mut walk = WindowWalk::new(self.readings.iter().copied());
            walk.push(series.values(), grid.channels);
            let windows = before.iter().chain(anew).chain(after);
            for (start, readings) in self.starts.iter().zip(windows) {
                let readings: Vec<&[f32]> = readings.iter().map(Vec::as_slice).collect();
                walk.add(grid, *start, &readings);
            }
            walk.take_rest(grid).outputs
        };
        changed.iter().zip(anew.chunks(self.sees.len().max(1))).map(outputs).collect()
    }
}

#[cfg(test)]
mod tests {
    use aster_data::Windows;
    use aster_model::{ModelConfig, NetworkComponents};
    use burn::tensor::Device;

    use super::*;
    use crate::score::{Grid, MemoryBank};

    const READINGS: [Reading; 5] = [
        Reading::Reconstruction,
        Reading::Severity,
        Reading::BankDistance,
        Reading::SubsequenceDistance,
        Reading::CentredDistance,
    ];

    /// Asserts that a series of so many rows, of windows of which so many rows count, reads the same as if
    /// all windows were run again.
    fn reads_as_a_whole(rows: usize, counted: usize, changed: Range<usize>) {
        let (device, mut config) = (Device::flex(), ModelConfig::default());
        config.window = 8;
        let model = config.init(&NetworkComponents::default(), 2, &device).unwrap();
        let banked: Vec<f32> = (0..48).map(|at| (at as f32 / 7.0).cos()).collect();
        let bank = MemoryBank::of(&banked, 12, 8, 2).unwrap();
        let grid = Grid { windows: Windows::new(8, 2).unwrap(), read: 12, counted, channels: 2 };
        // More windows than one forward pass takes.
        let (bank, device) = (Some(&bank), &device);
        let runner = Runner { model: &model, bank, grid, batch_size: 7, device };
        let values = (0..2 * rows).map(|at| (at as f32 / 3.0).sin()).collect();
        let series = ScaledSeries::new(values, 2).unwrap();
        let change = |channel: usize| {
            let mut other = series.clone();
            changed.clone().for_each(|row| other.values_mut()[2 * row + channel] = 2.0);
            other
        };
        let others = [change(0), change(1)];
        let again = Rerun::of(&runner, READINGS.into(), &series, &changed).run(&others);
        for (other, again) in others.iter().zip(again) {
            let whole = runner.run_model(other, &READINGS);
            for reading in READINGS {
                let mut pairs = again[&reading].iter().zip(&whole[&reading]);
                assert_eq!(again[&reading].len(), whole[&reading].len());
                assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-5), "{reading:?}");
            }
        }
    }

    #[test]
    fn a_change_reads_as_if_all_windows_were_run_again() {
        reads_as_a_whole(40, 8, 17..20);
        reads_as_a_whole(40, 3, 17..20);
        // The last window is moved back; all windows see the rows; there is one, which is padded.
        reads_as_a_whole(41, 8, 36..41);
        reads_as_a_whole(13, 8, 0..13);
        reads_as_a_whole(5, 8, 2..3);
    }
}
