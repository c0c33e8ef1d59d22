use std::ops::Range;

use aster_data::ScaledSeries;

use crate::detector::Detector;
use crate::explain::rerun::Rerun;
use crate::score::{Fusion, Outputs, Reading};

impl Detector {
    /// By how much the scores of rows fall when a channel is replaced by its reconstruction there,
    /// for each channel but calendar features.
    pub(crate) fn by_occlusion(&self, near: &ScaledSeries, rows: Range<usize>) -> Vec<f64> {
        let mut outputs = self.trained.outputs(self.windows, self.bank.as_deref(), near);
        if !outputs.contains_key(&Reading::Reconstruction) {
            outputs.extend(self.runner().run_model(near, &[Reading::Reconstruction]));
        }
        self.falls(near, &outputs, rows, &(0..self.channels().len()).collect::<Vec<_>>())
    }

    /// By how much the scores of rows fall for each of some channels, from outputs of the network, its
    /// reconstruction among them, for these rows and all that their scores depend on. The first row
    /// is one at which a window is due.
    pub(crate) fn falls(
        &self,
        near: &ScaledSeries,
        outputs: &Outputs,
        rows: Range<usize>,
        channels: &[usize],
    ) -> Vec<f64> {
        let (c, window) = (near.channel_count(), self.config().model.window);
        let read = self.config().score.most_read_rows(window);
        let sum = |values: &[f32], outputs: &Outputs| -> f64 {
            let components = self.components_of(values, outputs);
            let scores = Fusion::whole(&self.config().score, &self.calibration, &components);
            scores[rows.clone()].iter().map(|score| f64::from(*score)).sum()
        };
        let Some(reconstruction) = outputs.get(&Reading::Reconstruction) else { return vec![] };
        // The windows that see the rows change what they say of all of theirs, which is a mean with
        // what other windows say.
        let changed = widened(&rows, window - 1, near.rows());
        let start = changed.start.saturating_sub(read - 1);
        let end = widened(&changed, window - 1, near.rows()).end;
        let part = start - start % self.windows.stride()..end;
        let whole = sum(near.values(), outputs);
        let occluded = |channel: &usize| {
            let mut occluded = near.clone();
            for row in rows.clone() {
                let at = row * c + channel;
                occluded.values_mut()[at] = reconstruction[at];
            }
            occluded
        };
        let runner = self.runner();
        let of_part = rows.start - part.start..rows.end - part.start;
        let readings = Reading::of_score(&self.config().score);
        let rerun = Rerun::of(&runner, readings, &near.slice(part.clone()), &of_part);
        let fall = |(occluded, again): (&ScaledSeries, Outputs)| {
            let mut merged = outputs.clone();
            for (reading, values) in again {
                let width = reading.width(c);
                let from = (changed.start - part.start) * width;
                if let Some(merged) = merged.get_mut(&reading) {
                    let merged = &mut merged[changed.start * width..changed.end * width];
                    merged.copy_from_slice(&values[from..from + merged.len()]);
                }
            }
            (whole - sum(occluded.values(), &merged)).max(0.0)
        };
        let falls = channels.chunks(rerun.at_once()).flat_map(|channels| {
            let occluded: Vec<ScaledSeries> = channels.iter().map(occluded).collect();
            let parts: Vec<_> = occluded.iter().map(|it| it.slice(part.clone())).collect();
            let falls: Vec<f64> = occluded.iter().zip(rerun.run(&parts)).map(fall).collect();
            falls
        });
        falls.collect()
    }
}

/// So many rows more at both ends, of so many that there are.
fn widened(rows: &Range<usize>, by: usize, of: usize) -> Range<usize> {
    rows.start.saturating_sub(by)..rows.end.saturating_add(by).min(of)
}
