use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::{ComponentConfig, ScoreConfig};
use crate::score::aggregation::ChannelAggregator;
use crate::score::calibration::Calibration;
use crate::score::components::Components;

/// Sum of the components' surprisals, row by row: the same for a series and for a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    aggregators: Vec<ChannelAggregator>,
    /// Per-component surprisals, in nats, of rows for which slower components have no value yet.
    pending: Vec<VecDeque<f64>>,
}

impl Fusion {
    pub(crate) fn new(config: &ScoreConfig, calibration: &Calibration) -> Self {
        let aggregator = |(component, width): (&ComponentConfig, &usize)| {
            let channels = calibration.norms(component.source).len();
            ChannelAggregator::new(config.alignment, *width, channels)
        };
        let known = config.components.iter().zip(calibration.widths());
        let aggregators: Vec<_> = known.map(aggregator).collect();
        Self { pending: vec![VecDeque::new(); aggregators.len()], aggregators }
    }

    /// Takes the components of the next rows; returns the scores of those that have waited for
    /// them.
    pub(crate) fn push(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<f32> {
        self.for_each_component(config, calibration, |aggregator, component, norms, update| {
            for row in components[&component.source].values.chunks(norms.len()) {
                aggregator.push(row, component.power, norms).into_iter().for_each(&mut *update);
            }
        });
        self.sums()
    }

    /// Returns the scores of the rows that still wait, after the last one.
    pub(crate) fn drain(&mut self, config: &ScoreConfig, calibration: &Calibration) -> Vec<f32> {
        self.for_each_component(config, calibration, |aggregator, component, norms, update| {
            std::iter::from_fn(|| aggregator.drain(component.power, norms)).for_each(&mut *update);
        });
        self.sums()
    }

    /// Returns the scores of all rows of a finished series.
    pub(crate) fn whole(
        config: &ScoreConfig,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<f32> {
        let mut fusion = Self::new(config, calibration);
        let mut scores = fusion.push(config, calibration, components);
        scores.extend(fusion.drain(config, calibration));
        scores
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        let pending = self.pending.iter().map(|values| values.capacity() * size_of::<f64>());
        let means = self.aggregators.iter().map(ChannelAggregator::memory);
        let own = self.pending.capacity() * size_of::<VecDeque<f64>>()
            + self.aggregators.capacity() * size_of::<ChannelAggregator>();
        own + pending.sum::<usize>() + means.sum::<usize>()
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
        let counts = [self.pending.len(), self.aggregators.len()];
        if counts != [fresh.pending.len(), fresh.aggregators.len()] {
            return Err("other components of the score than the detector's");
        }
        let mut pairs = self.aggregators.iter().zip(&fresh.aggregators);
        pairs.try_for_each(|(aggregator, fresh)| aggregator.validate(fresh))
    }

    fn for_each_component(
        &mut self,
        config: &ScoreConfig,
        calibration: &Calibration,
        of: impl Fn(&mut ChannelAggregator, &ComponentConfig, &[f32], &mut dyn FnMut(f32)),
    ) {
        let own = self.aggregators.iter_mut().zip(&mut self.pending);
        let known = config.components.iter().zip(calibration.tails());
        for ((aggregator, pending), (component, tail)) in own.zip(known) {
            let norms = calibration.norms(component.source);
            let mut update = |value| pending.push_back(tail.surprisal(value));
            of(aggregator, component, norms, &mut update);
        }
    }

    /// Sums over components, of the rows for which all have a value.
    fn sums(&mut self) -> Vec<f32> {
        let rows = self.pending.iter().map(VecDeque::len).min().unwrap_or(0);
        let sum = |_| {
            let sum: f64 = self.pending.iter_mut().filter_map(VecDeque::pop_front).sum();
            sum.min(f64::from(f32::MAX)) as f32
        };
        let sums = (0..rows).map(sum).collect();
        // What many rows at once have taken is not kept.
        self.pending.iter_mut().for_each(|values| values.shrink_to(2 * values.len()));
        sums
    }
}
