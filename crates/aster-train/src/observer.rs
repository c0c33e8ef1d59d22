use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use aster_detect::{EpochRecord, Losses, Rollback};
use indicatif::ProgressStyle;

/// Callbacks of a training. All methods do nothing unless they are written.
///
/// ```
/// use std::ops::ControlFlow;
/// use aster_detect::EpochRecord;
/// use aster_train::Observer;
///
/// /// Stops once the validation loss is low enough.
/// struct Enough(f64);
///
/// impl Observer for Enough {
///     fn epoch(&mut self, record: &EpochRecord) -> ControlFlow<()> {
///         match record.validation.total < self.0 {
///             true => ControlFlow::Break(()),
///             false => ControlFlow::Continue(()),
///         }
///     }
/// }
/// ```
pub trait Observer: Send {
    /// Called after a training step: the losses over the epoch so far, and how many windows of how
    /// many have been seen since the beginning. It runs on a thread of Burn's.
    fn step(&mut self, losses: &Losses, done: usize, of: usize) {
        let _ = (losses, done, of);
    }

    /// Called after an epoch, whose checkpoint has been written. Break to stop: the best epoch so
    /// far is then the result.
    fn epoch(&mut self, record: &EpochRecord) -> ControlFlow<()> {
        let _ = record;
        ControlFlow::Continue(())
    }

    /// Called after a loss that was not finite, where the training goes back to the last checkpoint
    /// and on at a lower rate.
    fn rollback(&mut self, rollback: &Rollback) {
        let _ = rollback;
    }

    /// Called after the training was cancelled: the epochs that have ended, the best of which is
    /// the result, and the folder of their checkpoints where the trainer has one.
    fn cancelled(&mut self, epochs: &[EpochRecord], checkpoints: Option<&Path>) {
        let _ = (epochs, checkpoints);
    }
}

/// Observer that does nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoopObserver;

impl Observer for NoopObserver {}

/// Progress bar on standard error; where that is no terminal, a line per epoch.
#[derive(Debug)]
pub(crate) struct ProgressBar(indicatif::ProgressBar);

impl ProgressBar {
    pub(crate) fn new() -> Self {
        let bar = indicatif::ProgressBar::new(0);
        // The template is a constant; were it wrong, the default style would serve.
        let template = "{bar:30} {percent:>3} % · {msg} · {elapsed} of about {duration}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()),
        );
        Self(bar)
    }
}

impl Observer for ProgressBar {
    fn step(&mut self, losses: &Losses, done: usize, of: usize) {
        let Losses { total, reconstruction, kl, classification, .. } = losses;
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
        self.0.set_message(format!(
            "loss {total:.3} = reconstruction {reconstruction:.3}, KL {kl:.2}, \
             classification {classification:.3}"
        ));
    }

    fn epoch(&mut self, record: &EpochRecord) -> ControlFlow<()> {
        let EpochRecord { epoch, train, validation, .. } = record;
        let (train, validation) = (train.total, validation.total);
        self.write(format_args!("epoch {epoch}: loss {train:.3}, on validation {validation:.3}"));
        ControlFlow::Continue(())
    }

    fn rollback(&mut self, rollback: &Rollback) {
        let Rollback { epoch, step, term, learning_rate } = rollback;
        self.print(format_args!(
            "epoch {epoch} again, at a rate of {learning_rate:.1e}: {term} not finite at step {step}"
        ));
    }

    fn cancelled(&mut self, epochs: &[EpochRecord], checkpoints: Option<&Path>) {
        let ended = epochs.len();
        let kept = format!("cancelled after epoch {ended}: the best epoch so far is the result");
        match checkpoints {
            Some(folder) => self.print(format_args!(
                "{kept}; checkpoints to go on from are in {}",
                folder.display()
            )),
            None => self.print(format_args!("{kept}")),
        }
    }
}

impl ProgressBar {
    /// On a terminal too, where it outlasts the bar.
    fn print(&self, line: std::fmt::Arguments) {
        // Who cannot be told is not told.
        let _ = self.0.suspend(|| writeln!(std::io::stderr(), "{line}"));
    }

    /// Where there is no terminal, and so no bar.
    fn write(&self, line: std::fmt::Arguments) {
        if self.0.is_hidden() {
            self.print(line);
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
