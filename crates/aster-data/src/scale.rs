use aster_base::quantile;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::scaled::ScaledSeries;
use crate::series::{TimeSeries, TrainSeries, check_channels};

/// Location and spread that a [`Scaler`] divides out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScalerKind {
    /// Mean and (population) standard deviation of the values, of which those further from the
    /// median than 30 times the spread of the middle four fifths count as that far (Winsorised):
    /// a glitch in training does not make its channel deaf.
    #[default]
    Standard,
    /// Median and interquartile range; the standard deviation where the range
    /// is zero but the channel is not constant.
    Robust,
    /// Minimum and range: training values land in [0, 1].
    MinMax,
}

/// Choice of the scaling (normalisation) of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ScalerConfig {
    /// Location and spread. Default: standard.
    pub kind: ScalerKind,
    /// Whether `asinh` follows: nearly linear inside ±1, logarithmic far out, so
    /// that a drift of fifty standard deviations keeps its order and stays kind
    /// to gradients where a clip would erase it. Default: `true`.
    pub asinh: bool,
}

impl Default for ScalerConfig {
    fn default() -> Self {
        Self { kind: ScalerKind::Standard, asinh: true }
    }
}

impl ScalerConfig {
    /// Returns a scaled value in units of its channel's training spread: undoes `asinh`
    /// where configured, not the centring.
    pub fn standardised(&self, scaled: f64) -> f64 {
        if self.asinh { scaled.sinh() } else { scaled }
    }
}

/// Per-channel scaling `x -> (x - center) / scale`, optionally followed by
/// `asinh`, which does not depend on the unit of a channel or on what is added to it.
///
/// Nothing is known of how far a channel that was constant may move: it becomes 0 where it has its
/// value of training, within a billionth of it, else 1 or -1 by the side.
///
/// ```
/// use aster_data::{Scaler, ScalerConfig, TimeSeries};
///
/// let train = TimeSeries::from_slice(&[1.0, 2.0, 3.0], 1)?.into_train();
/// let scaler = Scaler::fit(&ScalerConfig { asinh: false, ..Default::default() }, &train);
/// let scaled = scaler.transform(&TimeSeries::from_slice(&[2.0], 1)?)?;
/// assert_eq!(scaled.values(), [0.0]);
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    config: ScalerConfig,
    channels: Vec<String>,
    center: Vec<f64>,
    /// 0 for a channel that was constant.
    scale: Vec<f64>,
}

impl Scaler {
    /// Fits on training rows; no other type is accepted.
    pub fn fit(config: &ScalerConfig, train: &TrainSeries) -> Self {
        let (center, scale) = (0..train.channel_count())
            .map(|c| location_and_spread(config.kind, train.channel(c).collect()))
            .unzip();
        Self { config: *config, channels: train.channels().to_vec(), center, scale }
    }

    /// Validates a scaler that was read from outside: it could have been fitted.
    ///
    /// # Errors
    /// What cannot have come from a fit, in words.
    pub fn validate(&self) -> Result<(), &'static str> {
        let channels = self.channels.len();
        let finite = self.center.iter().chain(&self.scale).all(|number| number.is_finite());
        match () {
            () if channels == 0 => Err("a scaler of no channel"),
            () if [self.center.len(), self.scale.len()] != [channels; 2] => {
                Err("a scaler with other than one location and spread per channel")
            }
            () if !finite => Err("a scaler with a number that is not finite"),
            () if self.scale.iter().any(|scale| *scale < 0.0) => {
                Err("a scaler with a spread below 0")
            }
            () => Ok(()),
        }
    }

    /// Returns the channels that it was fitted on, in order.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Checks that it was fitted on exactly these channels, in order.
    ///
    /// # Errors
    /// [`DataError::ChannelMismatch`], naming what is missing and unexpected.
    pub fn check_channels(&self, expected: &[String]) -> Result<(), DataError> {
        check_channels(&self.channels, expected)
    }

    /// Returns the location of each channel, which scaling takes to 0, `[C]`.
    pub fn center(&self) -> &[f64] {
        &self.center
    }

    /// Scales a series.
    ///
    /// # Errors
    /// [`DataError::ChannelMismatch`] for other channels than those fitted on.
    pub fn transform(&self, series: &TimeSeries) -> Result<ScaledSeries, DataError> {
        series.check_channels(&self.channels)?;
        let mut scaled = vec![0.0; series.values().len()];
        // Rows of a few pages at a time.
        let size = self.channels.len() * 512;
        let parts = scaled.par_chunks_mut(size).zip(series.values().par_chunks(size));
        parts.for_each(|(scaled, rows)| self.transform_rows(rows, scaled));
        ScaledSeries::new(scaled, self.channels.len())
    }

    /// Scales rows `[rows, C]`, whose channels are taken to be those fitted on.
    pub fn transform_rows(&self, rows: &[f64], scaled: &mut [f32]) {
        let c = self.channels.len();
        for (row, scaled) in rows.chunks(c).zip(scaled.chunks_mut(c)) {
            let known = self.center.iter().zip(&self.scale);
            for ((x, scaled), (center, scale)) in row.iter().zip(scaled).zip(known) {
                *scaled = self.scaled(*x, *center, *scale);
            }
        }
    }

    /// Returns the value of a channel that scales to this one; none of a channel that was constant.
    pub fn unscaled(&self, channel: usize, scaled: f32) -> Option<f64> {
        let (center, scale) = (self.center.get(channel)?, self.scale.get(channel)?);
        let moved = || self.config.standardised(scaled.into()) * scale;
        (*scale > 0.0).then(|| center + moved())
    }

    fn scaled(&self, x: f64, center: f64, scale: f64) -> f32 {
        let moved = x - center;
        let z = match scale > 0.0 {
            true => moved / scale,
            false if moved.abs() <= 1e-9 * center.abs() => 0.0,
            false => moved.signum(),
        };
        let z = if self.config.asinh && scale > 0.0 { z.asinh() } else { z };
        // Far out the largest finite number keeps the promise to be finite.
        z.clamp(f32::MIN.into(), f32::MAX.into()) as f32
    }
}

/// Spreads from the median beyond which training values count as that far: further than any that
/// is part of a channel's normal life, however heavy its tails.
const OUTLIER: f64 = 30.0;

fn location_and_spread(kind: ScalerKind, mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    if low == high {
        return (low, 0.0);
    }
    let at = |q| quantile(&values, q).unwrap_or(low);
    let (median, middle) = (at(0.5), at(0.75) - at(0.25));
    // That of a normal distribution's middle four fifths is its standard deviation.
    let spread = (at(0.9) - at(0.1)) / 2.563;
    match kind {
        ScalerKind::MinMax => (low, high - low),
        ScalerKind::Robust if middle > 0.0 => (median, middle),
        ScalerKind::Standard if spread > 0.0 => {
            let far = OUTLIER * spread;
            mean_and_deviation(values.iter().map(|value| value.clamp(median - far, median + far)))
        }
        ScalerKind::Robust => (median, mean_and_deviation(values.iter().copied()).1),
        ScalerKind::Standard => mean_and_deviation(values.iter().copied()),
    }
}

fn mean_and_deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.len() as f64;
    // About one of the values, so that an offset costs no digits.
    let origin = values.clone().next().unwrap_or(0.0);
    let mean = origin + values.clone().map(|value| value - origin).sum::<f64>() / n;
    let square = values.map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    // A spread that underflows is still one.
    (mean, square.sqrt().max(f64::MIN_POSITIVE))
}

aster_base::words!(ScalerKind);

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    fn fit(kind: ScalerKind, asinh: bool, values: &[f64]) -> (Scaler, TimeSeries) {
        let series = TimeSeries::from_slice(values, 1).unwrap();
        (Scaler::fit(&ScalerConfig { kind, asinh }, &series.clone().into_train()), series)
    }

    fn scaled(kind: ScalerKind, asinh: bool, values: &[f64]) -> Vec<f32> {
        let (scaler, series) = fit(kind, asinh, values);
        scaler.transform(&series).unwrap().values().to_vec()
    }

    #[test]
    fn exact_small_cases() {
        assert_eq!(scaled(ScalerKind::Standard, false, &[1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(scaled(ScalerKind::MinMax, false, &[2.0, 4.0, 6.0]), [0.0, 0.5, 1.0]);
        assert_eq!(
            scaled(ScalerKind::Robust, false, &[0.0, 1.0, 2.0, 3.0, 4.0]),
            [-1.0, -0.5, 0.0, 0.5, 1.0]
        );
        assert_eq!(
            scaled(ScalerKind::Standard, true, &[1.0, 3.0]),
            [-(1f32.asinh()), 1f32.asinh()]
        );
    }

    #[test]
    fn a_glitch_in_training_does_not_widen_the_scale() {
        let wave = |row: usize| (row as f64 / 7.0).sin();
        let plain: Vec<f64> = (0..300).map(wave).collect();
        let (plain, glitch) = (fit(ScalerKind::Standard, false, &plain).0, {
            let values: Vec<f64> =
                (0..300).map(|row| if row == 100 { -9999.0 } else { wave(row) }).collect();
            fit(ScalerKind::Standard, false, &values).0
        });
        assert!((glitch.center[0] - plain.center[0]).abs() < 0.2 * plain.scale[0], "{glitch:?}");
        assert!((1.0..2.2).contains(&(glitch.scale[0] / plain.scale[0])), "{glitch:?}");
        // Bursts in a tenth of the rows are part of a channel's life.
        let bursts: Vec<f64> =
            (0..300).map(|row| if row % 9 == 0 { 500.0 } else { wave(row) }).collect();
        assert!(fit(ScalerKind::Standard, false, &bursts).0.scale[0] > 100.0);
    }

    #[test]
    fn constant_channels_tell_that_they_have_moved_whatever_their_unit() {
        for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
            for unit in [1e-6, 1.0, 1e6] {
                let (scaler, _) = fit(kind, true, &[7.1 * unit; 4]);
                let moved = [7.1, 7.2, 7000.0, -3.0, 7.1 + 1e-12].map(|x| x * unit);
                let moved = scaler.transform(&TimeSeries::from_slice(&moved, 1).unwrap()).unwrap();
                assert_eq!(moved.values(), [0.0, 1.0, 1.0, -1.0, 0.0]);
            }
        }
    }

    #[test]
    fn a_spread_that_underflows_scales_all_the_same() {
        let tiny = f64::from_bits(1);
        for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
            let mut values = vec![0.0; 99];
            values.push(tiny);
            let scaled = scaled(kind, false, &values);
            assert!(scaled.iter().all(|value| value.is_finite()), "{kind:?}: {scaled:?}");
            let (scaler, _) = fit(kind, false, &values);
            assert!(scaler.validate().is_ok(), "{kind:?}");
        }
    }

    #[test]
    fn robust_falls_back_when_most_values_agree() {
        let mut values = vec![0.0; 99];
        values.push(10.0);
        let spread = scaled(ScalerKind::Robust, false, &values)[99];
        assert_relative_eq!(spread, 10.0 / 0.995, max_relative = 1e-3);
    }

    #[test]
    fn other_channels_are_refused() {
        let (scaler, _) = fit(ScalerKind::Standard, true, &[0.0, 1.0]);
        let other = TimeSeries::from_slice(&[0.0, 1.0], 2).unwrap();
        assert!(matches!(scaler.transform(&other), Err(DataError::ChannelMismatch { .. })));
    }

    proptest! {
        #[test]
        fn unit_and_offset_of_a_channel_do_not_matter(
            values in prop::collection::vec(-1e3f64..1e3, 3..50),
            unit in prop::sample::select(vec![1e-6, 1e-3, 1.0, 1e6]),
            offset in prop::sample::select(vec![0.0, 1e3, -1e9]),
            asinh: bool,
        ) {
            // As far as 64 bits hold: what an offset of a billion leaves of the digits.
            let moved: Vec<f64> = values.iter().map(|x| unit * (x + offset)).collect();
            for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
                let (scaler, _) = fit(kind, asinh, &values);
                prop_assume!(scaler.scale[0] > 1.0);
                for (a, b) in scaled(kind, asinh, &values).iter().zip(scaled(kind, asinh, &moved)) {
                    prop_assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{a} became {b}");
                }
            }
        }

        #[test]
        fn order_is_kept(values in prop::collection::vec(-1e3f64..1e3, 2..50), asinh: bool) {
            for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
                let scaled = scaled(kind, asinh, &values);
                for (x, z) in values.windows(2).zip(scaled.windows(2)) {
                    prop_assert!(x[0] >= x[1] || z[0] <= z[1]);
                }
            }
        }
    }
}
