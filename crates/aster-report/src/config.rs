use aster_base::{SettingError, at_least_one, require};
use aster_detect::Attribution;
use serde::{Deserialize, Serialize};

/// Settings of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReportConfig {
    /// Heading of the page. Default: `Anomalies`.
    pub title: String,
    /// Points per line at most, at least 100: of longer series the page holds the lowest and the
    /// highest value of each of so many stretches, and all values around the alarms listed, as
    /// far as half of the points go. Default: 20 000.
    pub points: usize,
    /// Alarms that are listed with their channels, those of the highest severity. Default: 20.
    pub alarms: usize,
    /// Method that attributes them to channels. Default: by the reconstruction.
    pub attribution: Attribution,
    /// Windows shown in latent space, evenly spaced, at least 1. Default: 128.
    pub windows: usize,
    /// Seed of the pseudo-anomalies shown there. Default: 0.
    pub seed: u64,
    /// Number of the first row, where the series is a part of another one. Default: 0.
    pub first_row: usize,
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
            first_row: 0,
        }
    }
}

impl ReportConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        require("points", self.points >= 100, "at least 100", self.points)?;
        at_least_one("windows", self.windows)
    }
}
