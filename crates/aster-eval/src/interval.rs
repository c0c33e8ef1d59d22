use std::collections::VecDeque;

use aster_base::{Clock, SettingError, Time, require};
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_thresholds};

/// Debounce of alarms: how many scores above the threshold make one, and which are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AlarmConfig {
    /// A row alarms when at least this many ... Default: 1.
    pub k: usize,
    /// ... of the last `n` rows, itself included, reach the threshold. Default: 1.
    pub n: usize,
    /// Intervals at most this many rows apart are joined. Default: 0.
    pub join: usize,
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self { k: 1, n: 1, join: 0 }
    }
}

/// Detected anomaly: an interval of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// First row.
    pub start: usize,
    /// Row after the last one.
    pub end: usize,
    /// Row of the highest score.
    pub peak: usize,
    /// The highest score.
    pub peak_score: f32,
    /// Mean height of the rows' scores above the threshold (0 for rows below),
    /// in the score's unit.
    pub severity: f32,
    /// The timestamps of its rows, where they are known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub times: Option<IntervalTimes>,
}

impl Interval {
    /// Counts its rows from so many rows before: an interval of a part of a series as one of the
    /// whole.
    pub fn shifted(self, rows: usize) -> Self {
        let Self { start, end, peak, .. } = self;
        Self { start: start + rows, end: end + rows, peak: peak + rows, ..self }
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

impl AlarmConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// `k` outside `1..=n`.
    pub fn check(&self) -> Result<(), SettingError> {
        let got = format!("{} of {}", self.k, self.n);
        require("k of n", self.k > 0 && self.k <= self.n, "1 <= k <= n", got)
    }
}

/// Finds the intervals in which the scores reach their thresholds, in order.
///
/// # Errors
/// No scores, a score that is not finite, another number of thresholds, `k` outside `1..=n`.
pub fn intervals(
    scores: &[f32],
    thresholds: &[f32],
    alarm: &AlarmConfig,
) -> Result<Vec<Interval>, EvalError> {
    check_thresholds(scores, thresholds)?;
    alarm.check()?;
    let mut tracker = AlarmTracker::new(*alarm);
    let pairs = scores.iter().zip(thresholds);
    let mut closed: Vec<_> =
        pairs.filter_map(|(score, at)| tracker.next(*score, *at, None).closed).collect();
    closed.extend(tracker.finish());
    Ok(closed)
}

/// Finder of intervals in scores that come one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmTracker {
    config: AlarmConfig,
    /// Whether each of the latest rows reached its threshold, `n` of them at most.
    recent: VecDeque<bool>,
    row: usize,
    open: Option<Interval>,
    /// Sums over the rows after the open interval, which may yet become part of it. Their
    /// severities are sums.
    after: Option<Interval>,
}

/// Result of one score for the alarms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmStep {
    /// Whether its row alarms.
    pub alarms: bool,
    /// An interval that has ended, and that no later row can join.
    pub closed: Option<Interval>,
}

impl AlarmTracker {
    /// Before the first score.
    pub fn new(config: AlarmConfig) -> Self {
        Self { config, recent: VecDeque::new(), row: 0, open: None, after: None }
    }

    /// Takes the next score, its threshold, and its time where there is one.
    pub fn next(&mut self, score: f32, threshold: f32, time: Option<Time>) -> AlarmStep {
        if self.recent.len() >= self.config.n {
            self.recent.pop_front();
        }
        self.recent.push_back(score >= threshold);
        let row = Interval {
            start: self.row,
            end: self.row.saturating_add(1),
            peak: self.row,
            peak_score: score,
            severity: (score - threshold).max(0.0),
            times: time.map(|time| IntervalTimes {
                start_time: time,
                last_time: time,
                peak_time: time,
            }),
        };
        self.row = self.row.saturating_add(1);
        let alarms = self.recent.iter().filter(|reached| **reached).count() >= self.config.k;
        if alarms {
            let before = self.open.into_iter().chain(self.after.take());
            self.open = before.chain([row]).reduce(joined);
            return AlarmStep { alarms, closed: None };
        }
        let over =
            self.open.is_some_and(|open| self.row.saturating_sub(open.end) > self.config.join);
        let closed = if over { self.finish() } else { None };
        if self.open.is_some() {
            self.after = self.after.into_iter().chain([row]).reduce(joined);
        }
        AlarmStep { alarms, closed }
    }

    /// Goes on with other settings; an interval that is open stays so.
    pub fn set_config(&mut self, config: AlarmConfig) {
        self.config = config;
        let passed = self.recent.len().saturating_sub(config.n.saturating_sub(1));
        self.recent.drain(..passed);
    }

    /// Returns the interval that is still open, as it would be if it ended here.
    pub fn open(&self) -> Option<Interval> {
        self.clone().finish()
    }

    /// Ends a series: the interval that is still open, and what the next rows would have to do
    /// with those before. Rows count on.
    pub fn restart(&mut self) -> Option<Interval> {
        self.recent.clear();
        self.finish()
    }

    /// Ends the interval that is still open, if there is one.
    pub fn finish(&mut self) -> Option<Interval> {
        self.after = None;
        let open = self.open.take()?;
        let rows = open.end.saturating_sub(open.start).max(1);
        Some(Interval { severity: open.severity / rows as f32, ..open })
    }
}

/// Two neighbours, with the sum of their severities.
fn joined(a: Interval, b: Interval) -> Interval {
    let higher = if b.peak_score > a.peak_score { b } else { a };
    let times = a.times.zip(b.times).zip(higher.times);
    Interval {
        start: a.start,
        end: b.end,
        severity: a.severity + b.severity,
        times: times.map(|((a, b), higher)| IntervalTimes {
            start_time: a.start_time,
            last_time: b.last_time,
            ..higher
        }),
        ..higher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 9] = [0.0, 2.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0];

    fn spans(alarm: AlarmConfig) -> Vec<(usize, usize)> {
        let found = intervals(&SCORES, &[1.0; 9], &alarm).unwrap();
        found.iter().map(|i| (i.start, i.end)).collect()
    }

    #[test]
    fn runs_join_and_suppression() {
        assert_eq!(spans(AlarmConfig::default()), [(1, 3), (4, 5), (8, 9)]);
        assert_eq!(spans(AlarmConfig { join: 1, ..Default::default() }), [(1, 5), (8, 9)]);
        assert_eq!(spans(AlarmConfig { k: 2, n: 3, join: 0 }), [(2, 5)]);
    }

    #[test]
    fn an_interval_ends_when_no_later_row_can_join_it() {
        let mut tracker = AlarmTracker::new(AlarmConfig { k: 1, n: 1, join: 1 });
        let steps = SCORES.map(|score| tracker.next(score, 1.0, None));
        let alarms = steps.map(|step| step.alarms);
        assert_eq!(alarms, SCORES.map(|score| score >= 1.0));
        let closed: Vec<_> = steps.iter().map(|step| step.closed.map(|i| i.end)).collect();
        assert_eq!(closed[..6], [None; 6]);
        assert_eq!(closed[6..], [Some(5), None, None]);
        assert_eq!(tracker.finish().map(|i| (i.start, i.end)), Some((8, 9)));
        assert_eq!(tracker.finish(), None);
    }

    #[test]
    fn times_are_those_of_the_rows() {
        let mut tracker = AlarmTracker::new(AlarmConfig { join: 1, ..Default::default() });
        let times: Vec<i64> = (0..9).map(|row| 100 + 10 * row).collect();
        let at = |timestamp: i64| Clock::Counts.at(timestamp);
        let steps =
            SCORES.iter().zip(&times).map(|(s, time)| tracker.next(*s, 1.0, Some(at(*time))));
        let first = steps.filter_map(|step| step.closed).next().unwrap();
        let expected =
            IntervalTimes { start_time: at(110), last_time: at(140), peak_time: at(120) };
        assert_eq!(first.times, Some(expected));
        assert_eq!(IntervalTimes::of(&first, &times, &Clock::Counts), Some(expected));
        assert_eq!(IntervalTimes::of(&first, &times[..4], &Clock::Counts), None);
        assert_eq!(first.to_string(), "rows 1..5, times 110 to 140, peak 3.0 at time 120");
        let dated = Clock::UTC.at(1_709_290_800_000_000_000);
        let of_row = IntervalTimes { start_time: dated, last_time: dated, peak_time: dated };
        let text = Interval { times: Some(of_row), ..first }.to_string();
        assert!(text.ends_with(", peak 3.0 at 2024-03-01 11:00:00Z"), "{text}");
        let line = serde_json::to_string(&first).unwrap();
        assert!(line.ends_with(r#""start_time":110,"last_time":140,"peak_time":120}"#), "{line}");
        assert_eq!(serde_json::from_str::<Interval>(&line).unwrap(), first);
        let untimed = Interval { times: None, ..first };
        let line = serde_json::to_string(&untimed).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&line).unwrap(), untimed);
    }

    #[test]
    fn peak_and_severity() {
        let first = intervals(&SCORES, &[1.0; 9], &AlarmConfig::default()).unwrap()[0];
        assert_eq!((first.peak, first.peak_score, first.severity), (2, 3.0, 1.5));
        assert_eq!(first.shifted(10).to_string(), "rows 11..13, peak 3.0 at row 12");
        let alarm = AlarmConfig { join: 1, ..Default::default() };
        let joined = intervals(&SCORES, &[1.0; 9], &alarm).unwrap()[0];
        assert_eq!((joined.peak, joined.peak_score, joined.severity), (2, 3.0, 1.0));
    }

    #[test]
    fn k_must_fit_n() {
        let alarm = AlarmConfig { k: 3, n: 2, join: 0 };
        assert!(matches!(intervals(&SCORES, &[1.0; 9], &alarm), Err(EvalError::Setting(_))));
        let short = intervals(&SCORES, &[1.0], &AlarmConfig::default());
        assert!(matches!(short, Err(EvalError::Setting(_))));
    }
}
