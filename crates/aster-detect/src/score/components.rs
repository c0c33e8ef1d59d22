use std::collections::{BTreeMap, BTreeSet};

use aster_base::quantile_index;
use aster_data::ScalerConfig;

use crate::components::{CustomComponents, RowOutputs};
use crate::config::{AsterConfig, Source};
use crate::score::reading::Reading;
use crate::score::walk::Outputs;

/// Values of the score's components, by what they read.
pub(crate) type Components = BTreeMap<Source, ComponentValues>;

/// Values of one component by row: one per channel, or a single one.
#[derive(Debug, Clone)]
pub(crate) struct ComponentValues {
    pub(crate) width: usize,
    /// `[rows, width]`.
    pub(crate) values: Vec<f32>,
}

/// Computes the values of the score's components from scaled rows `[rows, C]` and what was read of
/// their windows. Of a source with a filter they are what that reads: residuals, or scaled values.
pub(crate) fn component_values(
    config: &AsterConfig,
    custom: &CustomComponents,
    values: &[f32],
    outputs: &Outputs,
    channels: usize,
) -> Components {
    let sources: BTreeSet<Source> = config.score.components.iter().map(|it| it.source).collect();
    let of_rows =
        |reading: Reading| outputs[&reading].iter().copied().map(finite).collect::<Vec<f32>>();
    let of_source = |source: Source| {
        let values = match source {
            Source::Reconstruction | Source::RawReconstruction => {
                let error = |(x, r): (&f32, &f32)| squared_error(source, &config.scaler, *x, *r);
                values.iter().zip(&outputs[&Reading::Reconstruction]).map(error).collect()
            }
            Source::DetrendedReconstruction => {
                let residual = |(x, r): (&f32, &f32)| finite(x - r);
                values.iter().zip(&outputs[&Reading::Reconstruction]).map(residual).collect()
            }
            Source::Deviation => values.iter().map(|x| x.powi(2).min(f32::MAX)).collect(),
            Source::Change => values.to_vec(),
            Source::MemoryBank => of_rows(Reading::BankDistance),
            Source::Subsequence | Source::SubsequenceMean => of_rows(Reading::SubsequenceDistance),
            Source::CentredSubsequence | Source::CentredSubsequenceMean => {
                of_rows(Reading::CentredDistance)
            }
            Source::Classifier => of_rows(Reading::Severity),
            Source::Custom => custom_values(custom, values, outputs, channels),
        };
        (source, ComponentValues { width: source.width(channels), values })
    };
    sources.into_iter().map(of_source).collect()
}

fn custom_values(
    custom: &CustomComponents,
    values: &[f32],
    outputs: &Outputs,
    channels: usize,
) -> Vec<f32> {
    let reconstructions = outputs[&Reading::Reconstruction].chunks(channels);
    let rows = values.chunks(channels).zip(reconstructions).zip(&outputs[&Reading::Severity]);
    let score = |((values, reconstruction), severity): ((_, _), &f32)| {
        let row = RowOutputs { values, reconstruction, severity: *severity };
        // A detector with this source is not made without a scorer.
        let score = custom.scorer.as_ref().map_or(f32::MAX, |scorer| scorer.score(row));
        finite(score)
    };
    rows.map(score).collect()
}

/// What the network cannot tell, of rows beyond all that it has seen, is as anomalous as can be.
fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { f32::MAX }
}

/// Squared difference of two scaled values, in the source's unit, at most the largest finite
/// number.
pub(crate) fn squared_error(source: Source, scaler: &ScalerConfig, a: f32, b: f32) -> f32 {
    let unit = |x: f32| match source {
        Source::RawReconstruction => scaler.standardised(x.into()),
        _ => f64::from(x),
    };
    (unit(a) - unit(b)).powi(2).min(f64::from(f32::MAX)) as f32
}

impl ComponentValues {
    /// Mean of each channel over all rows, of which those beyond a quantile count as that.
    pub(crate) fn means(&self, quantile: f64) -> Vec<f32> {
        let rows = self.values.len() / self.width;
        let mean = |channel| {
            let mut values: Vec<f32> = self.channel(channel).collect();
            let at = quantile_index(rows, quantile);
            let most = *values.select_nth_unstable_by(at, f32::total_cmp).1;
            let sum = values.iter().map(|value| f64::from(value.min(most))).sum::<f64>();
            (sum / rows as f64) as f32
        };
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
    use crate::config::ComponentConfig;

    #[test]
    fn what_the_network_cannot_tell_is_as_anomalous_as_can_be() {
        let mut config = AsterConfig::default();
        let sources = [Source::Reconstruction, Source::Classifier];
        let component = |source| ComponentConfig { source, ..Default::default() };
        config.score.components = sources.map(component).to_vec();
        let outputs = [
            (Reading::Reconstruction, vec![1.0, f32::NAN, f32::INFINITY]),
            (Reading::Severity, vec![0.5, f32::NAN, f32::NEG_INFINITY]),
        ];
        let custom = CustomComponents::default();
        let values = component_values(&config, &custom, &[1.0; 3], &outputs.into(), 1);
        assert_eq!(values[&Source::Reconstruction].values, [0.0, f32::MAX, f32::MAX]);
        assert_eq!(values[&Source::Classifier].values, [0.5, f32::MAX, f32::MAX]);
    }

    #[test]
    fn means_are_by_channel_and_bear_a_glitch() {
        let values = ComponentValues { width: 2, values: vec![1.0, 30.0, 3.0, 10.0] };
        assert_eq!(values.means(1.0), [2.0, 20.0]);
        let values = (0..200).map(|row| if row == 77 { 1e9 } else { 1.0 }).collect();
        assert_eq!(ComponentValues { width: 1, values }.means(0.995), [1.0]);
    }
}
