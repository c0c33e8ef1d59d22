use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use aster_base::Time;
use aster_eval::{EpisodeRate, Interval};
use serde::{Deserialize, Serialize};

/// Alarm: an interval of rows that look like nothing in training, and why.
///
/// In JSON it is one flat object. As text: `alarm 2, severity 61: rows 120..160, peak 14.2 at row 133;
/// pressure 71 %, 3.1 at row 131 where 2.2 was expected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alarm {
    /// Number of the alarm in its series or stream, from 0.
    pub number: u64,
    /// How rare such a peak is, from 0 to 100: normal data like that of training is expected to
    /// show one as high in `10^(severity / 10)` rows, where 40 is one in ten thousand (ours).
    pub severity: f64,
    /// Rows, peak and times.
    #[serde(flatten)]
    pub interval: Interval,
    /// Reasons: of the eight channels that have most part in the score at the peak those without
    /// which the scores around it fall, the one with the largest fall first. None where the score
    /// says nothing of channels. A stream finds them before the rows around the peak are forgotten, so that
    /// an alarm closes with those that it has in a finished series, however long it lasts.
    pub reasons: Vec<Reason>,
}

/// Part of a channel in an alarm, and what it was near the peak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// Name of the channel.
    pub channel: String,
    /// Share in [0, 1] of how far the scores around the peak fall when the channel is replaced by its
    /// reconstruction (occlusion, after Zeiler & Fergus, ECCV 2014).
    pub share: f64,
    /// Row whose value is furthest from the reconstruction, of those around the peak. The peak itself may
    /// lie some rows away: a score is of windows and averages.
    pub row: usize,
    /// Time of that row, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Value of that row, in the unit of the channel.
    pub observed: f64,
    /// Value that the reconstruction has in its place, in the same unit; none of a channel that was
    /// constant in training, or that a policy has dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
}

/// Event in the life of an alarm: it opens, grows or closes. In JSON it is the alarm with an `event`:
/// `opened`, `updated` or `closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlarmEvent {
    /// It has begun: the score of its row [`Interval::opened`] makes an alarm.
    Opened(Alarm),
    /// It has grown by ten of severity since it was last told. Its reasons are told anew where its
    /// peak has moved.
    Updated(Alarm),
    /// It is over: no later row belongs to it.
    Closed(Alarm),
}

/// Growth of the severity that is told of.
pub(crate) const GROWTH: f64 = 10.0;

/// Reasons that are told.
pub(crate) const REASONS: usize = 8;

impl AlarmEvent {
    /// Returns the alarm that it is about.
    pub fn alarm(&self) -> &Alarm {
        match self {
            Self::Opened(alarm) | Self::Updated(alarm) | Self::Closed(alarm) => alarm,
        }
    }
}

impl Alarm {
    /// Returns its rows.
    pub fn rows(&self) -> Range<usize> {
        self.interval.start..self.interval.end
    }

    /// Counts its rows from so many rows before: an alarm of a part of a series as one of the whole.
    pub fn shifted(self, rows: usize) -> Self {
        let Self { number, severity, interval, reasons } = self;
        let reasons = reasons.into_iter().map(|it| Reason { row: it.row + rows, ..it }).collect();
        Self { number, severity, interval: interval.shifted(rows), reasons }
    }

    /// Compares alarms by severity, then by the score of the peak.
    ///
    /// All that is rarer than one in ten thousand million rows has a severity of 100.
    pub fn cmp_severity(&self, other: &Self) -> Ordering {
        let peaks = || self.interval.peak_score.total_cmp(&other.interval.peak_score);
        self.severity.total_cmp(&other.severity).then_with(peaks)
    }
}

/// Severity of a peak: the level of scores may have moved, and the threshold with it.
pub(crate) fn severity(rate: &EpisodeRate, base: f32, interval: &Interval) -> f64 {
    let moved = if base > 0.0 { base / interval.threshold } else { 1.0 };
    let rows = -10.0 * rate.per_row(interval.peak_score * moved).max(1e-10).log10();
    rows.clamp(0.0, 100.0)
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, severity, interval, reasons } = self;
        write!(f, "alarm {number}, severity {severity:.0}: {interval}")?;
        if interval.new_normal {
            f.write_str(", the new normal since")?;
        }
        let told = reasons.iter().take(3).take_while(|reason| reason.share >= 0.005);
        let mut told = told.enumerate();
        told.try_for_each(|(at, reason)| write!(f, "{} {reason}", if at == 0 { ";" } else { "," }))
    }
}

impl Reason {
    /// Says what was observed, where, and what was expected: `3.1 at row 131 where 2.2 was expected`.
    pub fn observation(&self) -> String {
        let at = match self.time {
            Some(time @ Time::Count(_)) => format!("time {time}"),
            Some(time) => time.to_string(),
            None => format!("row {}", self.row),
        };
        let expected = self.expected.map(|it| format!(" where {} was expected", short(it)));
        format!("{} at {at}{}", short(self.observed), expected.unwrap_or_default())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.0} %, {}", self.channel, 100.0 * self.share, self.observation())
    }
}

/// As `opened: alarm 2, ...`.
impl fmt::Display for AlarmEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Opened(_) => "opened",
            Self::Updated(_) => "updated",
            Self::Closed(_) => "closed",
        };
        write!(f, "{word}: {}", self.alarm())
    }
}

/// A number in four digits or so.
fn short(value: f64) -> String {
    let digits = (3 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm() -> Alarm {
        let (start, opened, end, peak) = (120, 123, 160, 133);
        let (peak_score, threshold, excess, times) = (14.2, 4.0, 3.0, None);
        let new_normal = false;
        let interval =
            Interval { start, opened, end, peak, peak_score, threshold, excess, new_normal, times };
        let reason = |channel: &str, share, observed, expected| {
            let (channel, row, time) = (channel.into(), 131, None);
            Reason { channel, share, row, time, observed, expected }
        };
        let reasons =
            vec![reason("pressure", 0.71, 3.1, Some(2.2)), reason("valve", 0.29, 1.0, None)];
        Alarm { number: 2, severity: 61.2, interval, reasons }
    }

    #[test]
    fn it_says_in_one_sentence_what_happens_and_why() {
        assert_eq!(
            AlarmEvent::Opened(alarm()).to_string(),
            "opened: alarm 2, severity 61: rows 120..160, peak 14.2 at row 133; \
             pressure 71 %, 3.1 at row 131 where 2.2 was expected, valve 29 %, 1 at row 131"
        );
        let mut one = alarm();
        one.reasons[1].share = 0.004;
        assert!(!one.to_string().contains("valve"), "{one}");
        let later = alarm().shifted(1000);
        assert_eq!((later.interval.peak, later.reasons[0].row), (1133, 1131));
        let reason = |time| Reason { time: Some(time), ..later.reasons[1].clone() }.to_string();
        assert_eq!(reason(Time::Count(7)), "valve 29 %, 1 at time 7");
        assert_eq!(reason(Time::Local(0)), "valve 29 %, 1 at 1970-01-01 00:00:00");
        let numbers = [0.0, -0.001234567, 21.123456, 1013.25, 50_000.4].map(short);
        assert_eq!(numbers, ["0", "-0.001235", "21.12", "1013", "50000"]);
    }

    #[test]
    fn in_json_it_is_flat_and_reads_back() {
        let event = AlarmEvent::Closed(alarm());
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.starts_with(r#"{"event":"closed","number":2,"severity":61.2,"start":120,"#));
        assert_eq!(serde_json::from_str::<AlarmEvent>(&text).unwrap(), event);
    }

    #[test]
    fn severity_is_how_rare_a_peak_is_at_the_level_of_the_threshold() {
        let scores: Vec<f32> =
            (0..10_000).map(|row| -((row * 7919 % 10_000) as f32 / 10_000.0 + 5e-5).ln()).collect();
        let rate = EpisodeRate::fit(&scores, 0).unwrap();
        let at = |peak_score, threshold| {
            severity(&rate, 4.0, &Interval { peak_score, threshold, ..alarm().interval })
        };
        // Nearly independent exponential scores: e^-x of them reach x.
        let expected = 10.0 * 6.0 / std::f64::consts::LN_10;
        assert!((at(6.0, 4.0) - expected).abs() < 3.0, "{} for {expected}", at(6.0, 4.0));
        assert!((at(12.0, 8.0) - at(6.0, 4.0)).abs() < 1e-9);
        assert_eq!(at(f32::MAX, 4.0), 100.0);
        assert_eq!(at(0.0, 4.0).max(10.0), 10.0);
    }

    #[test]
    fn the_higher_peak_comes_first_among_alarms_that_are_as_severe_as_can_be() {
        let of = |severity, peak_score| {
            let interval = Interval { peak_score, ..alarm().interval };
            Alarm { severity, interval, ..alarm() }
        };
        let mut alarms = [of(100.0, 5.0), of(61.0, 9.0), of(100.0, 7.0)];
        alarms.sort_by(|a, b| b.cmp_severity(a));
        assert_eq!(alarms.map(|it| it.interval.peak_score), [7.0, 5.0, 9.0]);
    }
}
