use serde::{Deserialize, Serialize};

use crate::config::{ScoreConfig, Source};
use crate::score::change::Change;
use crate::score::detrend::Detrend;
use crate::score::holding::{Counts, Holding};

/// Filter of a source's values over time, before they are smoothed: detrending, differencing, or what counts
/// of those beside each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Filter {
    Detrend(Detrend),
    Change(Change),
    Holding(Holding),
}

impl Filter {
    /// The one of a source, if it has any.
    pub(crate) fn of(
        source: Source,
        config: &ScoreConfig,
        window: usize,
        channels: usize,
    ) -> Option<Self> {
        let holding = |counts| {
            // Windows that began before a row hold it too.
            let (before, after) = (config.overlap(window), config.subsequence_waits(window));
            Some(Self::Holding(Holding::new(before, after, counts)))
        };
        match source {
            Source::DetrendedReconstruction => Some(Self::Detrend(Detrend::new(config, channels))),
            Source::Change => Some(Self::Change(Change::new(channels))),
            Source::Subsequence | Source::CentredSubsequence => holding(Counts::Least),
            Source::SubsequenceMean | Source::CentredSubsequenceMean => holding(Counts::Mean),
            _ => None,
        }
    }

    /// Takes the next rows `[n, C]`; returns those that have waited for them.
    pub(crate) fn push(&mut self, rows: &[f32]) -> Vec<f32> {
        match self {
            Self::Detrend(detrend) => detrend.push(rows),
            Self::Change(change) => change.push(rows),
            Self::Holding(holding) => holding.push(rows),
        }
    }

    /// Returns the rows that still wait, after the last one.
    pub(crate) fn drain(&mut self) -> Vec<f32> {
        match self {
            Self::Detrend(detrend) => detrend.drain(),
            Self::Change(_) => vec![],
            Self::Holding(holding) => holding.drain(),
        }
    }

    /// All rows `[n, C]` of a finished series.
    pub(crate) fn whole(mut self, rows: &[f32]) -> Vec<f32> {
        let mut values = self.push(rows);
        values.extend(self.drain());
        values
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Detrend(detrend) => detrend.memory(),
            Self::Change(change) => change.memory(),
            Self::Holding(holding) => holding.memory(),
        }
    }

    /// Validates one that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        match (self, fresh) {
            (Self::Detrend(detrend), Self::Detrend(fresh)) => detrend.validate(fresh),
            (Self::Change(change), Self::Change(fresh)) => change.validate(fresh),
            (Self::Holding(holding), Self::Holding(fresh)) => holding.validate(fresh),
            _ => Err("a filter of another source than the detector's"),
        }
    }
}
