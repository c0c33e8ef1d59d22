//! What Burn's training loop reports, as metrics.

use std::sync::{Arc, Mutex};

use burn::tensor::TensorReadError;
use burn::train::Interrupter;
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry,
};

use crate::progress::lock;
use crate::{LossParts, Part};

/// The mean of one part of the loss.
#[derive(Clone)]
pub(crate) struct PartMetric {
    part: Part,
    name: MetricName,
    state: NumericMetricState,
}

impl PartMetric {
    pub(crate) fn new(part: Part) -> Self {
        let name = Arc::new(part.name().to_string());
        Self { part, name, state: NumericMetricState::new() }
    }
}

impl Metric for PartMetric {
    type Input = LossParts;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: false }.into()
    }

    fn update(
        &mut self,
        losses: &LossParts,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let value = losses.to_values()?[self.part as usize];
        self.state.update(f64::from(value), 1);
        Ok(self.state.compute_update(FormatOptions::new(self.name())))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.state.compute_final(FormatOptions::new(self.name())))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for PartMetric {
    fn value(&self) -> Option<NumericEntry> {
        Some(self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        Some(self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}

/// The first loss that was not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BadLoss {
    pub(crate) part: Part,
    pub(crate) value: f32,
    pub(crate) step: usize,
}

/// Stops the loop at a loss that is not finite. Burn asks whether to stop before
/// it writes an epoch's checkpoint, so the last one written is good.
#[derive(Clone)]
pub(crate) struct Guard {
    interrupter: Interrupter,
    found: Arc<Mutex<Option<BadLoss>>>,
}

impl Guard {
    pub(crate) fn new(interrupter: Interrupter) -> Self {
        Self { interrupter, found: Arc::default() }
    }

    pub(crate) fn found(&self) -> Option<BadLoss> {
        *lock(&self.found)
    }
}

impl Metric for Guard {
    type Input = LossParts;

    fn name(&self) -> MetricName {
        Arc::new("finite".into())
    }

    fn update(
        &mut self,
        losses: &LossParts,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let values = losses.to_values()?;
        // Causes before their sum: Part::ALL begins with the total.
        let bad = Part::ALL.into_iter().rev().find(|part| !values[*part as usize].is_finite());
        if let Some(part) = bad {
            let mut found = lock(&self.found);
            let (value, step) = (values[part as usize], losses.step);
            found.get_or_insert(BadLoss { part, value, step });
            self.interrupter.stop(Some("a loss is not finite"));
        }
        self.compute()
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        let text = if self.found().is_some() { "no" } else { "yes" };
        Ok(SerializedEntry::new(text.into(), text.into()))
    }

    fn clear(&mut self) {}
}
