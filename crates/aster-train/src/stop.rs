use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a training from outside, of another thread say: [`Trainer::stopped_by`]. The best of
/// the epochs that have ended is then the result.
///
/// [`Trainer::stopped_by`]: crate::Trainer::stopped_by
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for the end, now and of trainings yet to come.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether anybody has asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// One that Ctrl-C asks (SIGINT; SIGTERM and SIGHUP too). Who presses it again leaves the
    /// program at once, with exit code 130.
    ///
    /// # Errors
    /// The program handles these signals already.
    #[cfg(feature = "ctrlc")]
    pub fn on_ctrl_c() -> Result<Self, crate::TrainError> {
        let stop = Self::default();
        let asks = stop.clone();
        let handler = move || match asks.asked() {
            true => std::process::exit(130),
            false => asks.now(),
        };
        ctrlc::set_handler(handler).map_err(|error| crate::TrainError::Setting {
            name: "Ctrl-C",
            expected: "no other handler of it".into(),
            got: error.to_string(),
        })?;
        Ok(stop)
    }
}
