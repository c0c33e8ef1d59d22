use std::collections::{BTreeMap, BTreeSet};

use aster_data::{ScalerConfig, TimeSeries, WindowFold, Windows};
use burn::tensor::{Device, Tensor};

use crate::batch::gather;
use crate::{Aster, AsterConfig, Output, RowOutputs, Source, TrainError};

/// What the sources say about a series.
pub(crate) type Evidence = BTreeMap<Source, Channels>;

/// One series of values per channel, or a single one.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    pub(crate) width: usize,
    /// `[rows, width]`.
    pub(crate) values: Vec<f32>,
}

/// What the model makes of rows: `[rows, width]` of each output.
pub(crate) type Rows = BTreeMap<Output, Vec<f32>>;

impl AsterConfig {
    fn sources(&self) -> BTreeSet<Source> {
        self.score.evidence.iter().map(|piece| piece.source).collect()
    }

    /// What scoring reads of the model.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        let sources = self.sources();
        let outputs: BTreeSet<Output> =
            sources.iter().flat_map(|source| source.outputs()).copied().collect();
        outputs.into_iter().collect()
    }
}

impl Aster {
    /// The evidence that the config asks for, from scaled values `[rows, C]` and what the model
    /// makes of them.
    pub(crate) fn evidence(&self, values: &[f32], rows: &Rows, channels: usize) -> Evidence {
        let say = |source: Source| {
            let values = match source {
                Source::Reconstruction | Source::RawReconstruction => {
                    let scaler = &self.config().scaler;
                    let error = |(x, r): (&f32, &f32)| squared_error(source, scaler, *x, *r);
                    values.iter().zip(&rows[&Output::Reconstruction]).map(error).collect()
                }
                Source::Classifier => rows[&Output::Severity].clone(),
                Source::Kl => rows[&Output::Kl].clone(),
                Source::Custom => self.custom_evidence(values, rows, channels),
            };
            (source, Channels { width: source.width(channels), values })
        };
        self.config().sources().into_iter().map(say).collect()
    }

    fn custom_evidence(&self, values: &[f32], rows: &Rows, channels: usize) -> Vec<f32> {
        let reconstructions = rows[&Output::Reconstruction].chunks(channels);
        let of_tokens = rows[&Output::Severity].iter().zip(&rows[&Output::Kl]);
        let rows = values.chunks(channels).zip(reconstructions).zip(of_tokens);
        let say = |((values, reconstruction), (severity, kl)): ((_, _), (&f32, &f32))| {
            let row = RowOutputs { values, reconstruction, severity: *severity, kl: *kl };
            // A model with this source is not made without a scorer.
            let said = self.parts().scorer.as_ref().map_or(f32::MAX, |it| it.evidence(row));
            if said.is_finite() { said } else { f32::MAX }
        };
        rows.map(say).collect()
    }
}

/// The evidence of a scaled series.
pub(crate) fn evidence(
    model: &Aster,
    series: &TimeSeries,
    device: &Device,
) -> Result<Evidence, TrainError> {
    let rows = look(model, series, &model.config().outputs(), device)?;
    Ok(model.evidence(series.values(), &rows, series.channel_count()))
}

/// What the model makes of a scaled series. Memory is proportional to it, plus one batch of
/// windows.
pub(crate) fn look(
    model: &Aster,
    series: &TimeSeries,
    outputs: &[Output],
    device: &Device,
) -> Result<Rows, TrainError> {
    let config = model.config();
    let windows = Windows::new(series.rows(), config.window, config.score.stride)?;
    let width = |output: Output| output.width(series.channel_count());
    let mut folds: Vec<WindowFold> = outputs.iter().map(|x| windows.fold(width(*x))).collect();
    let numbers: Vec<usize> = (0..windows.count()).collect();
    for batch in numbers.chunks(config.score.batch) {
        look_at(model, gather(series, &windows, batch, device), outputs, |window, made| {
            for (fold, values) in folds.iter_mut().zip(made) {
                fold.add(batch[window], values);
            }
        });
    }
    Ok(outputs.iter().copied().zip(folds.into_iter().map(WindowFold::finish)).collect())
}

/// Shows the model scaled windows `[B, T, C]` and hands on what it makes of each: `[T, width]`
/// per output.
pub(crate) fn look_at(
    model: &Aster,
    windows: Tensor<3>,
    outputs: &[Output],
    mut hand_on: impl FnMut(usize, &[&[f32]]),
) {
    let [count, ..] = windows.dims();
    let made = model.outputs(windows, outputs).into_iter();
    let made: Vec<Vec<f32>> = made.map(|x| x.into_data().iter::<f32>().collect()).collect();
    let mut windows: Vec<_> = made.iter().map(|x| x.chunks(x.len() / count)).collect();
    for window in 0..count {
        let of_window: Vec<&[f32]> = windows.iter_mut().filter_map(Iterator::next).collect();
        hand_on(window, &of_window);
    }
}

/// Of two scaled values, in the source's unit, at most the largest finite number.
pub(crate) fn squared_error(source: Source, scaler: &ScalerConfig, a: f32, b: f32) -> f32 {
    let unit = |x: f32| match source {
        Source::RawReconstruction => scaler.standardised(x.into()),
        _ => f64::from(x),
    };
    (unit(a) - unit(b)).powi(2).min(f64::from(f32::MAX)) as f32
}

impl Channels {
    /// Mean of each channel over all rows.
    pub(crate) fn means(&self) -> Vec<f32> {
        let rows = (self.values.len() / self.width) as f64;
        let mean = |channel| (self.channel(channel).map(f64::from).sum::<f64>() / rows) as f32;
        (0..self.width).map(mean).collect()
    }

    /// One channel over time.
    pub(crate) fn channel(&self, channel: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(channel).step_by(self.width).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_by_channel() {
        let evidence = Channels { width: 2, values: vec![1.0, 30.0, 3.0, 10.0] };
        assert_eq!(evidence.means(), [2.0, 20.0]);
    }
}
