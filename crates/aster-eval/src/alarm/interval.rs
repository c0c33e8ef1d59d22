use aster_base::{Clock, Time};
use serde::{Deserialize, Serialize};

/// Detected anomaly: an interval of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// First row: where the score rose to the level at which an alarm can close, and stayed there
    /// until one opened.
    pub start: usize,
    /// Row whose score opened the alarm.
    pub opened: usize,
    /// Row after the last one.
    pub end: usize,
    /// Row of the highest score.
    pub peak: usize,
    /// The highest score.
    pub peak_score: f32,
    /// Threshold at the peak.
    pub threshold: f32,
    /// Mean height of the rows' scores above the threshold (0 for rows below),
    /// in the score's unit.
    pub excess: f32,
    /// Flag of an alarm that ended as the new normal, because it had lasted so long
    /// ([`DriftConfig::settle`](crate::DriftConfig::settle)).
    pub new_normal: bool,
    /// The timestamps of its rows, where they are known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub times: Option<IntervalTimes>,
}

impl Interval {
    /// Counts its rows from so many rows before: an interval of a part of a series as one of the
    /// whole.
    pub fn shifted(self, rows: usize) -> Self {
        let Self { start, opened, end, peak, .. } = self;
        let (start, opened) = (start + rows, opened + rows);
        Self { start, opened, end: end + rows, peak: peak + rows, ..self }
    }
}

/// Times of a detected anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalTimes {
    /// Time of the first row.
    pub start_time: Time,
    /// Time of the last row.
    pub last_time: Time,
    /// Time of the highest score.
    pub peak_time: Time,
}

/// As `rows 120..160, peak 14.2 at row 133`, with times where they are known.
impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { start, end, peak, peak_score, .. } = self;
        write!(f, "rows {start}..{end}")?;
        match self.times {
            Some(IntervalTimes { start_time, last_time, peak_time }) => {
                // A date says that it is one.
                let [times, time] = match start_time {
                    Time::Count(_) => ["times ", "time "],
                    _ => [""; 2],
                };
                write!(f, ", {times}{start_time} to {last_time}")?;
                write!(f, ", peak {peak_score:.1} at {time}{peak_time}")
            }
            None => write!(f, ", peak {peak_score:.1} at row {peak}"),
        }
    }
}

impl IntervalTimes {
    /// Looks up the times of an interval, from the timestamps of a series and what they count.
    pub fn of(interval: &Interval, timestamps: &[i64], clock: &Clock) -> Option<Self> {
        let at = |row: usize| timestamps.get(row).map(|timestamp| clock.at(*timestamp));
        Some(Self {
            start_time: at(interval.start)?,
            last_time: at(interval.end.checked_sub(1)?)?,
            peak_time: at(interval.peak)?,
        })
    }
}

/// Two neighbours, with the sum of their excesses.
pub(crate) fn joined(a: Interval, b: Interval) -> Interval {
    let higher = if b.peak_score > a.peak_score { b } else { a };
    let times = a.times.zip(b.times).zip(higher.times);
    Interval {
        start: a.start,
        opened: a.opened,
        end: b.end,
        excess: a.excess + b.excess,
        times: times.map(|((a, b), higher)| IntervalTimes {
            start_time: a.start_time,
            last_time: b.last_time,
            ..higher
        }),
        ..higher
    }
}
