use std::ops::Range;

use aster_data::{ScaledSeries, TimeSeries};
use aster_eval::Interval;

use crate::alarm::{REASONS, Reason};
use crate::detector::Detector;
use crate::error::DetectError;
use crate::score::{Components, Outputs, Reading};

/// Rows on either side of the peak whose scores tell the reasons of an alarm. Of 70 planted faults, in
/// finished series, 24 rows name the right channel first in 68, 8 in 64, 128 in 66.
const NEAR_PEAK: usize = 24;

/// Returns whether the peaks of two intervals lie in the same block of rows, so that the reasons of one
/// serve the other.
pub(crate) fn peaks_near(one: &Interval, other: &Interval) -> bool {
    one.peak / NEAR_PEAK == other.peak / NEAR_PEAK
}

impl Detector {
    /// The rows around the peak of an alarm that tell its reasons. One that opens is told of by rows to
    /// come, as far as its averages look ahead.
    pub(crate) fn telling_rows(&self, peak: usize, opens: bool) -> Range<usize> {
        let ahead = if opens { self.averages_wait() } else { 0 };
        peak.saturating_sub(NEAR_PEAK)..peak.saturating_add(NEAR_PEAK + 1 + ahead)
    }

    /// Reasons for an alarm with its peak at a row of a series, by the scores of rows around it. Their rows
    /// are those of the series.
    ///
    /// The channels that have most part in the score at the peak are candidates; what counts is how far
    /// scores fall without each, as a channel that is wrong spoils what is expected of others.
    pub(crate) fn reasons(
        &self,
        series: &TimeSeries,
        peak: usize,
        rows: Range<usize>,
    ) -> Result<Vec<Reason>, DetectError> {
        let rows = rows.start..rows.end.min(series.rows());
        if !rows.contains(&peak) {
            return Ok(vec![]);
        }
        let around = self.around(&rows, series.rows());
        let scaled = self.scaled_part(series, &around)?;
        let (components, outputs) = self.read_components(&scaled);
        let near = series.slice(around.clone())?;
        let rows = rows.start - around.start..rows.end - around.start;
        let peak = peak - around.start;
        let mut reasons = self.reasons_near(&near, &scaled, (components, outputs), peak, rows);
        reasons.iter_mut().for_each(|reason| reason.row += around.start);
        Ok(reasons)
    }

    fn reasons_near(
        &self,
        series: &TimeSeries,
        scaled: &ScaledSeries,
        (components, outputs): (Components, Outputs),
        peak: usize,
        rows: Range<usize>,
    ) -> Vec<Reason> {
        let c = self.input_count();
        let reconstructions = outputs.get(&Reading::Reconstruction);
        let Some(reconstruction) = reconstructions else { return vec![] };
        let parts = self.shares(components, peak..peak + 1);
        let mut candidates: Vec<usize> =
            (0..self.channels().len()).filter(|channel| parts[*channel] > 0.0).collect();
        candidates.sort_by(|a, b| parts[*b].total_cmp(&parts[*a]));
        candidates.truncate(REASONS);
        let falls = self.falls(scaled, &outputs, rows.clone(), &candidates);
        // Where no channel alone makes a difference, their parts do.
        let all: f64 = falls.iter().sum();
        let parts: Vec<f64> = match all > 0.0 {
            true => falls,
            false => candidates.iter().map(|channel| parts[*channel]).collect(),
        };
        let total: f64 = parts.iter().sum();
        let (scaler, preparation) = (&self.trained.scaler, &self.trained.preparation);
        let reason = |(channel, part): (usize, f64)| {
            let distance = |row: &usize| {
                let at = row * c + channel;
                (scaled.values()[at] - reconstruction[at]).abs()
            };
            // The first of rows as far away as each other.
            let furthest = |a: &usize, b: &usize| distance(a).total_cmp(&distance(b));
            let row = rows.clone().rev().max_by(furthest).unwrap_or(peak);
            let before = row.checked_sub(1).map(|before| series.row(before)[channel]);
            let prepared = scaler.unscaled(channel, reconstruction[row * c + channel]);
            let expected = prepared.and_then(|it| preparation.restored(channel, before, it));
            let name = self.channels()[channel].clone();
            let (time, observed) = (series.time(row), series.row(row)[channel]);
            Reason { channel: name, share: part / total, row, time, observed, expected }
        };
        let told = candidates.into_iter().zip(parts).filter(|(_, part)| *part > 0.0);
        let mut reasons: Vec<Reason> = told.map(reason).collect();
        reasons.sort_by(|a, b| b.share.total_cmp(&a.share));
        reasons
    }
}
