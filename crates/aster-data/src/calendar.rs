use std::borrow::Cow;

use aster_base::{DAY, Time};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::series::{TimeSeries, TrainSeries};

/// Calendar feature (time covariate): where in its day or week a row is, by the clock of the series, as
/// sine and cosine (cyclical encoding), so that the last hour lies next to the first.
///
/// ```
/// use aster_data::{CalendarFeature, Clock};
///
/// let noon = Clock::UTC.at(1_709_294_400_000_000_000); // 2024-03-01 12:00:00Z
/// let [sine, cosine] = CalendarFeature::HourOfDay.of(noon).unwrap_or_default();
/// assert!(sine.abs() < 1e-9 && (cosine + 1.0).abs() < 1e-9);
/// assert_eq!(CalendarFeature::HourOfDay.of(Clock::Counts.at(7)), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CalendarFeature {
    /// Time since midnight.
    HourOfDay,
    /// Time since the week began.
    DayOfWeek,
}

aster_base::words!(CalendarFeature);

impl CalendarFeature {
    /// Number of channels that a feature adds: its sine and its cosine.
    pub const CHANNELS: usize = 2;

    /// Returns the nanoseconds after which it is the same again.
    pub fn period(self) -> i64 {
        match self {
            Self::HourOfDay => DAY,
            Self::DayOfWeek => 7 * DAY,
        }
    }

    /// Returns its sine and cosine at a time; none where that is a count.
    pub fn of(self, time: Time) -> Option<[f64; Self::CHANNELS]> {
        // Weeks begin on a Thursday, as 1970 did: where a circle begins does not matter.
        let since = time.local()?.rem_euclid(self.period());
        let (sine, cosine) =
            (std::f64::consts::TAU * since as f64 / self.period() as f64).sin_cos();
        Some([sine, cosine])
    }
}

impl TimeSeries {
    /// Appends calendar features as channels, two for each, such as `hour_of_day sine`; without
    /// features it stays as it is.
    ///
    /// # Errors
    /// A series without times, or whose times are counts; a channel of such a name.
    pub fn with_calendar(&self, features: &[CalendarFeature]) -> Result<Cow<'_, Self>, DataError> {
        if features.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let times = self.timestamps().ok_or(DataError::NoTimestamps)?;
        let width = self.channel_count() + CalendarFeature::CHANNELS * features.len();
        let mut values = Vec::with_capacity(self.rows() * width);
        for (row, timestamp) in times.iter().enumerate() {
            values.extend(self.row(row));
            for feature in features {
                let of = feature.of(self.clock().at(*timestamp));
                values.extend(of.ok_or(DataError::NoDates)?);
            }
        }
        let added = features.iter().flat_map(|it| [format!("{it} sine"), format!("{it} cosine")]);
        let channels = self.channels().iter().cloned().chain(added).collect();
        self.with_channels(channels, values).map(Cow::Owned)
    }
}

impl TrainSeries {
    /// Appends calendar features as channels, as [`TimeSeries::with_calendar`] does.
    ///
    /// # Errors
    /// As there.
    pub fn with_calendar(&self, features: &[CalendarFeature]) -> Result<Cow<'_, Self>, DataError> {
        Ok(self.made(TimeSeries::with_calendar(self, features)?))
    }
}

#[cfg(test)]
mod tests {
    use aster_base::{Clock, OffsetChange};

    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn series(clock: Clock) -> TimeSeries {
        TimeSeries::from_slice(&[1.0, 2.0, 3.0], 1)
            .unwrap()
            .with_timestamps(vec![0, 6 * HOUR, 30 * HOUR])
            .unwrap()
            .with_clock(clock)
    }

    #[test]
    fn features_go_round_with_the_clock_on_the_wall() {
        let both = [CalendarFeature::HourOfDay, CalendarFeature::DayOfWeek];
        let utc = series(Clock::UTC);
        let with = utc.with_calendar(&both).unwrap();
        let names =
            ["hour_of_day sine", "hour_of_day cosine", "day_of_week sine", "day_of_week cosine"];
        assert_eq!(with.channels()[1..], names);
        assert_eq!(with.row(0), [1.0, 0.0, 1.0, 0.0, 1.0]);
        let angle = std::f64::consts::TAU * 30.0 / 168.0;
        for (row, week) in [(1, angle / 5.0), (2, angle)] {
            let expected = [(row + 1) as f64, 1.0, 0.0, week.sin(), week.cos()];
            for (got, expected) in with.row(row).iter().zip(expected) {
                approx::assert_abs_diff_eq!(*got, expected, epsilon = 1e-12);
            }
        }
        assert_eq!(with.timestamps(), utc.timestamps());
        let east = Clock::Zoned(vec![OffsetChange { from: 0, seconds: 6 * 3600 }]);
        let east = series(east);
        let there = east.with_calendar(&both[..1]).unwrap();
        approx::assert_abs_diff_eq!(there.row(0)[1], 1.0, epsilon = 1e-12);
        assert!(matches!(utc.with_calendar(&[]).unwrap(), Cow::Borrowed(_)));
    }

    #[test]
    fn counts_and_no_times_have_no_calendar() {
        let feature = [CalendarFeature::DayOfWeek];
        let error = series(Clock::Counts).with_calendar(&feature).unwrap_err();
        assert!(matches!(error, DataError::NoDates), "{error}");
        let none = TimeSeries::from_slice(&[1.0], 1).unwrap();
        assert!(matches!(none.with_calendar(&feature), Err(DataError::NoTimestamps)));
        let twice = series(Clock::UTC).with_calendar(&feature).unwrap().into_owned();
        assert!(matches!(twice.with_calendar(&feature), Err(DataError::DuplicateChannel { .. })));
    }
}
