use std::collections::VecDeque;

use aster_base::{Clock, Time};
use serde::{Deserialize, Serialize};

use crate::alarm::acknowledgement::Acknowledgement;
use crate::alarm::config::{AlarmConfig, DriftConfig};
use crate::alarm::interval::{Interval, IntervalTimes, joined};
use crate::alarm::level::Level;
use crate::error::{EvalError, check_scores};

/// All that turns scores into alarms: a threshold of normal scores, and what is made of it.
///
/// ```
/// use aster_eval::{AlarmConfig, AlarmRule, DriftConfig};
///
/// let rule = AlarmRule {
///     threshold: 3.0,
///     alarm: AlarmConfig::default(),
///     drift: Some(DriftConfig::default()),
///     normal_rows: 0,
/// };
/// // From row 300 on everything scores higher: an alarm that is the new normal in the end.
/// let scores: Vec<f32> = (0..900).map(|row| if row < 300 { 0.5 } else { 6.0 }).collect();
/// let found = rule.alarms(&scores)?;
/// assert_eq!((found.intervals.len(), found.intervals[0].start), (1, 300));
/// assert_eq!(found.intervals[0].end, 600, "as many rows as were normal before");
/// assert!(found.thresholds[600] > 6.0);
/// # Ok::<(), aster_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlarmRule {
    /// Threshold that training has set.
    pub threshold: f32,
    /// When alarms open and close.
    pub alarm: AlarmConfig,
    /// How the threshold follows scores whose level has moved, if it does.
    pub drift: Option<DriftConfig>,
    /// Normal rows that were seen before the first score, those of calibration: an alarm is the new
    /// normal the later the more was normal before.
    pub normal_rows: u64,
}

/// Alarms of a finished series of scores.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Alarms {
    /// Threshold of each score, which only scores before it have moved.
    pub thresholds: Vec<f32>,
    /// Alarms, in order.
    pub intervals: Vec<Interval>,
}

impl AlarmRule {
    /// Finds the alarms of a finished series of scores.
    ///
    /// # Errors
    /// No scores, a score that is not finite, a setting outside its range.
    pub fn alarms(&self, scores: &[f32]) -> Result<Alarms, EvalError> {
        check_scores(scores)?;
        self.alarm.check()?;
        self.drift.as_ref().map_or(Ok(()), DriftConfig::check)?;
        let mut tracker = AlarmTracker::new(*self);
        let mut found = Alarms::default();
        for score in scores {
            let step = tracker.next(*score, None);
            found.thresholds.push(step.threshold);
            found.intervals.extend(step.closed);
        }
        found.intervals.extend(tracker.finish());
        Ok(found)
    }

    fn level(&self) -> Option<Level> {
        self.drift.map(|drift| Level::new(&drift, self.threshold, self.normal_rows))
    }
}

impl Alarms {
    /// Gives the alarms the times of their rows, from the timestamps of a series and what they
    /// count.
    pub fn set_times(&mut self, timestamps: &[i64], clock: &Clock) {
        for interval in &mut self.intervals {
            interval.times = IntervalTimes::of(interval, timestamps, clock);
        }
    }
}

/// Finder of alarms in scores that come one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmTracker {
    rule: AlarmRule,
    level: Option<Level>,
    /// Whether each of the latest rows reached its threshold, `n` of them at most.
    recent: VecDeque<bool>,
    row: usize,
    /// First row of those that go on at the level at which an alarm can close.
    risen: Option<(usize, Option<Time>)>,
    open: Option<Interval>,
    /// Sums over the rows after the open alarm, which may yet become part of it.
    after: Option<Interval>,
    /// What the open alarm is to the level, where the threshold follows.
    lasting: Option<Lasting>,
    /// Rows after the open alarm that nothing is known of.
    absent: usize,
}

/// An open alarm as the level sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lasting {
    /// Scores that had counted before it.
    before: u64,
    /// Rows so far.
    rows: usize,
    /// Its scores, until they count.
    held: Option<Vec<f32>>,
    /// Whether a person has said that it is an incident.
    incident: bool,
}

/// Result of one score for the alarms.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AlarmStep {
    /// Threshold of the score.
    pub threshold: f32,
    /// Whether its row alarms: enough of the latest rows reach their thresholds.
    pub alarms: bool,
    /// Whether an alarm opens with it.
    pub opened: bool,
    /// An alarm that is over: no later row can join it.
    pub closed: Option<Interval>,
}

impl AlarmTracker {
    /// Before the first score.
    pub fn new(rule: AlarmRule) -> Self {
        Self {
            rule,
            level: rule.level(),
            recent: VecDeque::new(),
            row: 0,
            risen: None,
            open: None,
            after: None,
            lasting: None,
            absent: 0,
        }
    }

    /// Passes a row that nothing is known of: it opens no alarm, closes none and moves no threshold.
    pub fn pass(&mut self) -> AlarmStep {
        let threshold = self.threshold();
        self.row = self.row.saturating_add(1);
        self.absent = self.absent.saturating_add(1);
        AlarmStep { threshold, alarms: false, opened: false, closed: None }
    }

    /// The threshold of the next row.
    fn threshold(&mut self) -> f32 {
        let AlarmRule { threshold: base, drift, .. } = self.rule;
        let followed = self.level.as_mut().zip(drift.as_ref());
        followed.map_or(base, |(level, drift)| level.threshold(drift, base))
    }

    /// Takes the next score, and its time where there is one.
    pub fn next(&mut self, score: f32, time: Option<Time>) -> AlarmStep {
        let (threshold, alarm) = (self.threshold(), self.rule.alarm);
        let reached = score >= threshold;
        while self.recent.len() >= alarm.n {
            self.recent.pop_front();
        }
        self.recent.push_back(reached);
        let alarms = self.recent.iter().filter(|reached| **reached).count() >= alarm.k;
        // Of a threshold that is not above 0, no share is below it.
        let high = reached || f64::from(score) >= alarm.close * f64::from(threshold.max(0.0));
        let risen = if high { self.risen.or(Some((self.row, time))) } else { None };
        self.risen = risen;
        let row = self.of_row(score, threshold, time);
        self.row = self.row.saturating_add(1);

        let opened = alarms && self.open.is_none();
        if opened {
            let (start, start_time) = risen.unwrap_or((row.start, time));
            let times = row.times.zip(start_time);
            let times = times.map(|(times, start_time)| IntervalTimes { start_time, ..times });
            self.open = Some(Interval { start, times, ..row });
            self.absent = 0;
        } else if self.open.is_some() && (alarms || high) {
            let before = self.open.into_iter().chain(self.after.take());
            self.open = before.chain([row]).reduce(joined);
            self.absent = 0;
        } else if self.open.is_some() {
            self.after = self.after.into_iter().chain([row]).reduce(joined);
        }
        let new_normal = self.count(score, reached);
        let quiet = self.open.map(|open| (self.row - open.end).saturating_sub(self.absent));
        let over = new_normal || quiet.is_some_and(|rows| rows > alarm.join);
        let closed = if over { self.finish() } else { None };
        let closed = closed.map(|interval| Interval { new_normal, ..interval });
        AlarmStep { threshold, alarms, opened, closed }
    }

    /// Tells the level of a score; returns whether the open alarm is the new normal with it.
    fn count(&mut self, score: f32, reached: bool) -> bool {
        let Some((level, drift)) = self.level.as_mut().zip(self.rule.drift) else { return false };
        if self.open.is_none() {
            // One that reaches its threshold is none of a normal row, if too few of them alarm.
            if !reached {
                level.accept(&drift, [score].into_iter());
            }
            return false;
        }
        let before = level.counted();
        let fresh = || Lasting { before, rows: 0, held: Some(vec![]), incident: false };
        let lasting = self.lasting.get_or_insert_with(fresh);
        if lasting.incident {
            return false;
        }
        lasting.rows = lasting.rows.saturating_add(1);
        match &mut lasting.held {
            Some(held) => {
                held.push(score);
                if held.len() >= drift.counts_after(lasting.before) {
                    level.accept(&drift, held.drain(..));
                    level.hasten();
                    lasting.held = None;
                }
            }
            None => level.accept(&drift, [score].into_iter()),
        }
        let settled = lasting.rows >= drift.settles_after(lasting.before);
        if settled {
            level.keep(lasting.rows);
        }
        settled
    }

    /// Takes a person's word on the open alarm; returns the alarm if that ends it. Without drift no
    /// threshold follows, and a new normal means nothing.
    pub fn acknowledge(&mut self, said: Acknowledgement) -> Option<Interval> {
        let lasting = self.open.and(self.lasting.as_mut())?;
        match said {
            Acknowledgement::Incident => {
                lasting.incident = true;
                None
            }
            Acknowledgement::Normal => {
                let (level, drift) = self.level.as_mut().zip(self.rule.drift)?;
                let rows = lasting.rows;
                level.accept(&drift, lasting.held.take().unwrap_or_default().into_iter());
                level.keep(rows);
                self.lasting = None;
                self.finish().map(|interval| Interval { new_normal: true, ..interval })
            }
        }
    }

    fn of_row(&self, score: f32, threshold: f32, time: Option<Time>) -> Interval {
        let row = self.row;
        Interval {
            start: row,
            opened: row,
            end: row.saturating_add(1),
            peak: row,
            peak_score: score,
            threshold,
            excess: (score - threshold).max(0.0),
            new_normal: false,
            times: time.map(|time| IntervalTimes {
                start_time: time,
                last_time: time,
                peak_time: time,
            }),
        }
    }

    /// Goes on with another rule; an alarm that is open stays so, and the threshold begins anew.
    pub fn set_rule(&mut self, rule: AlarmRule) {
        if self.rule.threshold != rule.threshold || self.rule.drift != rule.drift {
            self.level = rule.level();
            self.lasting = None;
        }
        self.rule = rule;
        let passed = self.recent.len().saturating_sub(rule.alarm.n.saturating_sub(1));
        self.recent.drain(..passed);
    }

    /// Returns the alarm that is still open, as it would be if it ended here.
    pub fn open(&self) -> Option<Interval> {
        self.open.map(mean)
    }

    /// Ends a series: the alarm that is still open, and what the next rows would have to do with
    /// those before. Rows count on.
    pub fn restart(&mut self) -> Option<Interval> {
        let closed = self.finish();
        *self = Self { row: self.row, ..Self::new(self.rule) };
        closed
    }

    /// Ends the alarm that is still open, if there is one.
    pub fn finish(&mut self) -> Option<Interval> {
        self.after = None;
        self.risen = None;
        let open = self.open.take()?;
        let followed = self.level.as_mut().zip(self.rule.drift).zip(self.lasting.take());
        if let Some(((level, drift), Lasting { held: Some(held), .. })) = followed {
            // The quiet rows after it are normal ones.
            let quiet =
                self.row.saturating_sub(open.end).saturating_sub(self.absent).min(held.len());
            level.accept(&drift, held[held.len() - quiet..].iter().copied());
        }
        Some(mean(open))
    }

    /// Returns the bytes that its scores take.
    pub fn memory(&self) -> usize {
        let level = self.level.as_ref().map_or(0, Level::memory);
        let held = self.lasting.as_ref().and_then(|it| it.held.as_ref()).map_or(0, Vec::capacity);
        level + held * size_of::<f32>() + self.recent.capacity()
    }

    /// Validates a tracker that was read from outside.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub fn validate(&self) -> Result<(), &'static str> {
        let behind = |interval: &Option<Interval>| interval.is_none_or(|it| it.end <= self.row);
        match (&self.level, &self.rule.drift) {
            _ if !behind(&self.open) || !behind(&self.after) => Err("an alarm of rows to come"),
            (Some(level), Some(drift)) => level.validate(drift),
            (None, None) => Ok(()),
            _ => Err("a threshold that follows where it should not, or does not where it should"),
        }
    }
}

/// An interval with its sum of excesses, with their mean.
fn mean(open: Interval) -> Interval {
    let rows = open.end.saturating_sub(open.start).max(1);
    Interval { excess: open.excess / rows as f32, ..open }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 9] = [0.0, 2.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0];

    fn plain(k: usize, n: usize, join: usize) -> AlarmRule {
        let alarm = AlarmConfig { k, n, close: 1.0, join };
        AlarmRule { threshold: 1.0, alarm, drift: None, normal_rows: 0 }
    }

    fn spans(rule: AlarmRule, scores: &[f32]) -> Vec<(usize, usize)> {
        rule.alarms(scores).unwrap().intervals.iter().map(|i| (i.start, i.end)).collect()
    }

    /// Spread evenly over one unit, in an order without a trend.
    fn noise(row: usize) -> f32 {
        (row * 37 % 100) as f32 / 100.0
    }

    fn following(join: usize) -> AlarmRule {
        let alarm = AlarmConfig { join, ..Default::default() };
        let drift = Some(DriftConfig::default());
        AlarmRule { threshold: 2.0, alarm, drift, normal_rows: 0 }
    }

    #[test]
    fn runs_join_and_suppression() {
        assert_eq!(spans(plain(1, 1, 0), &SCORES), [(1, 3), (4, 5), (8, 9)]);
        assert_eq!(spans(plain(1, 1, 1), &SCORES), [(1, 5), (8, 9)]);
        // It began with the first of the rows that it takes.
        assert_eq!(spans(plain(2, 3, 0), &SCORES), [(1, 5)]);
    }

    #[test]
    fn a_score_around_its_threshold_is_one_alarm_that_began_where_it_rose() {
        let scores = [0.0, 0.6, 0.9, 1.1, 0.7, 1.2, 0.6, 0.4, 0.9, 0.0];
        let mut rule = plain(1, 1, 0);
        assert_eq!(spans(rule, &scores), [(3, 4), (5, 6)]);
        rule.alarm.close = 0.5;
        let found = rule.alarms(&scores).unwrap().intervals;
        let [one] = found[..] else { panic!("{found:?}") };
        assert_eq!((one.start, one.opened, one.end, one.peak), (1, 3, 7, 5));
    }

    #[test]
    fn an_alarm_ends_when_no_later_row_can_join_it() {
        let mut tracker = AlarmTracker::new(plain(1, 1, 1));
        let steps = SCORES.map(|score| tracker.next(score, None));
        assert_eq!(steps.map(|step| step.alarms), SCORES.map(|score| score >= 1.0));
        let opened = [1, 8].map(|row: usize| steps[row].opened);
        assert_eq!((opened, steps.iter().filter(|step| step.opened).count()), ([true; 2], 2));
        let closed: Vec<_> = steps.iter().map(|step| step.closed.map(|i| i.end)).collect();
        assert_eq!(closed[..6], [None; 6]);
        assert_eq!(closed[6..], [Some(5), None, None]);
        assert_eq!(tracker.open().map(|i| (i.start, i.end)), Some((8, 9)));
        assert_eq!(tracker.finish().map(|i| (i.start, i.end)), Some((8, 9)));
        assert_eq!(tracker.finish(), None);
    }

    #[test]
    fn rows_that_nothing_is_known_of_open_no_alarm_and_close_none() {
        let mut tracker = AlarmTracker::new(plain(1, 1, 2));
        let pass = |tracker: &mut AlarmTracker| {
            (0..9).for_each(|_| assert_eq!(tracker.pass().closed, None))
        };
        pass(&mut tracker);
        assert_eq!(tracker.open(), None);
        tracker.next(2.0, None);
        pass(&mut tracker);
        // Two rows below are not enough to close it, whatever lies between.
        let quiet: Vec<_> = (0..2).map(|_| tracker.next(0.0, None).closed).collect();
        assert_eq!(quiet, [None; 2]);
        pass(&mut tracker);
        let closed = tracker.next(0.0, None).closed;
        assert_eq!(closed.map(|it| (it.start, it.end)), Some((9, 10)));
    }

    #[test]
    fn times_are_those_of_the_rows() {
        let mut tracker = AlarmTracker::new(plain(1, 1, 1));
        let times: Vec<i64> = (0..9).map(|row| 100 + 10 * row).collect();
        let at = |timestamp: i64| Clock::Counts.at(timestamp);
        let steps = SCORES.iter().zip(&times).map(|(s, time)| tracker.next(*s, Some(at(*time))));
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
    fn peak_and_excess() {
        let first = plain(1, 1, 0).alarms(&SCORES).unwrap().intervals[0];
        assert_eq!((first.peak, first.peak_score, first.excess), (2, 3.0, 1.5));
        assert_eq!(first.shifted(10).to_string(), "rows 11..13, peak 3.0 at row 12");
        let joined = plain(1, 1, 1).alarms(&SCORES).unwrap().intervals[0];
        assert_eq!((joined.peak, joined.peak_score, joined.excess), (2, 3.0, 1.0));
    }

    #[test]
    fn at_the_level_of_training_the_threshold_stays() {
        let scores: Vec<f32> = (0..500).map(noise).collect();
        assert_eq!(following(0).alarms(&scores).unwrap().thresholds, [2.0; 500]);
    }

    #[test]
    fn an_anomaly_of_any_height_leaves_the_threshold_as_it_was() {
        for height in [10.0, 1e9] {
            let spike = |row: usize| if (700..740).contains(&row) { height } else { 0.0 };
            let scores: Vec<f32> = (0..2000).map(|row| noise(row) + spike(row)).collect();
            let found = following(5).alarms(&scores).unwrap();
            assert_eq!(found.thresholds, [2.0; 2000]);
            assert_eq!(spans(following(5), &scores), [(700, 740)]);
        }
    }

    #[test]
    fn a_level_that_stays_is_the_new_normal_after_the_declared_rows() {
        let level = |row| if row < 400 { 0.0 } else { 10.0 };
        let scores: Vec<f32> = (0..1600).map(|row| level(row) + noise(row)).collect();
        let mut tracker = AlarmTracker::new(following(0));
        let steps: Vec<AlarmStep> = scores.iter().map(|score| tracker.next(*score, None)).collect();
        let new_normal = |row: &usize| steps[*row].closed.is_some_and(|it| it.new_normal);
        let settled: Vec<usize> = (0..1600).filter(new_normal).collect();
        assert_eq!(settled, [400 + DriftConfig::default().settles_after(400) - 1]);
        let closed = steps[settled[0]].closed.unwrap();
        assert_eq!((closed.start, closed.end), (400, settled[0] + 1));
        let later = steps[settled[0] + 1..].iter().filter(|step| step.alarms).count();
        assert!(later < 80, "{later} of 800 rows alarm at the new level");
    }

    #[test]
    fn a_person_says_what_an_alarm_is() {
        let level = |row| if row < 400 { 0.0 } else { 10.0 };
        let scores: Vec<f32> = (0..1600).map(|row| level(row) + noise(row)).collect();
        let told = |said| {
            let mut tracker = AlarmTracker::new(following(0));
            assert_eq!(tracker.acknowledge(said), None, "no alarm is open");
            let step = |tracker: &mut AlarmTracker, row: usize| tracker.next(scores[row], None);
            (0..450).for_each(|row| assert!(step(&mut tracker, row).closed.is_none()));
            let closed = tracker.acknowledge(said);
            let steps: Vec<AlarmStep> = (450..1600).map(|row| step(&mut tracker, row)).collect();
            (closed, steps, tracker)
        };
        let (closed, steps, tracker) = told(Acknowledgement::Normal);
        let closed = closed.unwrap();
        assert_eq!((closed.start, closed.end, closed.new_normal), (400, 450, true));
        let alarming = steps.iter().filter(|step| step.alarms).count();
        assert!(alarming < 100 && tracker.validate().is_ok(), "{alarming} of 1150 rows alarm");
        let (closed, steps, tracker) = told(Acknowledgement::Incident);
        assert_eq!(closed, None);
        assert!(steps.iter().all(|step| step.alarms && step.threshold == 2.0));
        assert_eq!(tracker.open().map(|it| (it.start, it.end)), Some((400, 1600)));
    }

    #[test]
    fn an_earlier_anomaly_does_not_hide_a_smaller_one() {
        // Scores rise and fall over twice a smoothing kernel.
        let bump =
            |row: i32, at: i32, peak: f32| peak * (1.0 - (row - at).abs() as f32 / 24.0).max(0.0);
        let score =
            |row: usize| noise(row) + bump(row as i32, 700, 1300.0) + bump(row as i32, 1100, 9.0);
        let scores: Vec<f32> = (0..1300).map(score).collect();
        let found = following(0).alarms(&scores).unwrap().intervals;
        let starts: Vec<usize> = found.iter().map(|it| it.opened).collect();
        assert!(matches!(starts[..], [676..700, 1076..1100]), "{found:?}");
    }

    #[test]
    fn it_takes_no_more_memory_than_its_scores() {
        let mut rule = following(0);
        rule.drift = Some(DriftConfig { memory: 100, ..Default::default() });
        let mut tracker = AlarmTracker::new(rule);
        for row in 0..1000 {
            tracker.next(noise(row), None);
            assert!(tracker.memory() <= 4 * 100 + 16);
        }
        assert!(tracker.validate().is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(matches!(plain(3, 2, 0).alarms(&SCORES), Err(EvalError::Setting(_))));
        assert_eq!(plain(1, 1, 0).alarms(&[]), Err(EvalError::Empty));
        let mut tracker = AlarmTracker::new(following(0));
        tracker.next(5.0, None);
        tracker.row = 0;
        assert!(tracker.validate().is_err());
    }
}
