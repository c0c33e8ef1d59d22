use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Token that cancels a training from outside, of another thread say.
///
/// The best of the epochs that have ended is then the result
/// ([`Trainer::with_cancel_token`](crate::Trainer::with_cancel_token)). Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Cancels the trainings that hold this token, now and those yet to come.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the token has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Creates a token that Ctrl-C cancels (SIGINT; SIGTERM and SIGHUP too). Who presses it again
    /// leaves the program at once, with exit code 130.
    ///
    /// # Errors
    /// The program handles these signals already.
    #[cfg(feature = "ctrlc")]
    pub fn on_ctrl_c() -> Result<Self, crate::error::TrainError> {
        let token = Self::default();
        let cancelled = token.clone();
        let handler = move || match cancelled.is_cancelled() {
            true => std::process::exit(130),
            false => cancelled.cancel(),
        };
        let taken = |error: ctrlc::Error| {
            aster_base::SettingError::new("Ctrl-C", "no other handler of it", error)
        };
        ctrlc::set_handler(handler).map_err(taken)?;
        Ok(token)
    }
}
