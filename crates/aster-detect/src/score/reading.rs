use aster_model::Output;
use serde::{Deserialize, Serialize};

use crate::config::{ScoreConfig, Source};

/// Quantity of a window by row, of which there is one where windows overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reading {
    Reconstruction,
    Severity,
    /// Distance of the window from the memory bank, the same at all its rows.
    BankDistance,
    /// Distance of the subsequence that ends with the window.
    SubsequenceDistance,
    /// Distance of the subsequence that ends with the window, each channel less its mean.
    CentredDistance,
}

impl Reading {
    /// Returns the number of values per row.
    pub(crate) fn width(self, channels: usize) -> usize {
        match self {
            Self::Reconstruction => channels,
            Self::Severity
            | Self::BankDistance
            | Self::SubsequenceDistance
            | Self::CentredDistance => 1,
        }
    }

    /// Returns whether a row has the value of the last window that covers it.
    ///
    /// The others have the mean over all that do. Which subsequences hold a row is counted later.
    pub(crate) fn of_last(self) -> bool {
        matches!(self, Self::SubsequenceDistance | Self::CentredDistance)
    }

    /// The output of the network that it is, if any.
    pub(crate) fn output(self) -> Option<Output> {
        match self {
            Self::Reconstruction => Some(Output::Reconstruction),
            Self::Severity => Some(Output::Severity),
            Self::BankDistance | Self::SubsequenceDistance | Self::CentredDistance => None,
        }
    }

    /// Lists what the components of a score read, in order.
    pub(crate) fn of_score(config: &ScoreConfig) -> Vec<Self> {
        let of_source = |source: Source| match source {
            Source::Classifier => &[Self::Severity][..],
            Source::Reconstruction
            | Source::RawReconstruction
            | Source::DetrendedReconstruction => &[Self::Reconstruction],
            Source::Deviation | Source::Change => &[],
            Source::MemoryBank => &[Self::BankDistance],
            Source::Subsequence | Source::SubsequenceMean => &[Self::SubsequenceDistance],
            Source::CentredSubsequence | Source::CentredSubsequenceMean => &[Self::CentredDistance],
            Source::Custom => &[Self::Reconstruction, Self::Severity],
        };
        let readings = config.components.iter().flat_map(|component| of_source(component.source));
        let mut readings: Vec<Self> = readings.copied().collect();
        readings.sort_unstable();
        readings.dedup();
        readings
    }

    /// Lists what the components of a score read of a memory bank, in order.
    pub(crate) fn of_bank(config: &ScoreConfig) -> Vec<Self> {
        let mut readings = Self::of_score(config);
        readings.retain(|reading| reading.output().is_none());
        readings
    }
}
