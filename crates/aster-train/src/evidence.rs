use std::collections::{BTreeMap, BTreeSet};

use aster_data::{ScalerConfig, TimeSeries, WindowFold, Windows};
use burn::tensor::Device;

use crate::batch::gather;
use crate::smoothing::smooth;
use crate::{Aster, AsterConfig, Output, Source, TrainError};

/// What the sources say about a series.
pub(crate) type Evidence = BTreeMap<Source, Channels>;

/// One series of values per channel, or a single one.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    pub(crate) width: usize,
    /// `[rows, width]`.
    pub(crate) values: Vec<f32>,
}

/// The evidence that the config asks for, of a scaled series. Memory is proportional to the
/// series, plus one batch of windows.
pub(crate) fn evidence(
    model: &Aster,
    series: &TimeSeries,
    device: &Device,
) -> Result<Evidence, TrainError> {
    let AsterConfig { score: config, scaler, window, .. } = model.config();
    let windows = Windows::new(series.rows(), *window, config.stride)?;
    let sources: BTreeSet<Source> = config.evidence.iter().map(|piece| piece.source).collect();
    let outputs: BTreeSet<Output> = sources.iter().map(|source| source.output()).collect();
    let outputs: Vec<Output> = outputs.into_iter().collect();
    let width = |output: Output| output.width(series.channel_count());
    let mut folds: Vec<WindowFold> = outputs.iter().map(|x| windows.fold(width(*x))).collect();
    let numbers: Vec<usize> = (0..windows.count()).collect();
    for batch in numbers.chunks(config.batch) {
        let made = model.outputs(gather(series, &windows, batch, device), &outputs);
        for (fold, made) in folds.iter_mut().zip(made) {
            let values: Vec<f32> = made.into_data().iter::<f32>().collect();
            for (window, values) in batch.iter().zip(values.chunks(values.len() / batch.len())) {
                fold.add(*window, values);
            }
        }
    }
    let rows: BTreeMap<_, _> =
        outputs.iter().zip(folds.into_iter().map(WindowFold::finish)).collect();
    let say = |source: Source| {
        let values = match source {
            Source::Reconstruction | Source::RawReconstruction => {
                let pairs = series.values().iter().zip(&rows[&Output::Reconstruction]);
                pairs.map(|(x, r)| squared_error(source, scaler, *x, *r)).collect()
            }
            Source::Classifier | Source::Kl => rows[&source.output()].clone(),
        };
        (source, Channels { width: width(source.output()), values })
    };
    Ok(sources.into_iter().map(say).collect())
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

    /// Smooths each channel over `width` rows, divides it by its norm, and joins them to one
    /// value per row by the power mean.
    pub(crate) fn join(&self, width: usize, power: f64, norms: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.values.len() / self.width];
        for (channel, norm) in norms.iter().enumerate() {
            let smoothed = smooth(self.channel(channel), width);
            for (sum, value) in sums.iter_mut().zip(smoothed) {
                *sum += (value / f64::from(*norm)).powf(power);
            }
        }
        let mean = |sum: f64| (sum / self.width as f64).powf(power.recip());
        sums.into_iter().map(|sum| mean(sum).min(f64::from(f32::MAX)) as f32).collect()
    }

    fn channel(&self, channel: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(channel).step_by(self.width).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_weighed_by_their_norms_and_joined_by_the_power_mean() {
        let evidence = Channels { width: 2, values: vec![1.0, 30.0, 3.0, 10.0] };
        assert_eq!(evidence.means(), [2.0, 20.0]);
        let join = |power| evidence.join(1, power, &[0.5, 10.0]);
        assert_eq!(join(1.0), [2.5, 3.5]);
        assert_eq!(join(2.0), [6.5f32.sqrt(), 18.5f32.sqrt()]);
    }
}
