use serde::{Deserialize, Serialize};

/// Roles of a table's columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Columns {
    /// Column of timestamps: date-times and epochs, which become nanoseconds since the Unix epoch,
    /// or other numbers, which stay as they are. Default, where no features are named: the column
    /// of date-times, if there is one, or one of them whose name says time; else those of year, month and
    /// day, with hours, minutes and seconds where there are some; else the one of numbers whose name
    /// says time, or that rises in every row and whose name says that it is time with a unit, or time since
    /// a start; else none.
    pub time: Option<String>,
    /// Explicit `strftime` format for a textual time column. Default: guessed.
    pub time_format: Option<String>,
    /// Column of the time of day, or the hour, where the time column holds dates alone. Default,
    /// where no time is named: one named time or hour beside one named date.
    pub time_of_day: Option<String>,
    /// Zone of the IANA database, such as `Europe/Berlin`, of times that tell no offset of their
    /// own. Default: none; they stay local.
    pub zone: Option<String>,
    /// Column of labels. Default, where no features are named: the one whose name says label,
    /// anomaly or attack and that holds zeros and ones alone.
    pub label: Option<String>,
    /// Cell of the label column that says normal, whatever its case; all others say anomalous.
    /// Default: labels are 0 (normal) and 1, or false and true.
    pub normal: Option<String>,
    /// Column that tells the rows of several series apart: a machine, a patient.
    pub id: Option<String>,
    /// Column that names the channel of a row, where each row holds one value: the long format.
    pub channel: Option<String>,
    /// Column of these values, with `channel`.
    pub value: Option<String>,
    /// Columns of categories or states: each becomes one channel per category, 1 where it holds.
    pub categorical: Vec<Categorical>,
    /// Columns that are left out.
    pub ignored: Vec<String>,
    /// Feature columns, in order. Default: every column without another role.
    pub features: Option<Vec<String>>,
}

/// Column of categories or states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Categorical {
    /// Column.
    pub column: String,
    /// Its categories, in order; any other is an error. Name them, so that files that lack one have
    /// the same channels. Default: those of the file, sorted.
    pub categories: Option<Vec<String>>,
}

impl Categorical {
    /// A column whose categories are those of the file.
    pub fn of(column: impl Into<String>) -> Self {
        Self { column: column.into(), categories: None }
    }
}

/// The only item there is; none where there are more.
pub(crate) fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// Name that columns of a role customarily have, whatever its case.
pub(crate) struct Custom(&'static [&'static str]);

impl Custom {
    pub(crate) const TIME: Self = Self(&[
        "time",
        "_time",
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
        "time_stamp",
        "time stamp",
    ]);
    /// Times since a start, if they rise in every row.
    pub(crate) const ELAPSED: Self = Self(&[
        "t",
        "elapsed",
        "elapsed time",
        "elapsed_time",
        "relative time",
        "relative_time",
        "time elapsed",
        "time_elapsed",
        "sec",
        "secs",
        "seconds",
        "datenum",
    ]);
    pub(crate) const YEAR: Self = Self(&["year", "yr", "yyyy", "jahr", "año", "année"]);
    pub(crate) const MONTH: Self = Self(&["month", "mon", "mo", "monat", "mes", "mois"]);
    pub(crate) const DAY: Self = Self(&["day", "dd", "day of month", "tag", "día", "jour"]);
    pub(crate) const HOUR: Self = Self(&["hour", "hr", "hh", "stunde", "hora", "heure"]);
    pub(crate) const MINUTE: Self = Self(&["minute", "minutes", "minuto"]);
    pub(crate) const SECOND: Self = Self(&["second", "sec", "seconds", "sekunde", "segundo"]);
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

    /// Returns whether a name is one of them, alone or with a unit of time behind: `Time [s]`, `time_ms`.
    pub(crate) fn has_with_unit(&self, name: &str) -> bool {
        const UNITS: [&str; 15] = [
            "s", "sec", "secs", "seconds", "ms", "msec", "us", "µs", "ns", "min", "minutes", "h",
            "hours", "d", "utc",
        ];
        let lower = name.trim().trim_end_matches([']', ')']).to_lowercase();
        let cut = lower.rsplit_once(['[', '(', '/', '_', ' ', '.']);
        let cut = cut.filter(|(_, unit)| UNITS.contains(unit));
        self.has(name) || cut.is_some_and(|(plain, _)| self.has(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_time_behind_a_name_is_none_of_it() {
        for name in ["Time", "Time [s]", "time (ms)", "time_s", "Time/s", "timestamp_utc", "time.h"]
        {
            assert!(Custom::TIME.has_with_unit(name), "{name}");
        }
        assert!(Custom::ELAPSED.has_with_unit("t [s]") && !Custom::ELAPSED.has_with_unit("T [°C]"));
        for name in ["runtime", "time of flight", "times", "s", "uptime_s"] {
            assert!(!Custom::TIME.has_with_unit(name), "{name}");
        }
    }
}
