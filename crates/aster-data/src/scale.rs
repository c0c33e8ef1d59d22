use aster_base::quantile;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::series::{TimeSeries, TrainSeries, check_channels};

/// Location and spread that a [`Scaler`] divides out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScalerKind {
    /// Mean and (population) standard deviation.
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
/// `asinh`. Constant channels get a scale of 1, so they are centred and a later
/// change in them shows in their own unit.
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
    center: Vec<f32>,
    scale: Vec<f32>,
}

impl Scaler {
    /// Fits on training rows; no other type is accepted.
    pub fn fit(config: &ScalerConfig, train: &TrainSeries) -> Self {
        let (center, scale) = (0..train.channel_count())
            .map(|c| location_and_spread(config.kind, train.channel(c).map(f64::from).collect()))
            // A spread that `f32` cannot tell from 0 would scale by nothing.
            .map(|(center, scale)| (center as f32, (scale as f32).max(f32::MIN_POSITIVE)))
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
            () if self.scale.iter().any(|scale| *scale <= 0.0) => {
                Err("a scaler with a spread that is not above 0")
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
    pub fn center(&self) -> &[f32] {
        &self.center
    }

    /// Scales a series; its labels and timestamps stay.
    ///
    /// # Errors
    /// [`DataError::ChannelMismatch`] for other channels than those fitted on.
    pub fn transform(&self, series: &TimeSeries) -> Result<TimeSeries, DataError> {
        self.map(series, |x, center, scale| self.scaled(x, center, scale))
    }

    /// Scales rows `[rows, C]` in place, whose channels are taken to be those fitted on.
    pub fn transform_rows(&self, rows: &mut [f32]) {
        self.map_rows(rows, |x, center, scale| self.scaled(x, center, scale));
    }

    fn scaled(&self, x: f32, center: f32, scale: f32) -> f32 {
        let z = (x - center) / scale;
        if self.config.asinh { z.asinh() } else { z }
    }

    /// Undoes [`Scaler::transform`] up to rounding.
    ///
    /// # Errors
    /// [`DataError::ChannelMismatch`] for other channels than those fitted on.
    pub fn inverse(&self, series: &TimeSeries) -> Result<TimeSeries, DataError> {
        self.map(series, |x, center, scale| {
            self.config.standardised(x.into()) as f32 * scale + center
        })
    }

    fn map(
        &self,
        series: &TimeSeries,
        f: impl Fn(f32, f32, f32) -> f32,
    ) -> Result<TimeSeries, DataError> {
        series.check_channels(&self.channels)?;
        Ok(series.map_values(|rows| self.map_rows(rows, f)))
    }

    fn map_rows(&self, rows: &mut [f32], f: impl Fn(f32, f32, f32) -> f32) {
        for row in rows.chunks_mut(self.channels.len()) {
            for ((x, center), scale) in row.iter_mut().zip(&self.center).zip(&self.scale) {
                // A subnormal spread can overflow the quotient; the largest finite
                // value keeps the order and the series' promise to be finite.
                *x = f(*x, *center, *scale).clamp(f32::MIN, f32::MAX);
            }
        }
    }
}

fn location_and_spread(kind: ScalerKind, mut values: Vec<f64>) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    if low == high {
        return (low, 1.0);
    }
    match kind {
        ScalerKind::Standard => (mean, std),
        ScalerKind::MinMax => (low, high - low),
        ScalerKind::Robust => {
            let at = |q| quantile(&values, q).unwrap_or(mean);
            let range = at(0.75) - at(0.25);
            (at(0.5), if range > 0.0 { range } else { std })
        }
    }
}

aster_base::words!(ScalerKind);

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    fn fit(kind: ScalerKind, asinh: bool, values: &[f32]) -> (Scaler, TimeSeries) {
        let series = TimeSeries::from_slice(values, 1).unwrap();
        (Scaler::fit(&ScalerConfig { kind, asinh }, &series.clone().into_train()), series)
    }

    fn scaled(kind: ScalerKind, asinh: bool, values: &[f32]) -> Vec<f32> {
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
    fn constant_channels_are_centred() {
        for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
            assert_eq!(scaled(kind, false, &[7.1; 4]), [0.0; 4]);
        }
    }

    #[test]
    fn a_spread_that_underflows_scales_all_the_same() {
        let tiny = f32::from_bits(1);
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
        fn inverse_undoes_transform_and_order_is_kept(
            values in prop::collection::vec(-1e3f32..1e3, 2..50),
            asinh: bool,
        ) {
            for kind in [ScalerKind::Standard, ScalerKind::Robust, ScalerKind::MinMax] {
                let (scaler, series) = fit(kind, asinh, &values);
                let there = scaler.transform(&series).unwrap();
                let back = scaler.inverse(&there).unwrap();
                for (a, b) in series.values().iter().zip(back.values()) {
                    prop_assert!((a - b).abs() <= 2e-2, "{a} became {b}");
                }
                for (x, z) in values.windows(2).zip(there.values().windows(2)) {
                    prop_assert!(x[0] >= x[1] || z[0] <= z[1]);
                }
            }
        }
    }
}
