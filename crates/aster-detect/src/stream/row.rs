use std::borrow::Cow;
use std::fmt;

use aster_base::Time;
use serde::{Deserialize, Deserializer, Serialize};

/// Row of a stream, which owns its values or borrows them.
///
/// ```
/// use aster_detect::Row;
///
/// let borrowed = Row::new(Some(7), &[0.5, 1.5]);
/// let parsed: Row = serde_json::from_str(r#"{"time": 7, "values": [0.5, 1.5]}"#)?;
/// assert_eq!(borrowed, parsed);
/// let missing: Row = serde_json::from_str(r#"{"values": [null, 1.5]}"#)?;
/// assert!(missing.time.is_none() && missing.values[0].is_nan());
/// let dated: Row = serde_json::from_str(r#"{"time": "1970-01-01T00:00:01Z", "values": [0.5]}"#)?;
/// assert_eq!(dated.time, Some(1_000_000_000));
/// assert_eq!(borrowed.to_string(), "time 7: 0.5, 1.5");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row<'a> {
    /// Time, if it has one, in the unit that the series trained on has: nanoseconds where that has
    /// dates. It is read from numbers, and from dates as RFC 3339 has them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub time: Option<i64>,
    /// `[C]`, in the order of the detector's channels; NaN where missing, which is `null` in JSON.
    #[serde(deserialize_with = "values")]
    pub values: Cow<'a, [f64]>,
}

impl<'a> Row<'a> {
    /// Creates a row of values `[C]`, borrowed (`&[f64]`) or owned (`Vec<f64>`).
    pub fn new(time: impl Into<Option<i64>>, values: impl Into<Cow<'a, [f64]>>) -> Self {
        Self { time: time.into(), values: values.into() }
    }
}

/// As `time 7: 0.5, NaN`.
impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.values.iter().map(f64::to_string).collect();
        let values = values.join(", ");
        match self.time {
            Some(time) => write!(f, "time {time}: {values}"),
            None => f.write_str(&values),
        }
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Time>::deserialize(from)?.map(|time| time.timestamp()))
}

fn values<'a, 'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'a, [f64]>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(from)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// Score of a row of a stream that no later row changes. As text: `row 12 at 2024-03-01 12:00:00Z: score 5.1, threshold
/// 4.2, alarm`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scored {
    /// Number of the row in the stream, from 0.
    pub row: u64,
    /// Time of the row, if it has one, by the clock of the series that was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Score in nats: higher is more anomalous.
    pub score: f32,
    /// Threshold that the score is compared with.
    pub threshold: f32,
    /// Alarm flag of the row: its score reaches the threshold, and so do those of as many rows
    /// before it as the detector's [`AlarmConfig`](aster_eval::AlarmConfig) asks for.
    pub alarms: bool,
    /// Whether the row stands in for a missing one: it opens no alarm and closes none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filled: bool,
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, time, score, threshold, alarms, filled } = self;
        write!(f, "row {row}")?;
        time.map_or(Ok(()), |time| write!(f, " at {time}"))?;
        write!(f, ": score {score:.1}, threshold {threshold:.1}")?;
        match (alarms, filled) {
            (true, _) => f.write_str(", alarm"),
            (false, true) => f.write_str(", filled"),
            (false, false) => Ok(()),
        }
    }
}
