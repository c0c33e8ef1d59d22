use std::fmt;
use std::ops::Range;

use aster_base::SettingError;
use aster_data::{DataError, ScaledSeries, TimeSeries};
use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::score::{Components, Filter, MovingMean, channel_part, joined_parts};

/// Method that attributes scores to channels (root-cause analysis).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// Decomposition of the score: what each component adds to it is shared among the channels as
    /// their errors make up its power mean (ours). Costs no more than scoring.
    #[default]
    Reconstruction,
    /// Gradient times input of the classifier's severity, absolute values over the interval
    /// (Shrikumar et al., 2016). One backward pass; needs feature `gradients`.
    GradientInput,
    /// Fall of the score when the channel is replaced by its reconstruction (after Zeiler & Fergus,
    /// ECCV 2014). Runs the network on the windows around the rows once per channel.
    Occlusion,
}

/// Contribution of a channel to the scores of some rows. As text: `flow 67 %`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contribution {
    /// Name of the channel.
    pub channel: String,
    /// Share of the channel: those of all channels add up to 1, or are all 0.
    pub share: f64,
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {:.0} %", self.channel, 100.0 * self.share)
    }
}

impl Detector {
    /// Attributes the scores of some rows to channels, the largest contribution first.
    ///
    /// # Errors
    /// Rows that the series does not have, other channels than those trained on, a method that
    /// the detector does not support ([`Detector::supports`]).
    pub fn attribute(
        &self,
        series: &TimeSeries,
        rows: Range<usize>,
        method: Attribution,
    ) -> Result<Vec<Contribution>, DetectError> {
        self.attribute_inputs(&*self.trained.with_calendar(series)?, rows, method)
    }

    /// Attributes the scores of rows of a series that has its calendar features.
    pub(crate) fn attribute_inputs(
        &self,
        series: &TimeSeries,
        rows: Range<usize>,
        method: Attribution,
    ) -> Result<Vec<Contribution>, DetectError> {
        let around = self.around(&rows, series.rows());
        if rows.is_empty() || rows.end > series.rows() {
            let what = "rows to attribute";
            return Err(DataError::Length { what, expected: series.rows(), got: rows.end }.into());
        }
        let near = self.scaled_part(series, &around)?;
        let rows = rows.start - around.start..rows.end - around.start;
        let mut shares = match method {
            Attribution::Reconstruction => self.by_reconstruction(&near, rows)?,
            Attribution::GradientInput => self.by_gradient(&near, rows)?,
            Attribution::Occlusion => self.by_occlusion(&near, rows),
        };
        shares.truncate(self.channels().len());
        let total: f64 = shares.iter().sum();
        let share = |share: f64| if total > 0.0 { share / total } else { 0.0 };
        let named = self.channels().iter().cloned().zip(shares);
        let mut contributions: Vec<Contribution> =
            named.map(|(channel, x)| Contribution { channel, share: share(x) }).collect();
        contributions.sort_by(|a, b| b.share.total_cmp(&a.share));
        Ok(contributions)
    }

    /// Scales some rows of a series with its calendar features, of which the first may be prepared
    /// after the one before it.
    pub(crate) fn scaled_part(
        &self,
        series: &TimeSeries,
        rows: &Range<usize>,
    ) -> Result<ScaledSeries, DetectError> {
        let before = rows.start.saturating_sub(1);
        let part = series.slice(before..rows.end)?;
        let prepared = self.trained.preparation.prepare(&part)?;
        let prepared = prepared.slice(rows.start - before..part.rows())?;
        Ok(self.trained.scaler.transform(&prepared)?)
    }

    /// Returns whether [`Detector::attribute`] supports a method.
    ///
    /// Decomposition needs a component of the score with channels, gradients need feature
    /// `gradients`.
    pub fn supports(&self, method: Attribution) -> bool {
        match method {
            Attribution::Reconstruction => self
                .config()
                .score
                .components
                .iter()
                .any(|component| component.source.has_channels()),
            Attribution::GradientInput => cfg!(feature = "gradients"),
            Attribution::Occlusion => true,
        }
    }

    /// How many rows before and after its own bear on a row's score: those of its windows, of the
    /// averages over them, and the one that a change is from.
    pub(crate) fn reach(&self) -> (usize, usize) {
        let (score, window) = (&self.config().score, self.config().model.window);
        let known = score.components.iter().zip(self.calibration.widths());
        let before = known.map(|(component, width)| score.before(window, component, *width)).max();
        // A window that is moved back to end with a series begins up to a window earlier.
        (2 * window + before.unwrap_or(0), window + self.averages_wait())
    }

    fn by_reconstruction(
        &self,
        near: &ScaledSeries,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, DetectError> {
        if !self.supports(Attribution::Reconstruction) {
            let expected = "a reconstruction, whose errors have channels";
            return Err(SettingError::new("score.components", expected, "none").into());
        }
        Ok(self.shares(self.read_components(near).0, rows))
    }

    /// Parts of the channels in the scores of rows, from the components of those and what lies around
    /// them, `[C]`, of which those of calendar features, the last, are 0.
    pub(crate) fn shares(&self, mut values: Components, rows: Range<usize>) -> Vec<f64> {
        let (config, calibration) = (&self.config().score, &self.calibration);
        let c = self.input_count();
        for (source, values) in &mut values {
            if let Some(filter) = Filter::of(*source, config, calibration.window(), values.width) {
                values.values = filter.whole(&values.values);
            }
        }
        let mut shares = vec![0.0; c];
        let fitted =
            calibration.widths().iter().zip(calibration.tails()).zip(calibration.weights());
        let known = config.components.iter().zip(fitted);
        for (component, ((width, tail), weight)) in known.filter(|(it, _)| it.source.has_channels())
        {
            let norms = calibration.norms(component.source).iter();
            let parts: Vec<Vec<f64>> = norms
                .enumerate()
                .map(|(channel, norm)| {
                    let errors = values[&component.source].channel(channel).map(f64::from);
                    let smooth =
                        MovingMean::new(*width, config.average_waits(*width)).whole(errors);
                    let scaled = smooth.into_iter().map(|x| x / f64::from(*norm));
                    scaled.map(|x| channel_part(x, component.power)).collect()
                })
                .collect();
            for row in rows.clone() {
                let sum: f64 = parts.iter().map(|part| part[row]).sum();
                let surprisal = tail.surprisal(joined_parts(sum / c as f64, component.power));
                let part_of_score = weight * surprisal.powf(config.fusion.power);
                for (share, part) in shares.iter_mut().zip(&parts) {
                    *share += if sum > 0.0 { part_of_score * part[row] / sum } else { 0.0 };
                }
            }
        }
        shares
    }

    /// Rows that the scores of some depend on.
    pub(crate) fn around(&self, rows: &Range<usize>, of: usize) -> Range<usize> {
        let (before, after) = self.reach();
        let start = rows.start.saturating_sub(before);
        // Windows lie where they lie in the whole series.
        let start = start - start % self.windows.stride();
        start..rows.end.saturating_add(after).min(of)
    }

    #[cfg(not(feature = "gradients"))]
    fn by_gradient(&self, _: &ScaledSeries, _: Range<usize>) -> Result<Vec<f64>, DetectError> {
        Err(DetectError::Feature { what: "attribution by gradients", feature: "gradients" })
    }

    #[cfg(feature = "gradients")]
    fn by_gradient(
        &self,
        near: &ScaledSeries,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, DetectError> {
        use burn::module::Module;
        use burn::tensor::{Tensor, TensorData};

        let (window, c) = (self.config().model.window, near.channel_count());
        // Windows side by side that cover the rows; short ones repeat their last row.
        let starts =
            rows.clone().step_by(window).map(|start| start.min(near.rows().saturating_sub(window)));
        let starts: Vec<usize> = starts.collect();
        let mut values = vec![];
        for start in &starts {
            self.windows.gather(&near.values()[start * c..], c, &mut values);
        }
        let device = self.trained.device.clone().autodiff();
        let data = TensorData::new(values.clone(), [starts.len(), window, c]);
        let windows = Tensor::<3>::from_data(data, &device).require_grad();
        let model = self.model().clone().fork(&device);
        let severity = model.severity(windows.clone());
        let grads = severity.sum().backward();
        let Some(grad) = windows.grad(&grads) else { return Ok(vec![0.0; c]) };
        let grad: Vec<f32> = grad.into_data().iter::<f32>().collect();
        let mut shares = vec![0.0; c];
        for (place, (gradient, value)) in grad.iter().zip(&values).enumerate() {
            let (window_number, within) = (place / (window * c), place / c % window);
            // Rows of a window that is moved back count from where it was due.
            let due = rows.start + window_number * window;
            if (due..rows.end).contains(&(starts[window_number] + within)) {
                shares[place % c] += f64::from((gradient * value).abs());
            }
        }
        Ok(shares)
    }
}

aster_base::words!(Attribution);
