//! Which channels make an interval anomalous.

use std::fmt;
use std::ops::Range;

use aster_data::{DataError, TimeSeries};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::evidence::{evidence, look};
use crate::smoothing::MovingMean;
use crate::{Detector, EvidenceConfig, Output, TrainError};

/// How channels are blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The score is taken apart: each piece of evidence is shared among the channels as their
    /// errors make up its power mean (ours). Costs no more than scoring.
    #[default]
    Reconstruction,
    /// Gradient times input of the classifier's severity, absolute values over the interval
    /// (Shrikumar et al., 2016). One backward pass.
    GradientInput,
    /// By how much the score falls when the channel is what the model reconstructs of it
    /// (after Zeiler & Fergus, ECCV 2014). Scores the neighbourhood once per channel.
    Occlusion,
}

/// A channel's part in an anomaly. As text: `flow 67 %`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    /// The channel.
    pub channel: String,
    /// Its share: those of all channels add up to 1, or are all 0.
    pub share: f64,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {:.0} %", self.channel, 100.0 * self.share)
    }
}

impl Detector {
    /// The channels by their part in the scores of some rows, the largest first.
    ///
    /// # Errors
    /// Rows that the series does not have, other channels than those trained on; for
    /// [`Attribution::Reconstruction`] a score without evidence by channel.
    pub fn blame(
        &self,
        series: &TimeSeries,
        rows: Range<usize>,
        attribution: Attribution,
    ) -> Result<Vec<Blame>, TrainError> {
        // Rows further away do not bear on the scores of these.
        let reach = self.reach();
        let start = rows.start.saturating_sub(reach);
        // Windows lie where they lie in the whole series.
        let start = start - start % self.config().score.stride;
        let around = start..rows.end.saturating_add(reach).min(series.rows());
        if rows.is_empty() || rows.end > series.rows() {
            let what = "rows to blame";
            return Err(DataError::Length { what, expected: series.rows(), got: rows.end }.into());
        }
        let near = self.scaler.transform(&series.slice(around.clone())?)?;
        let rows = rows.start - around.start..rows.end - around.start;
        let shares = match attribution {
            Attribution::Reconstruction => self.by_reconstruction(&near, rows)?,
            Attribution::GradientInput => self.by_gradient(&near, rows),
            Attribution::Occlusion => self.by_occlusion(&near, rows)?,
        };
        let total: f64 = shares.iter().sum();
        let share = |share: f64| if total > 0.0 { share / total } else { 0.0 };
        let named = self.channels().iter().cloned().zip(shares);
        let mut blames: Vec<Blame> =
            named.map(|(channel, x)| Blame { channel, share: share(x) }).collect();
        blames.sort_by(|a, b| b.share.total_cmp(&a.share));
        Ok(blames)
    }

    /// Whether [`Detector::blame`] can name channels so: the score may be of evidence that has
    /// none.
    pub fn blames(&self, attribution: Attribution) -> bool {
        let by_channel = |piece: &EvidenceConfig| piece.source.has_channels();
        attribution != Attribution::Reconstruction
            || self.config().score.evidence.iter().any(by_channel)
    }

    /// How far a row can lie from another and still bear on its score, rounded up.
    fn reach(&self) -> usize {
        2 * self.config().window + self.calibration.widths().iter().max().unwrap_or(&0)
    }

    fn by_reconstruction(
        &self,
        near: &TimeSeries,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, TrainError> {
        let (config, calibration, c) = (self.config(), &self.calibration, near.channel_count());
        let mut evidence = evidence(&self.model, near, &self.device)?;
        calibration.settle(config, near.values(), &mut evidence);
        let mut shares = vec![0.0; c];
        let pieces =
            config.score.evidence.iter().zip(calibration.widths()).zip(calibration.tails());
        if !self.blames(Attribution::Reconstruction) {
            return Err(TrainError::Setting {
                name: "evidence",
                expected: "a reconstruction, whose errors have channels".into(),
                got: "none".into(),
            });
        }
        for ((piece, width), tail) in pieces.filter(|((piece, _), _)| piece.source.has_channels()) {
            let norms = calibration.norms(piece.source).iter();
            let parts: Vec<Vec<f64>> = norms
                .enumerate()
                .map(|(channel, norm)| {
                    let errors = evidence[&piece.source].channel(channel).map(f64::from);
                    let smooth = MovingMean::new(*width, config.score.alignment).whole(errors);
                    smooth.into_iter().map(|x| (x / f64::from(*norm)).powf(piece.power)).collect()
                })
                .collect();
            for row in rows.clone() {
                let sum: f64 = parts.iter().map(|part| part[row]).sum();
                let joined = (sum / c as f64).powf(piece.power.recip()).min(f64::from(f32::MAX));
                let said = tail.surprise(joined as f32);
                for (share, part) in shares.iter_mut().zip(&parts) {
                    *share += if sum > 0.0 { said * part[row] / sum } else { 0.0 };
                }
            }
        }
        Ok(shares)
    }

    fn by_gradient(&self, near: &TimeSeries, rows: Range<usize>) -> Vec<f64> {
        let (window, c) = (self.config().window, near.channel_count());
        // Windows side by side that cover the rows; short ones repeat their last row.
        let starts =
            rows.clone().step_by(window).map(|start| start.min(near.rows().saturating_sub(window)));
        let starts: Vec<usize> = starts.collect();
        let row = |row: usize| near.row(row.min(near.rows() - 1));
        let values: Vec<f32> = starts
            .iter()
            .flat_map(|start| (*start..start + window).flat_map(row))
            .copied()
            .collect();
        let device = self.device.clone().autodiff();
        let data = TensorData::new(values.clone(), [starts.len(), window, c]);
        let windows = Tensor::<3>::from_data(data, &device).require_grad();
        let model = self.model.clone().fork(&device);
        let severity = model.severity(windows.clone());
        let grads = severity.sum().backward();
        let Some(grad) = windows.grad(&grads) else { return vec![0.0; c] };
        let grad: Vec<f32> = grad.into_data().iter::<f32>().collect();
        let mut shares = vec![0.0; c];
        for (place, (gradient, value)) in grad.iter().zip(&values).enumerate() {
            let (window_number, within) = (place / (window * c), place / c % window);
            if rows.contains(&(starts[window_number] + within)) {
                shares[place % c] += f64::from((gradient * value).abs());
            }
        }
        shares
    }

    fn by_occlusion(&self, near: &TimeSeries, rows: Range<usize>) -> Result<Vec<f64>, TrainError> {
        let c = near.channel_count();
        let sum = |series: &TimeSeries| -> Result<f64, TrainError> {
            let evidence = evidence(&self.model, series, &self.device)?;
            let scores = self.calibration.fuse(self.config(), series, evidence);
            Ok(scores[rows.clone()].iter().map(|score| f64::from(*score)).sum())
        };
        let whole = sum(near)?;
        let made = look(&self.model, near, &[Output::Reconstruction], &self.device)?;
        let reconstruction = &made[&Output::Reconstruction];
        let fall = |channel: usize| -> Result<f64, TrainError> {
            let mut values = near.values().to_vec();
            for row in rows.clone() {
                values[row * c + channel] = reconstruction[row * c + channel];
            }
            let occluded = TimeSeries::new(near.channels().to_vec(), values)?;
            Ok((whole - sum(&occluded)?).max(0.0))
        };
        (0..c).map(fall).collect()
    }
}
