//! The progress of Burn's loop within one epoch.

use std::sync::{Arc, Mutex};

use burn::train::Interrupter;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

use crate::cancel::CancelToken;
use crate::monitor::{Monitor, Split, lock};
use crate::observer::Observer;

/// An observer that Burn's threads and the caller's share.
pub(crate) type SharedObserver = Arc<Mutex<dyn Observer>>;

/// Burn renderer, which is told of every step.
pub(crate) struct Progress {
    pub(crate) monitor: Monitor,
    pub(crate) observer: SharedObserver,
    pub(crate) cancel: CancelToken,
    pub(crate) interrupter: Interrupter,
    pub(crate) validating: bool,
    /// Windows before this epoch.
    pub(crate) before: usize,
    /// Windows of all epochs.
    pub(crate) of: usize,
}

impl TrainingProgressLogger for Progress {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}

    fn start_split(&mut self, split: &str, _: usize) {
        self.validating = split == "valid";
    }

    fn update_split(&mut self, items_processed: usize) {
        if self.cancel.is_cancelled() {
            self.interrupter.stop(None);
        }
        if !self.validating {
            let losses = self.monitor.means(Split::Train);
            lock(&self.observer).step(&losses, self.before + items_processed, self.of);
        }
    }

    fn update_epoch(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _event: String) {}
}

// The traits ask for these; metrics are read elsewhere, and training evaluates nothing.
impl MetricsRendererTraining for Progress {
    fn update_train(&mut self, _: MetricState) {}
    fn update_valid(&mut self, _: MetricState) {}
}

impl MetricsRenderer for Progress {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _: MetricDefinition) {}
}

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
