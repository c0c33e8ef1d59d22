use std::ops::Range;

use aster_data::ScaledSeries;

use crate::score::{Outputs, Reading, Runner, WindowWalk};

/// A series of which some rows change, in several ways: only the windows that see them are run again.
pub(crate) struct Rerun<'a> {
    runner: &'a Runner<'a>,
    readings: Vec<Reading>,
    /// Whether each window sees the rows.
    sees: Vec<bool>,
    /// What those that do not say.
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
        let sees = |window: usize| {
            let start = windows.start(window, series.rows());
            start < rows.end && rows.start < start + windows.length()
        };
        let sees: Vec<bool> = (0..windows.count(series.rows())).map(sees).collect();
        let blind = windows.of_series(series, &places(&sees, false));
        let kept = runner.run_each(blind, &readings);
        Self { runner, readings, sees, kept }
    }

    /// How many changes are run in one forward pass.
    pub(crate) fn at_once(&self) -> usize {
        (self.runner.batch_size / places(&self.sees, true).len().max(1)).max(1)
    }

    /// The readings of the series with each of some changes.
    pub(crate) fn run(&self, changed: &[ScaledSeries]) -> Vec<Outputs> {
        let grid = &self.runner.grid;
        let see = places(&self.sees, true);
        let values =
            changed.iter().flat_map(|series| grid.windows.of_series(series, &see)).collect();
        let mut said = self.runner.run_each(values, &self.readings).into_iter();
        let outputs = |series: &ScaledSeries| {
            let mut walk = WindowWalk::new(self.readings.iter().copied());
            walk.push(series.values(), grid.channels);
            let mut kept = self.kept.iter();
            for (window, sees) in self.sees.iter().enumerate() {
                let anew = if *sees { said.next() } else { None };
                let Some(readings) = anew.as_ref().or_else(|| kept.next()) else { continue };
                let readings: Vec<&[f32]> = readings.iter().map(Vec::as_slice).collect();
                walk.add(grid, grid.windows.start(window, series.rows()), &readings);
            }
            walk.take_rest(grid).outputs
        };
        changed.iter().map(outputs).collect()
    }
}

/// The places of those that are as asked for.
fn places(all: &[bool], asked: bool) -> Vec<usize> {
    all.iter().enumerate().filter(|(_, it)| **it == asked).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use aster_data::Windows;
    use aster_model::{ModelConfig, NetworkComponents};
    use burn::tensor::Device;

    use super::*;
    use crate::score::{Grid, MemoryBank};

    const READINGS: [Reading; 3] =
        [Reading::Reconstruction, Reading::Severity, Reading::BankDistance];

    /// Asserts that a series of so many rows, of windows of which so many rows count, reads the same as if
    /// all windows were run again.
    fn reads_as_a_whole(rows: usize, counted: usize, changed: Range<usize>) {
        let (device, mut config) = (Device::flex(), ModelConfig::default());
        config.window = 8;
        let model = config.init(&NetworkComponents::default(), 2, &device).unwrap();
        let bank = MemoryBank::of(vec![0.5; 32], 16).unwrap();
        let grid = Grid { windows: Windows::new(8, 2).unwrap(), counted, channels: 2 };
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
