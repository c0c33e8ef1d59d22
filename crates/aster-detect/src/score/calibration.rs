use std::collections::BTreeMap;
use std::ops::Range;

use aster_base::LARGEST;
use aster_data::ScaledSeries;
use aster_eval::{EvalError, ParetoTail};
use serde::{Deserialize, Serialize};

use crate::config::{AsterConfig, ScoreConfig, Smoothing, Source};
use crate::score::aggregation::ChannelAggregator;
use crate::score::apart::{rows_apart, rows_outside};
use crate::score::components::{ComponentValues, Components};
use crate::score::context_channels::{ContextChannels, is_constant};
use crate::score::edges::Edges;
use crate::score::filter::Filter;

/// Conversion of components of any unit to surprisals, `-ln P(X >= x)` under the distribution of
/// calibration rows. The exponential tails keep growing beyond everything these have shown,
/// where ranks would saturate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// Rows of a window.
    window: usize,
    /// Norms that the channels of each source are divided by.
    norms: BTreeMap<Source, Vec<f32>>,
    context: ContextChannels,
    /// Rows over which each component is smoothed.
    widths: Vec<usize>,
    /// Tail of each component's calibration values.
    tails: Vec<ParetoTail>,
    /// Factors of each component for the ends of a series.
    edges: Vec<Edges>,
    /// Rows of training that were left out.
    left_out: Vec<Range<usize>>,
    /// Weight of each component's surprisal; they sum to 1.
    weights: Vec<f64>,
}

impl Calibration {
    /// Fits on the scaled training series, whose rows from `first` on calibrate, and its
    /// components, which it masks. Without rows to be left out it finds those that stand apart.
    pub(crate) fn fit(
        config: &AsterConfig,
        train: &ScaledSeries,
        components: &mut Components,
        first: usize,
        left_out: Option<&[Range<usize>]>,
    ) -> Result<Self, EvalError> {
        let calendar = config.calendar_channels();
        let window = config.model.window;
        let AsterConfig { score: config, scaler, .. } = config;
        let context = ContextChannels::fit(train, config.binary_as_context, calendar);
        // Before the norms, whose floor is a share of all channels' errors.
        context.mask(components, train.values(), scaler);
        // What fusion does row by row.
        let filtered = |(source, values): (&Source, &ComponentValues)| {
            let width = values.width;
            let filter = Filter::of(*source, config, window, width)?;
            Some((*source, ComponentValues { width, values: filter.whole(&values.values) }))
        };
        let filtered: Components = components.iter().filter_map(filtered).collect();
        let errors = |source: &Source| filtered.get(source).unwrap_or(&components[source]);
        let moving = context.is_context().enumerate();
        let moving: Vec<bool> =
            moving.map(|(at, context)| !context && !is_constant(train, at)).collect();
        let norms = |values: &ComponentValues| match values.width > 1 {
            true => norms(values, config, &moving),
            false => vec![1.0; values.width],
        };
        let norms: BTreeMap<Source, Vec<f32>> =
            components.keys().map(|source| (*source, norms(errors(source)))).collect();
        let smoothing: Vec<_> = config.components.iter().map(|it| it.smoothing).collect();
        let widths = Smoothing::widths(&smoothing, train);
        let aggregated = config.components.iter().zip(&widths).map(|(component, width)| {
            let ComponentValues { width: channels, values } = errors(&component.source);
            let aggregator =
                ChannelAggregator::new(*width, config.average_waits(*width), *channels);
            aggregator.whole(values, component.power, &norms[&component.source])
        });
        let aggregated: Vec<Vec<f32>> = aggregated.collect();
        let left_out = match left_out {
            Some(rows) => rows.to_vec(),
            None => {
                let of_channels = config.components.iter().zip(&aggregated);
                let of_channels = of_channels.filter(|(it, _)| it.source.has_channels());
                rows_apart(of_channels.map(|(_, values)| &values[..]), first)
            }
        };
        let calibrating: Vec<usize> = rows_outside(&left_out, first..train.rows()).collect();
        let tail = |values: &Vec<f32>| {
            let values: Vec<f32> = calibrating.iter().map(|row| values[*row]).collect();
            ParetoTail::fit_exponential(&values, config.tail_quantile)
        };
        let tails = aggregated.iter().map(tail).collect::<Result<Vec<_>, _>>()?;
        let weights = vec![(tails.len() as f64).recip(); tails.len()];
        let edges = vec![Edges::default(); tails.len()];
        Ok(Self { window, norms, context, widths, tails, edges, left_out, weights })
    }

    /// Rows of a window.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Takes factors of a series' ends for each component.
    pub(crate) fn with_edges(self, edges: Vec<Edges>) -> Self {
        Self { edges, ..self }
    }

    /// Weighs components by numbers that are not negative; all alike where each is 0.
    pub(crate) fn with_weights(mut self, weights: &[f64]) -> Self {
        let sum: f64 = weights.iter().sum();
        if sum > 0.0 {
            self.weights = weights.iter().map(|weight| weight / sum).collect();
        }
        self
    }

    /// Takes the weight of the components of some sources, unless no other has any.
    pub(crate) fn without(self, config: &ScoreConfig, silent: impl Fn(Source) -> bool) -> Self {
        let weighed = config.components.iter().zip(&self.weights);
        let weights: Vec<f64> =
            weighed.map(|(it, weight)| if silent(it.source) { 0.0 } else { *weight }).collect();
        self.with_weights(&weights)
    }

    /// Weight of each component's surprisal.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Norms that the channels of a source are divided by.
    pub(crate) fn norms(&self, source: Source) -> &[f32] {
        self.norms.get(&source).map_or(&[], Vec::as_slice)
    }

    /// Rows over which each component is smoothed.
    pub(crate) fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Tail of each component's calibration values.
    pub(crate) fn tails(&self) -> &[ParetoTail] {
        &self.tails
    }

    /// Rows of training that were left out.
    pub(crate) fn left_out(&self) -> &[Range<usize>] {
        &self.left_out
    }

    /// Factors of each component for the ends of a series.
    pub(crate) fn edges(&self) -> &[Edges] {
        &self.edges
    }

    /// Validates a calibration that was read from outside: it was fitted on as many components of
    /// the same sources and channels.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(
        &self,
        config: &ScoreConfig,
        window: usize,
        channels: usize,
    ) -> Result<(), &'static str> {
        let known = |source: Source| {
            let sound = |norms: &Vec<f32>| {
                norms.len() == source.width(channels)
                    && norms.iter().all(|norm| norm.is_finite() && *norm > 0.0)
            };
            self.norms.get(&source).is_some_and(sound)
        };
        let counts = [self.tails.len(), self.widths.len(), self.edges.len(), self.weights.len()];
        let sum: f64 = self.weights.iter().sum();
        match () {
            () if self.window != window => Err("a calibration for windows of another length"),
            () if counts != [config.components.len(); 4] => {
                Err("a calibration of another number of components")
            }
            () if (sum - 1.0).abs() > 1e-6 || self.weights.iter().any(|weight| *weight < 0.0) => {
                Err("a calibration whose weights do not sum to 1")
            }
            () if !self.widths.iter().all(|width| (1..=LARGEST).contains(width)) => {
                Err("a calibration with a moving average of no rows, or too many")
            }
            () if self.context.channels() != channels => {
                Err("a calibration of another number of channels")
            }
            () if !config.components.iter().all(|component| known(component.source)) => {
                Err("a calibration without norms for the channels of a component")
            }
            () => {
                self.tails.iter().try_for_each(ParetoTail::validate)?;
                let known = self.edges.iter().zip(config.components.iter().zip(&self.widths));
                known.into_iter().try_for_each(|(edges, (component, width))| {
                    edges.validate(config.ends(window, component, *width).1)
                })
            }
        }
    }

    /// Makes context of the values of binary channels and calendar features.
    pub(crate) fn mask_context(
        &self,
        config: &AsterConfig,
        values: &[f32],
        components: &mut Components,
    ) {
        self.context.mask(components, values, &config.scaler);
    }
}

/// Mean of each channel and a share of the mean over all that move, never zero.
fn norms(channels: &ComponentValues, config: &ScoreConfig, moving: &[bool]) -> Vec<f32> {
    let (means, floor) = (channels.means(config.norm_quantile), config.channel_floor as f32);
    let counted = means.iter().zip(moving).filter(|(_, moving)| **moving);
    let counted: Vec<f32> = counted.map(|(mean, _)| *mean).collect();
    let floor = floor * counted.iter().sum::<f32>() / counted.len().max(1) as f32;
    means.into_iter().map(|mean| (mean + floor).max(f32::MIN_POSITIVE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ComponentConfig;
    use crate::score::fusion::Fusion;

    fn config(count: usize) -> AsterConfig {
        let components = vec![ComponentConfig::default(); count];
        let score = ScoreConfig { components, ..Default::default() };
        AsterConfig { score, ..Default::default() }
    }

    /// A series as its own error.
    fn of(width: usize, values: Vec<f32>) -> (ScaledSeries, Components) {
        let series = ScaledSeries::new(values.clone(), width).unwrap();
        (series, [(Source::Reconstruction, ComponentValues { width, values })].into())
    }

    fn fuse(
        config: &AsterConfig,
        (train, mut normal): (ScaledSeries, Components),
        (test, mut components): (ScaledSeries, Components),
    ) -> Vec<f32> {
        let calibration = Calibration::fit(config, &train, &mut normal, 0, None).unwrap();
        let channels = train.channel_count();
        assert!(calibration.validate(&config.score, 32, channels).is_ok());
        assert!(calibration.validate(&config.score, 32, channels + 1).is_err());
        calibration.mask_context(config, test.values(), &mut components);
        Fusion::whole(&config.score, &calibration, &components)
    }

    #[test]
    fn one_component_keeps_its_order_and_a_mean_of_equals_is_each() {
        let normal = || of(1, (0..1000).map(|i| (i as f32 / 1000.0).powi(2)).collect());
        let test = || of(1, vec![0.1, 0.5, 0.9, 2.0, 50.0, f32::MAX]);
        let [one, two] = [1, 2].map(|count| fuse(&config(count), normal(), test()));
        assert!(one.windows(2).all(|pair| pair[0] < pair[1]), "{one:?}");
        assert!(one.iter().all(|score| score.is_finite()));
        for (one, two) in one.iter().zip(two).take(5) {
            approx::assert_relative_eq!(*one, two, max_relative = 1e-5);
        }
    }

    #[test]
    fn components_count_by_their_weights_and_powers() {
        let (train, normal) = of(1, (0..1000).map(|i| i as f32).collect());
        let mut config = config(2);
        config.score.components[1].smoothing = Smoothing::Rows(3);
        let fit = || Calibration::fit(&config, &train, &mut normal.clone(), 0, None).unwrap();
        let mut values = vec![500.0; 9];
        values[4] = 5000.0;
        let (_, spike) = of(1, values);
        let score = |weights: [f64; 2], power: f64| {
            let mut score = config.score.clone();
            score.fusion.power = power;
            f64::from(Fusion::whole(&score, &fit().with_weights(&weights), &spike)[4])
        };
        let [a, b] = [score([1.0, 0.0], 0.5), score([0.0, 1.0], 0.5)];
        assert!(a > 2.0 * b, "a spike is more to the component that does not smooth it");
        approx::assert_relative_eq!(
            score([3.0, 1.0], 1.0),
            0.75 * a + 0.25 * b,
            max_relative = 1e-5
        );
        let root = (0.75 * a.sqrt() + 0.25 * b.sqrt()).powi(2);
        approx::assert_relative_eq!(score([3.0, 1.0], 0.5), root, max_relative = 1e-5);
        assert_eq!(score([0.0, 0.0], 0.5), score([1.0, 1.0], 0.5));
    }

    #[test]
    fn a_loud_channel_does_not_drown_a_quiet_one() {
        let quiet = |row: usize| 1.0 + (row % 7) as f32 / 7.0;
        let rows = 0..1000;
        let normal = || rows.clone().flat_map(|row| [100.0 * quiet(row + 3), quiet(row)]).collect();
        let scores = fuse(&config(1), of(2, normal()), of(2, vec![150.0, 1.0, 150.0, 9.0]));
        assert!(scores[1] > scores[0] + 5.0, "{scores:?}");
    }

    #[test]
    fn the_value_of_a_binary_channel_is_context_unless_the_config_says_otherwise() {
        let normal = || (0..1000).flat_map(|row| [f32::from(row % 100 == 0), 0.1]).collect();
        let [context, error] = [true, false].map(|binary_as_context| {
            let mut config = config(1);
            config.score.binary_as_context = binary_as_context;
            fuse(&config, of(2, normal()), of(2, vec![1.0, 0.1, 0.0, 0.1]))
        });
        assert_eq!(context[0], context[1]);
        assert!(error[0] > error[1]);
    }

    #[test]
    fn the_errors_of_binary_channels_do_not_enter_the_norms() {
        let series = ScaledSeries::new(
            (0..1000).flat_map(|row| [f32::from(row % 2 == 0), row as f32]).collect(),
            2,
        );
        let train = series.unwrap();
        let norms = |error: f32| {
            let values = (0..1000).flat_map(|_| [error, 0.5]).collect();
            let errors = ComponentValues { width: 2, values };
            let mut components = [(Source::Reconstruction, errors)].into();
            let config = config(1);
            let calibration =
                Calibration::fit(&config, &train, &mut components, 500, None).unwrap();
            calibration.norms(Source::Reconstruction).to_vec()
        };
        assert_eq!(norms(0.0), norms(1000.0));
    }

    #[test]
    fn a_channel_without_error_in_training_has_a_norm_all_the_same() {
        let channels = ComponentValues { width: 2, values: vec![0.0, 2.0, 0.0, 2.0] };
        let config = ScoreConfig { channel_floor: 0.25, ..Default::default() };
        assert_eq!(norms(&channels, &config, &[true; 2]), [0.25, 2.25]);
        // What stands still says nothing about the errors of the others.
        assert_eq!(norms(&channels, &config, &[false, true]), [0.5, 2.5]);
        let silent = ComponentValues { width: 1, values: vec![0.0; 3] };
        assert!(norms(&silent, &config, &[true])[0] > 0.0);
    }
}
