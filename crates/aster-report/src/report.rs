use std::fmt::Display;
use std::ops::Range;

use aster_data::{Time, TimeSeries};
use aster_detect::{Alarm, Contribution, Detection, Detector, LatentCodes};
use aster_eval::runs;

use crate::config::ReportConfig;
use crate::error::ReportError;
use crate::figure::{Axis, Scale};

/// Report of what a detector found in a series, ready to be drawn. Of its labels, if it has any,
/// nothing is read but to judge what was found.
#[derive(Debug)]
pub struct Report<'a> {
    pub(crate) detector: &'a Detector,
    pub(crate) series: &'a TimeSeries,
    pub(crate) config: ReportConfig,
    pub(crate) detection: Detection,
    pub(crate) alarms: Vec<ExplainedAlarm>,
    pub(crate) codes: LatentCodes,
    /// Runs of labelled rows.
    pub(crate) labelled: Vec<Range<usize>>,
    /// What else is to be read on the page.
    pub(crate) notes: Vec<String>,
}

/// Alarm with the contributions of the channels, by the method of the config.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExplainedAlarm {
    /// The alarm, with reasons at its peak.
    pub alarm: Alarm,
    /// The channels by their part in it, the largest first; empty where the score has nothing to
    /// say of channels.
    pub contributions: Vec<Contribution>,
}

impl<'a> Report<'a> {
    /// Scores the series and attributes its alarms to channels.
    ///
    /// # Errors
    /// A setting outside its range; other channels than those trained on.
    pub fn new(
        detector: &'a Detector,
        series: &'a TimeSeries,
        config: &ReportConfig,
    ) -> Result<Self, ReportError> {
        config.check()?;
        let detection = detector.detect(series)?;
        let mut severest = detection.alarms.clone();
        severest.sort_by(|a, b| b.cmp_severity(a));
        severest.truncate(config.alarms);
        let supported = detector.supports(config.attribution);
        let explained = |alarm: Alarm| -> Result<ExplainedAlarm, ReportError> {
            let contributions = match supported {
                true => detector.attribute(series, alarm.rows(), config.attribution)?,
                false => vec![],
            };
            Ok(ExplainedAlarm { alarm, contributions })
        };
        let alarms = severest.into_iter().map(explained).collect::<Result<_, _>>()?;
        let codes = detector.latent_codes(series, config.windows, config.seed)?;
        let labelled = series.labels().map(|labels| runs(labels.iter().copied()));
        Ok(Self {
            detector,
            series,
            config: config.clone(),
            detection,
            alarms,
            codes,
            labelled: labelled.unwrap_or_default(),
            notes: vec![],
        })
    }

    /// Adds a text that the page shows, such as the report of how the series was loaded.
    pub fn with_note(mut self, note: impl Display) -> Self {
        self.notes.push(note.to_string());
        self
    }

    /// Scores, thresholds and all alarms.
    pub fn detection(&self) -> &Detection {
        &self.detection
    }

    /// The alarms of the highest severity, in its order, with their channels.
    pub fn alarms(&self) -> &[ExplainedAlarm] {
        &self.alarms
    }

    /// Returns labels by which scores can be judged: both kinds occur.
    pub(crate) fn labels_of_both_kinds(&self) -> Option<&[bool]> {
        self.series.labels().filter(|labels| labels.contains(&true) && labels.contains(&false))
    }

    /// Where a row lies along [`Report::time_axis`].
    pub(crate) fn place(&self, row: usize) -> f64 {
        const MILLISECOND: f64 = 1e6;
        match self.series.time(row) {
            Some(time @ Time::Count(_)) => time.timestamp() as f64,
            Some(time) => {
                let offset = self.offset().map_or(0.0, |seconds| 1e3 * f64::from(seconds));
                time.timestamp() as f64 / MILLISECOND + offset
            }
            None => (self.config.first_row + row) as f64,
        }
    }

    /// Seconds east of UTC of the first row, by which all are drawn: an axis on which a clock is
    /// set back would have two places for an hour.
    fn offset(&self) -> Option<i32> {
        match self.series.time(0)? {
            Time::Zoned { offset, .. } => Some(offset),
            _ => None,
        }
    }

    /// Returns the axis of milliseconds since the Unix epoch, of timestamps that are no dates, or
    /// of rows.
    pub(crate) fn time_axis(&self) -> Axis {
        let time = |name: String| Axis { name: name.into(), scale: Scale::Time };
        match (self.series.time(0), self.offset()) {
            (Some(Time::Count(_)), _) => Axis::linear("timestamp"),
            (Some(_), None) => time("time".into()),
            (Some(_), Some(0)) => time("time, UTC".into()),
            (Some(_), Some(seconds)) => {
                let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
                let sign = if seconds < 0 { '-' } else { '+' };
                time(format!("time, UTC{sign}{hours:02}:{minutes:02}"))
            }
            (None, _) => Axis::linear("row"),
        }
    }

    /// From the beginning of the first row to that of the one after the last, which for the end
    /// of the series is as far away as the one before.
    pub(crate) fn stretch(&self, rows: &Range<usize>) -> Range<f64> {
        let last = self.series.rows() - 1;
        let end = match rows.end > last {
            true => 2.0 * self.place(last) - self.place(last.saturating_sub(1)),
            false => self.place(rows.end),
        };
        self.place(rows.start)..end
    }

    /// The rows of an alarm, with a window on either side.
    pub(crate) fn around(&self, alarm: &Alarm) -> Range<usize> {
        let (window, rows) = (self.detector.config().model.window, alarm.rows());
        rows.start.saturating_sub(window)..(rows.end + window).min(self.series.rows())
    }

    /// The rows around the listed alarms, in order, without overlaps.
    pub(crate) fn neighbourhoods(&self) -> Vec<Range<usize>> {
        let mut near = vec![false; self.series.rows()];
        for alarm in &self.alarms {
            near[self.around(&alarm.alarm)].fill(true);
        }
        runs(near.into_iter())
    }
}
