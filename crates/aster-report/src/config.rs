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
    /// Unit of the series' timestamps. Default: what they look like.
    pub timestamps: Timestamps,
}

/// Unit of timestamps: units of time since the Unix epoch, shown as dates in UTC, or anything
/// else, shown as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// The unit that puts the first one between the years 1990 and 2200, else numbers.
    #[default]
    Auto,
    /// Numbers without a date: time since the start, say.
    Numbers,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds, which date-times of files become.
    Nanoseconds,
}

impl Timestamps {
    /// How many of the unit make a second, where it is one.
    pub(crate) fn per_second(self, first: i64) -> Option<i64> {
        const YEARS_1990_TO_2200: std::ops::Range<i64> = 631_152_000..7_258_118_400;
        let dated = |per_second: &i64| YEARS_1990_TO_2200.contains(&first.div_euclid(*per_second));
        match self {
            Self::Auto => [1, 1_000, 1_000_000, 1_000_000_000].into_iter().find(dated),
            Self::Numbers => None,
            Self::Seconds => Some(1),
            Self::Milliseconds => Some(1_000),
            Self::Microseconds => Some(1_000_000),
            Self::Nanoseconds => Some(1_000_000_000),
        }
    }
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
            timestamps: Timestamps::Auto,
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
