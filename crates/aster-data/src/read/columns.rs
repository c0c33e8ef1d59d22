#[cfg(any(feature = "files", feature = "arrow"))]
use aster_base::SettingError;
use serde::{Deserialize, Serialize};

/// Roles of a table's columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Columns {
    /// Column of timestamps: date-times and epochs, which become nanoseconds since the Unix epoch,
    /// or other numbers, which stay as they are. Default, where no features are named: the column
    /// of date-times, if there is exactly one, else one whose name says time; else none.
    pub time: Option<String>,
    /// Explicit `strftime` format for a textual time column. Default: guessed.
    pub time_format: Option<String>,
    /// Column of labels (0 or 1). Default, where no features are named: the one whose name says
    /// label, anomaly or attack and that holds nothing else.
    pub label: Option<String>,
    /// Column of the time of day, or the hour, where the time column holds dates alone. Default,
    /// where no time is named: one named time or hour beside one named date.
    pub time_of_day: Option<String>,
    /// Feature columns, in order. Default: every column but time and label.
    pub features: Option<Vec<String>>,
}

#[cfg(any(feature = "files", feature = "arrow"))]
impl Columns {
    /// Checks that no column of times of the day is named, where times are not text.
    pub(crate) fn check_time_of_day(&self) -> Result<(), SettingError> {
        let expected = "none, for times that are no text";
        match &self.time_of_day {
            Some(column) => Err(SettingError::new("columns.time_of_day", expected, column)),
            None => Ok(()),
        }
    }
}

/// The only item there is; none where there are more.
#[cfg(any(feature = "files", feature = "arrow"))]
pub(crate) fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// Name that columns of a role customarily have, whatever its case.
#[cfg(feature = "files")]
pub(crate) struct Custom(&'static [&'static str]);

#[cfg(feature = "files")]
impl Custom {
    pub(crate) const TIME: Self = Self(&[
        "time",
        "timestamp",
        "timestamps",
        "datetime",
        "date",
        "epoch",
        "ts",
        "unix",
        "unixtime",
        "unix_time",
        "date_time",
        "date time",
    ]);
    pub(crate) const DATE: Self = Self(&["date", "day", "datum", "fecha"]);
    pub(crate) const TIME_OF_DAY: Self =
        Self(&["time", "hour", "hour ending", "time of day", "zeit", "uhrzeit", "hora", "heure"]);
    pub(crate) const LABEL: Self = Self(&[
        "label",
        "labels",
        "anomaly",
        "is_anomaly",
        "attack",
        "is_attack",
        "anomalous",
        "is_anomalous",
    ]);

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name.trim().to_lowercase().as_str())
    }
}
