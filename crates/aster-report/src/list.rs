//! The list of alarms on the page.

use std::ops::Range;

use aster_data::Time;
use aster_detect::Contribution;

use crate::report::{ExplainedAlarm, Report};

/// Alarms that begin on the same day; all of them where rows have no dates.
pub(crate) struct Day<'a> {
    /// Heading, none where there are no days.
    pub(crate) heading: Option<String>,
    pub(crate) alarms: Vec<AlarmRow<'a>>,
}

/// A line of the table of alarms.
pub(crate) struct AlarmRow<'a> {
    pub(crate) begin: String,
    pub(crate) end: String,
    pub(crate) rows: usize,
    pub(crate) peak: String,
    pub(crate) severity: String,
    /// The three channels with the largest contributions: name, share in percent.
    pub(crate) contributions: Vec<(&'a str, String)>,
    /// Observation of the channel that is the first reason, in words.
    pub(crate) observed: String,
    /// Where to look: begin and end along x, with a window on either side.
    pub(crate) around: Range<f64>,
    /// Numbers of the channels to show.
    pub(crate) channels: String,
}

impl Report<'_> {
    /// The alarms listed, by day in the order of time where rows have dates, else the severest first.
    pub(crate) fn days(&self) -> Vec<Day<'_>> {
        let dated = self.series.time(0).is_some_and(|time| !matches!(time, Time::Count(_)));
        if !dated {
            let alarms = self.alarms.iter().map(|alarm| self.alarm_row(alarm)).collect();
            return vec![Day { heading: None, alarms }];
        }
        let mut listed: Vec<&ExplainedAlarm> = self.alarms.iter().collect();
        listed.sort_by_key(|it| it.alarm.interval.start);
        let day_of = |row: usize| -> String {
            let time = self.series.time(row).map(|time| time.rfc_3339()).unwrap_or_default();
            time.split('T').next().unwrap_or_default().into()
        };
        let all: Vec<String> =
            self.detection.alarms.iter().map(|it| day_of(it.interval.start)).collect();
        let of_day = listed
            .chunk_by(|a, b| day_of(a.alarm.interval.start) == day_of(b.alarm.interval.start));
        let day = |alarms: &[&'_ ExplainedAlarm]| {
            let day = alarms.first().map(|it| day_of(it.alarm.interval.start)).unwrap_or_default();
            let count = all.iter().filter(|other| **other == day).count();
            let word = if count == 1 { "alarm" } else { "alarms" };
            let rest = match count - alarms.len() {
                0 => String::new(),
                rest => format!(", of which {rest} less severe ones are not listed"),
            };
            format!("{day}: {count} {word}{rest}")
        };
        let days = of_day.map(|alarms| Day {
            heading: Some(day(alarms)),
            alarms: alarms.iter().map(|alarm| self.alarm_row(alarm)).collect(),
        });
        days.collect()
    }

    fn alarm_row<'b>(&self, explained: &'b ExplainedAlarm) -> AlarmRow<'b> {
        let (worst, alarm) = (self.worst(explained), &explained.alarm);
        let rows = alarm.rows();
        let channels = worst.iter().filter_map(|it| self.number_of(&it.channel));
        AlarmRow {
            begin: self.text_of_row(rows.start),
            end: self.text_of_row(rows.end - 1),
            rows: rows.len(),
            peak: format!("{:.1}", alarm.interval.peak_score),
            severity: format!("{:.0}", alarm.severity),
            around: self.stretch(&self.around(alarm)),
            channels: channels.map(|number| number.to_string()).collect::<Vec<_>>().join(" "),
            contributions: worst
                .iter()
                .map(|it| (it.channel.as_str(), format!("{:.0}", 100.0 * it.share)))
                .collect(),
            observed: alarm.reasons.first().map_or_else(String::new, |reason| {
                format!("{}: {}", reason.channel, reason.observation())
            }),
        }
    }

    /// The three channels with the largest contributions.
    pub(crate) fn worst<'b>(&self, alarm: &'b ExplainedAlarm) -> &'b [Contribution] {
        &alarm.contributions[..alarm.contributions.len().min(3)]
    }
}
