use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::{ComponentConfig, ScoreConfig, Source};
use crate::score::aggregation::ChannelAggregator;
use crate::score::calibration::Calibration;
use crate::score::components::Components;
use crate::score::filter::Filter;

/// Weighted power mean of the components' surprisals, row by row: the same for a series and for a
/// stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    /// Filters of the sources that have one.
    filters: BTreeMap<Source, Filter>,
    aggregators: Vec<ChannelAggregator>,
    /// Rows of which each component has had a value.
    rows: Vec<usize>,
    /// Per-component surprisals, in nats, of rows for which slower components have no value yet.
    pending: Vec<VecDeque<f64>>,
}

impl Fusion {
    pub(crate) fn new(config: &ScoreConfig, calibration: &Calibration) -> Self {
        let aggregator = |(component, width): (&ComponentConfig, &usize)| {
            let channels = calibration.norms(component.source).len();
            ChannelAggregator::new(*width, config.average_waits(*width), channels)
        };
        let known = config.components.iter().zip(calibration.widths());
        let aggregators: Vec<_> = known.map(aggregator).collect();
        let filter = |component: &ComponentConfig| {
            let channels = calibration.norms(component.source).len();
            Filter::of(component.source, config, calibration.window(), channels)
                .map(|it| (component.source, it))
        };
        let filters = config.components.iter().filter_map(filter).collect();
        let count = aggregators.len();
        Self { filters, aggregators, rows: vec![0; count], pending: vec![VecDeque::new(); count] }
    }

    /// Takes the components of the next rows; returns the scores of those that have waited for
    /// them.
    pub(crate) fn push(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<f32> {
        self.take(config, calibration, components);
        self.means(config, calibration)
    }

    /// Takes the components of the last rows; returns the scores of all that have waited.
    pub(crate) fn end(
        mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<f32> {
        self.take(config, calibration, components);
        self.finish(config, calibration);
        self.means(config, calibration)
    }

    fn take(&mut self, config: &ScoreConfig, calibration: &Calibration, components: &Components) {
        let filtered = self.filtered(|source, filter| filter.push(&components[source].values));
        self.for_each_component(config, calibration, |aggregator, component, norms, update| {
            let source = &component.source;
            let values = filtered.get(source).unwrap_or(&components[source].values);
            for row in values.chunks(norms.len()) {
                aggregator.push(row, component.power, norms).into_iter().for_each(&mut *update);
            }
        });
    }

    fn finish(&mut self, config: &ScoreConfig, calibration: &Calibration) {
        let drained = self.filtered(|_, filter| filter.drain());
        self.for_each_component(config, calibration, |aggregator, component, norms, update| {
            if let Some(values) = drained.get(&component.source) {
                for row in values.chunks(norms.len()) {
                    aggregator.push(row, component.power, norms).into_iter().for_each(&mut *update);
                }
            }
            std::iter::from_fn(|| aggregator.drain(component.power, norms)).for_each(&mut *update);
        });
        for (pending, edges) in self.pending.iter_mut().zip(calibration.edges()) {
            pending.iter_mut().rev().zip(edges.last()).for_each(|(last, factor)| *last /= factor);
        }
    }

    /// Applies a function to each filter; returns the values by source.
    fn filtered(
        &mut self,
        of: impl Fn(&Source, &mut Filter) -> Vec<f32>,
    ) -> BTreeMap<Source, Vec<f32>> {
        self.filters.iter_mut().map(|(source, it)| (*source, of(source, it))).collect()
    }

    /// Returns the scores of all rows of a finished series.
    pub(crate) fn whole(
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<f32> {
        Self::new(config, calibration).end(config, calibration, components)
    }

    /// Returns the surprisals of each component for all rows of a finished series.
    pub(crate) fn surprisals(
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<Vec<f32>> {
        let mut fusion = Self::new(config, calibration);
        fusion.take(config, calibration, components);
        fusion.finish(config, calibration);
        let single = |surprisal: f64| surprisal.min(f64::from(f32::MAX)) as f32;
        let all = fusion.pending.into_iter();
        all.map(|values| values.into_iter().map(single).collect()).collect()
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        let pending = self.pending.iter().map(|values| values.capacity() * size_of::<f64>());
        let means = self.aggregators.iter().map(ChannelAggregator::memory);
        let own = self.rows.capacity() * size_of::<usize>()
            + self.pending.capacity() * size_of::<VecDeque<f64>>()
            + self.aggregators.capacity() * size_of::<ChannelAggregator>();
        // A node of the map has room for eleven.
        let node = if self.filters.is_empty() { 0 } else { 12 * size_of::<(Source, Filter)>() };
        let filters = node + self.filters.values().map(Filter::memory).sum::<usize>();
        own + filters + pending.sum::<usize>() + means.sum::<usize>()
    }

    /// Validates a fusion that was read from outside: it can be of this config and calibration.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(
        &self,
        config: &ScoreConfig,
        calibration: &Calibration,
    ) -> Result<(), &'static str> {
        let fresh = Self::new(config, calibration);
        let counts = [self.pending.len(), self.rows.len(), self.aggregators.len()];
        if counts != [fresh.pending.len(); 3] {
            return Err("other components of the score than the detector's");
        }
        if !self.filters.keys().eq(fresh.filters.keys()) {
            return Err("filters of other sources than the detector's");
        }
        let mut filters = self.filters.values().zip(fresh.filters.values());
        filters.try_for_each(|(filter, fresh)| filter.validate(fresh))?;
        let mut pairs = self.aggregators.iter().zip(&fresh.aggregators);
        pairs.try_for_each(|(aggregator, fresh)| aggregator.validate(fresh))
    }

    fn for_each_component(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        of: impl Fn(&mut ChannelAggregator, &ComponentConfig, &[f32], &mut dyn FnMut(f32)),
    ) {
        let own = self.aggregators.iter_mut().zip(&mut self.rows).zip(&mut self.pending);
        let known = config.components.iter().zip(calibration.tails()).zip(calibration.edges());
        for (((aggregator, row), pending), ((component, tail), edges)) in own.zip(known) {
            let norms = calibration.norms(component.source);
            let mut update = |value| {
                pending.push_back(tail.surprisal(value) / edges.first(*row));
                *row = row.saturating_add(1);
            };
            of(aggregator, component, norms, &mut update);
        }
    }

    /// Means over components, of the rows for which all have a value.
    fn means(&mut self, config: &ScoreConfig, calibration: &Calibration) -> Vec<f32> {
        let rows = self.pending.iter().map(VecDeque::len).min().unwrap_or(0);
        let power = config.fusion.power;
        let mean = |_| {
            let surprisals = self.pending.iter_mut().filter_map(VecDeque::pop_front);
            let weighted = surprisals.zip(calibration.weights().iter().copied());
            weighted_power_mean(weighted, power)
        };
        let means = (0..rows).map(mean).collect();
        // What many rows at once have taken is not kept.
        self.pending.iter_mut().for_each(|values| values.shrink_to(2 * values.len()));
        means
    }
}

/// `(sum w x^p)^(1/p)`, at most the largest finite number.
pub(crate) fn weighted_power_mean(weighted: impl Iterator<Item = (f64, f64)>, power: f64) -> f32 {
    let sum: f64 = weighted.map(|(x, weight)| weight * x.powf(power)).sum();
    sum.powf(power.recip()).min(f64::from(f32::MAX)) as f32
}
