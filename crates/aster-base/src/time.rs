use std::fmt::{Display, Formatter};

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;

/// Clock of a series: the unit and the zone of its timestamps, by which they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Clock {
    /// A unit of the source's own: shown as numbers.
    #[default]
    Counts,
    /// Nanoseconds since the beginning of 1970 on a clock whose zone is not known: shown as dates
    /// without an offset.
    Local,
    /// Nanoseconds since the Unix epoch: shown as dates with the offset from UTC of the latest
    /// change before, of the first one before all, 0 where there is none.
    Zoned(Vec<OffsetChange>),
}

/// Offset from UTC that a clock has from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetChange {
    /// Nanoseconds since the Unix epoch.
    pub from: i64,
    /// Seconds east of UTC.
    pub seconds: i32,
}

/// Timestamp as a person reads it: `2024-03-01 12:00:00+01:00`, or a count.
///
/// ```
/// use aster_base::{Clock, OffsetChange};
///
/// let berlin = Clock::Zoned(vec![OffsetChange { from: 0, seconds: 3600 }]);
/// assert_eq!(berlin.at(1_709_290_800_500_000_000).to_string(), "2024-03-01 12:00:00.500+01:00");
/// assert_eq!(Clock::Counts.at(7).to_string(), "7");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Time {
    /// Count in a unit of the source's own.
    Count(i64),
    /// Nanoseconds since the beginning of 1970, in a zone that is not known.
    Local(i64),
    /// Nanoseconds since the Unix epoch.
    Zoned {
        /// The instant.
        nanoseconds: i64,
        /// Seconds east of UTC.
        offset: i32,
    },
}

impl Clock {
    /// The clock of UTC.
    pub const UTC: Self = Self::Zoned(vec![]);

    /// Reads a timestamp by this clock.
    pub fn at(&self, timestamp: i64) -> Time {
        match self {
            Self::Counts => Time::Count(timestamp),
            Self::Local => Time::Local(timestamp),
            Self::Zoned(changes) => {
                let after = changes.partition_point(|change| change.from <= timestamp);
                let change = changes.get(after.saturating_sub(1));
                let offset = change.map_or(0, |change| change.seconds);
                Time::Zoned { nanoseconds: timestamp, offset }
            }
        }
    }
}

impl Time {
    /// Returns the timestamp without its clock.
    pub fn timestamp(&self) -> i64 {
        match *self {
            Self::Count(timestamp) | Self::Local(timestamp) => timestamp,
            Self::Zoned { nanoseconds, .. } => nanoseconds,
        }
    }

    /// Returns the nanoseconds since the beginning of 1970 by the clock on the wall; none of a count.
    pub fn local(&self) -> Option<i64> {
        match *self {
            Self::Count(_) => None,
            Self::Local(nanoseconds) => Some(nanoseconds),
            Self::Zoned { nanoseconds, offset } => {
                Some(nanoseconds.saturating_add(SECOND * i64::from(offset)))
            }
        }
    }

    /// Writes it as RFC 3339 has it, without an offset where none is known; or a count.
    pub fn rfc_3339(&self) -> String {
        self.write('T')
    }

    fn write(&self, between: char) -> String {
        let local = format!("%Y-%m-%d{between}%H:%M:%S%.f");
        match *self {
            Self::Count(count) => count.to_string(),
            Self::Local(nanoseconds) => {
                DateTime::from_timestamp_nanos(nanoseconds).format(&local).to_string()
            }
            Self::Zoned { nanoseconds, offset: 0 } => {
                DateTime::from_timestamp_nanos(nanoseconds).format(&format!("{local}Z")).to_string()
            }
            Self::Zoned { nanoseconds, offset } => {
                let utc = DateTime::from_timestamp_nanos(nanoseconds);
                match FixedOffset::east_opt(offset) {
                    Some(zone) => {
                        utc.with_timezone(&zone).format(&format!("{local}%:z")).to_string()
                    }
                    None => utc.format(&format!("{local}Z")).to_string(),
                }
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
            let (nanoseconds, offset) =
                (zoned.timestamp_nanos_opt()?, zoned.offset().local_minus_utc());
            return Some(Self::Zoned { nanoseconds, offset });
        }
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        local.and_utc().timestamp_nanos_opt().map(Self::Local)
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.write(' '))
    }
}

/// A number for a count, else a string as RFC 3339 has it, without an offset where none is known.
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_i64(*count),
            _ => serializer.serialize_str(&self.rfc_3339()),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Count(i64),
            Date(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Count(count) => Ok(Self::Count(count)),
            Written::Date(text) => Self::read(&text).ok_or_else(|| {
                serde::de::Error::custom(format!("expected a time of RFC 3339, got {text:?}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_alike() {
        let autumn = Clock::Zoned(vec![
            OffsetChange { from: 1_729_900_000_000_000_000, seconds: 7200 },
            OffsetChange { from: 1_729_990_800_000_000_000, seconds: 3600 },
        ]);
        for (clock, at, expected) in [
            (&Clock::Counts, -5, "-5"),
            (&Clock::Local, 1_709_251_200_000_000_000, "\"2024-03-01T00:00:00\""),
            (&Clock::UTC, 1_709_251_200_250_000_000, "\"2024-03-01T00:00:00.250Z\""),
            (&autumn, 1_729_990_799_000_000_000, "\"2024-10-27T02:59:59+02:00\""),
            (&autumn, 1_729_990_800_000_000_000, "\"2024-10-27T02:00:00+01:00\""),
            (&autumn, 0, "\"1970-01-01T02:00:00+02:00\""),
        ] {
            let time = clock.at(at);
            assert_eq!(serde_json::to_string(&time).unwrap(), expected);
            assert_eq!(serde_json::from_str::<Time>(expected).unwrap(), time);
            assert_eq!(time.timestamp(), at);
        }
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_timestamp_has_a_time_that_can_be_read(at: i64, seconds in -64_800i32..64_800) {
            let whole = seconds / 60 * 60;
            let clock = Clock::Zoned(vec![OffsetChange { from: 0, seconds: whole }]);
            for time in [clock.at(at), Clock::Local.at(at), Clock::Counts.at(at)] {
                let text = serde_json::to_string(&time).unwrap();
                proptest::prop_assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), time);
            }
        }
    }
}
