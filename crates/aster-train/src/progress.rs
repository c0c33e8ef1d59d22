//! What Burn's loop tells of one epoch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::Interrupter;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

use crate::{Losses, Observer, Part, Stop};

/// An observer that Burn's threads and the caller's share.
pub(crate) type Shared = Arc<Mutex<dyn Observer>>;

/// The mean losses of training and validation.
pub(crate) type EpochLosses = Arc<Mutex<[Losses; 2]>>;

/// Takes hold of what is shared, after a thread has panicked too.
pub(crate) fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Burn calls this a renderer: it hears every metric and every step.
pub(crate) struct Progress {
    parts: HashMap<MetricId, Part>,
    losses: EpochLosses,
    observer: Shared,
    /// Who may ask for an end, and who is told then.
    stop: (Stop, Interrupter),
    validating: bool,
    /// Windows before this epoch, and those of all epochs.
    before: usize,
    of: usize,
}

impl Progress {
    pub(crate) fn new(
        losses: EpochLosses,
        observer: Shared,
        stop: (Stop, Interrupter),
        before: usize,
        of: usize,
    ) -> Self {
        Self { parts: HashMap::new(), losses, observer, stop, validating: false, before, of }
    }

    fn note(&mut self, state: &MetricState, split: usize) {
        if let MetricState::Numeric(entry, Some(value)) = state
            && let Some(part) = self.parts.get(&entry.metric_id)
        {
            let mut losses = lock(&self.losses);
            *losses[split].get_mut(*part) = value.current();
        }
    }
}

impl MetricsRendererTraining for Progress {
    fn update_train(&mut self, state: MetricState) {
        self.note(&state, 0);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.note(&state, 1);
    }
}

impl TrainingProgressLogger for Progress {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}

    fn start_split(&mut self, split: &str, _: usize) {
        self.validating = split == "valid";
    }

    fn update_split(&mut self, items_processed: usize) {
        let (stop, interrupter) = &self.stop;
        if stop.asked() {
            interrupter.stop(None);
        }
        if !self.validating {
            let [losses, _] = *lock(&self.losses);
            let mut observer = lock(&self.observer);
            observer.step(&losses, self.before + items_processed, self.of);
        }
    }

    fn update_epoch(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _event: String) {}
}

impl MetricsRenderer for Progress {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        let part = Part::ALL.into_iter().find(|part| part.name() == *definition.name);
        self.parts.extend(part.map(|part| (definition.metric_id, part)));
    }
}

// The trait asks for these; training evaluates nothing.
impl MetricsRendererEvaluation for Progress {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl EvaluationProgressLogger for Progress {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}
