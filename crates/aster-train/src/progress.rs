//! Collects the losses of each epoch and, where asked, draws a progress bar.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, MetricId};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{EpochRecord, Losses, Part};

/// The epochs so far, shared with whoever started the training.
pub(crate) type History = Arc<Mutex<Vec<EpochRecord>>>;

/// Burn calls this a renderer: it hears every metric and every step.
pub(crate) struct Progress {
    parts: HashMap<MetricId, Part>,
    train: Losses,
    validation: Losses,
    history: History,
    bar: ProgressBar,
    validating: bool,
    epoch_items: u64,
    done_items: u64,
}

impl Progress {
    /// `windows` are the training windows of all epochs together.
    pub(crate) fn new(history: History, windows: usize, visible: bool) -> Self {
        let bar = match visible {
            true => ProgressBar::new(windows as u64),
            false => ProgressBar::hidden(),
        };
        // The template is a constant; were it wrong, the default style would serve.
        let template = "{bar:30} {percent:>3} % · {msg} · {elapsed} of about {duration}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()),
        );
        Self {
            parts: HashMap::new(),
            train: Losses::default(),
            validation: Losses::default(),
            history,
            bar,
            validating: false,
            epoch_items: 0,
            done_items: 0,
        }
    }

    fn note(&mut self, state: &MetricState, validation: bool) {
        if let MetricState::Numeric(entry, Some(value)) = state
            && let Some(part) = self.parts.get(&entry.metric_id)
        {
            let losses = if validation { &mut self.validation } else { &mut self.train };
            *losses.get_mut(*part) = value.current();
        }
    }
}

impl MetricsRendererTraining for Progress {
    fn update_train(&mut self, state: MetricState) {
        self.note(&state, false);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.note(&state, true);
    }
}

impl TrainingProgressLogger for Progress {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}

    fn start_split(&mut self, split: &str, total_items: usize) {
        self.validating = split == "valid";
        if !self.validating {
            self.epoch_items = total_items as u64;
        }
    }

    fn update_split(&mut self, items_processed: usize) {
        if !self.validating {
            let Losses { total, reconstruction, kl, classification, .. } = self.train;
            self.bar.set_position(self.done_items + items_processed as u64);
            self.bar.set_message(format!(
                "loss {total:.3} = reconstruction {reconstruction:.3}, KL {kl:.2}, \
                 classification {classification:.3}"
            ));
        }
    }

    fn update_epoch(&mut self, epoch: usize) {
        self.done_items += self.epoch_items;
        let record = EpochRecord { epoch, train: self.train, validation: self.validation };
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    fn end_split(&mut self) {}

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

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
