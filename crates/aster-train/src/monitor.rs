//! The one metric that Burn's training loop reports: it reads a step's loss terms once, keeps
//! their means and stops the loop at a term that is not finite.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aster_detect::Losses;
use aster_model::LossTerm;
use burn::tensor::TensorReadError;
use burn::train::Interrupter;
use burn::train::metric::{Metric, MetricMetadata, MetricName, SerializedEntry};

use crate::step::BatchLoss;

/// Takes hold of what is shared, after a thread has panicked too.
pub(crate) fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Part of an epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Split {
    Train,
    Validation,
}

/// First loss term that was not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BadLoss {
    pub(crate) term: LossTerm,
    pub(crate) value: f32,
    pub(crate) step: usize,
}

/// Means of an epoch's loss terms over windows, shared with Burn's threads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Monitor(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Sums over windows, and their number, of training and validation.
    sums: [(Losses, usize); 2],
    bad: Option<BadLoss>,
}

impl Monitor {
    /// Means so far.
    pub(crate) fn means(&self, split: Split) -> Losses {
        let (mut losses, windows) = lock(&self.0).sums[split as usize];
        for term in LossTerm::ALL {
            *losses.get_mut(term) /= windows.max(1) as f64;
        }
        losses
    }

    pub(crate) fn bad(&self) -> Option<BadLoss> {
        lock(&self.0).bad
    }

    /// The metric of one part of an epoch. Burn asks whether to stop before it writes an epoch's
    /// checkpoint, so the last one written is good.
    pub(crate) fn metric(&self, split: Split, interrupter: &Interrupter) -> LossMetric {
        LossMetric { monitor: self.clone(), split, interrupter: interrupter.clone() }
    }

    fn add(&self, split: Split, values: [f32; 7], loss: &BatchLoss) -> Option<BadLoss> {
        let mut state = lock(&self.0);
        let (sums, windows) = &mut state.sums[split as usize];
        for (term, value) in LossTerm::ALL.into_iter().zip(values) {
            *sums.get_mut(term) += f64::from(value) * loss.windows as f64;
        }
        *windows += loss.windows;
        // Causes before their sum: LossTerm::ALL begins with the total.
        let of_step = LossTerm::ALL.into_iter().zip(values).rev();
        let bad = of_step.into_iter().find(|(_, value)| !value.is_finite());
        let bad = bad.map(|(term, value)| BadLoss { term, value, step: loss.step });
        state.bad = state.bad.or(bad);
        state.bad
    }
}

/// Burn metric that reads the losses.
#[derive(Clone)]
pub(crate) struct LossMetric {
    monitor: Monitor,
    split: Split,
    interrupter: Interrupter,
}

impl Metric for LossMetric {
    type Input = BatchLoss;

    fn name(&self) -> MetricName {
        Arc::new("loss".into())
    }

    fn update(
        &mut self,
        loss: &BatchLoss,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        if self.monitor.add(self.split, loss.terms.to_values()?, loss).is_some() {
            self.interrupter.stop(Some("a loss is not finite"));
        }
        self.compute()
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        let total = self.monitor.means(self.split).total.to_string();
        Ok(SerializedEntry::new(total.clone(), total))
    }

    fn clear(&mut self) {}
}

#[cfg(test)]
mod tests {
    use aster_model::LossTerms;
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn loss(windows: usize) -> BatchLoss {
        let zero = || Tensor::<1>::zeros([1], &Device::flex());
        let terms = LossTerms {
            total: zero(),
            reconstruction: zero(),
            kl: zero(),
            classification: zero(),
            cosine: zero(),
            squared_cosine: zero(),
            separation: zero(),
        };
        BatchLoss { terms, windows, step: 7 }
    }

    #[test]
    fn a_smaller_last_batch_counts_for_less() {
        let monitor = Monitor::default();
        monitor.add(Split::Validation, [1.0; 7], &loss(32));
        monitor.add(Split::Validation, [4.0; 7], &loss(16));
        assert_eq!(monitor.means(Split::Validation).kl, 2.0);
        assert_eq!(monitor.means(Split::Train).kl, 0.0);
    }

    #[test]
    fn the_first_cause_of_what_is_not_finite_is_kept() {
        let monitor = Monitor::default();
        let values = [f32::NAN, 1.0, f32::INFINITY, 1.0, 0.0, 0.0, 0.0];
        monitor.add(Split::Train, values, &loss(1));
        monitor.add(Split::Train, [f32::NAN; 7], &loss(1));
        let bad = BadLoss { term: LossTerm::Kl, value: f32::INFINITY, step: 7 };
        assert_eq!(monitor.bad(), Some(bad));
    }
}
