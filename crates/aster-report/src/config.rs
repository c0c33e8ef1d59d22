use aster_train::Attribution;
use serde::{Deserialize, Serialize};

use crate::ReportError;

/// What a report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// Heading of the page. Default: `Anomalies`.
    pub title: String,
    /// Points per line at most, at least 100: of longer series the page holds the lowest and the
    /// highest value of each of so many stretches, and all values around the alarms listed, as
    /// far as half of the points go. Default: 20 000.
    pub points: usize,
    /// Alarms that are listed with their channels, those of the highest severity. Default: 20.
    pub alarms: usize,
    /// How their channels are blamed. Default: by the reconstruction.
    pub attribution: Attribution,
    /// Windows shown in latent space, evenly spaced, at least 1. Default: 128.
    pub windows: usize,
    /// Seed of the pseudo-anomalies shown there. Default: 0.
    pub seed: u64,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            title: "Anomalies".into(),
            points: 20_000,
            alarms: 20,
            attribution: Attribution::default(),
            windows: 128,
            seed: 0,
        }
    }
}

impl ReportConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn check(&self) -> Result<(), ReportError> {
        for (name, least, got) in [("points", 100, self.points), ("windows", 1, self.windows)] {
            if got < least {
                return Err(ReportError::Setting { name, least, got });
            }
        }
        Ok(())
    }
}
