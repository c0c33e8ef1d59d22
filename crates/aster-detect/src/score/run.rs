use aster_data::ScaledSeries;
use aster_model::{Aster, Output};
use burn::tensor::{Device, Tensor, TensorData};

use crate::score::bank::MemoryBank;
use crate::score::reading::Reading;
use crate::score::walk::{Grid, Outputs, WindowWalk};

/// Runs the network over windows of scaled rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) model: &'a Aster,
    pub(crate) bank: Option<&'a MemoryBank>,
    pub(crate) grid: Grid,
    /// Windows per forward pass.
    pub(crate) batch_size: usize,
    pub(crate) device: &'a Device,
}

impl Runner<'_> {
    /// Rows that make the windows of one forward pass due.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.batch_size.saturating_mul(self.grid.windows.stride())
    }

    /// Runs the network on windows, given by the scaled rows `[n, C]` that are read with each, its own the
    /// last of them; calls `update` with the number of each and its readings `[T, width]`.
    pub(crate) fn run_windows(
        &self,
        rows: &[Vec<f32>],
        readings: &[Reading],
        mut update: impl FnMut(usize, &[&[f32]]),
    ) {
        let (count, length) = (rows.len(), self.grid.windows.length());
        let shape = [count, length, self.grid.channels];
        let own = |it: &Vec<f32>| it.len() - length * self.grid.channels;
        let values: Vec<f32> = rows.iter().flat_map(|it| &it[own(it)..]).copied().collect();
        let windows = Tensor::<3>::from_data(TensorData::new(values, shape), self.device);
        let outputs: Vec<Output> = readings.iter().filter_map(|it| it.output()).collect();
        let mut outputs = match outputs.is_empty() {
            true => vec![],
            false => self.model.outputs(windows, &outputs),
        }
        .into_iter();
        let values = |reading: &Reading| match reading {
            Reading::BankDistance | Reading::SubsequenceDistance | Reading::CentredDistance => {
                let distances = self.bank.map_or(vec![], |it| it.distances(rows, *reading));
                let of_rows = |distance| std::iter::repeat_n(distance, length);
                distances.into_iter().flat_map(of_rows).collect()
            }
            _ => outputs.next().map_or(vec![], |it| it.into_data().iter::<f32>().collect()),
        };
        let read: Vec<Vec<f32>> = readings.iter().map(values).collect();
        let mut windows: Vec<_> = read.iter().map(|x| x.chunks(x.len() / count)).collect();
        for window in 0..count {
            let of_window: Vec<&[f32]> = windows.iter_mut().filter_map(Iterator::next).collect();
            update(window, &of_window);
        }
    }

    /// Runs the network on windows, given by the scaled rows `[n, C]` that are read with each; returns the
    /// readings `[T, width]` of each.
    pub(crate) fn run_each(&self, rows: &[Vec<f32>], readings: &[Reading]) -> Vec<Vec<Vec<f32>>> {
        let mut all = vec![];
        for rows in rows.chunks(self.batch_size) {
            self.run_windows(rows, readings, |_, read| {
                all.push(read.iter().map(|values| values.to_vec()).collect());
            });
        }
        all
    }

    /// Runs the network over a finished, scaled series. Memory is proportional to the outputs,
    /// plus one batch of windows.
    pub(crate) fn run_model(&self, series: &ScaledSeries, readings: &[Reading]) -> Outputs {
        let mut walk = WindowWalk::new(readings.iter().copied());
        let mut all: Outputs = readings.iter().map(|reading| (*reading, vec![])).collect();
        let mut append = |outputs: Outputs| {
            for (reading, values) in outputs {
                all.entry(reading).or_default().extend(values);
            }
        };
        let values_at_once = self.rows_at_once().saturating_mul(self.grid.channels);
        for values in series.values().chunks(values_at_once) {
            walk.push(values, self.grid.channels);
            self.run_due(&mut [&mut walk]);
            append(walk.take_final(&self.grid).outputs);
        }
        self.run_last(&mut walk);
        append(walk.take_rest(&self.grid).outputs);
        all
    }

    /// Runs the network on all windows whose rows have come, those of all walks together.
    pub(crate) fn run_due(&self, walks: &mut [&mut WindowWalk]) {
        loop {
            let mut due = vec![];
            for (number, walk) in walks.iter().enumerate() {
                let starts = walk.due(&self.grid.windows).take(self.batch_size - due.len());
                due.extend(starts.map(|start| (number, start)));
            }
            let Some((first, _)) = due.first() else { break };
            let readings = walks[*first].readings();
            let rows =
                due.iter().map(|(number, start)| walks[*number].read_with(&self.grid, *start));
            self.run_windows(&rows.collect::<Vec<_>>(), &readings, |window, outputs| {
                let (number, start) = due[window];
                walks[number].add(&self.grid, start, outputs);
            });
        }
    }

    /// Runs the network on the last window of a series that ends here, where its rows are not
    /// all covered yet.
    pub(crate) fn run_last(&self, walk: &mut WindowWalk) {
        if let Some(start) = walk.last(&self.grid.windows) {
            let rows = walk.read_with(&self.grid, start);
            self.run_windows(&[rows], &walk.readings(), |_, outputs| {
                walk.add(&self.grid, start, outputs)
            });
        }
    }
}
