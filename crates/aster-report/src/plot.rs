use serde::{Deserialize, Serialize};

/// Plot of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plot {
    /// Scores and thresholds over time, with alarms and, where there are labels, anomalies.
    Scores,
    /// Histogram of the scores, with the threshold.
    Histogram,
    /// Precision over recall; needs labels of both kinds.
    PrecisionRecall,
    /// Recall over the rate of false alarms; needs labels of both kinds.
    Roc,
    /// Codes of windows, reconstructions and pseudo-anomalies, in the plane of their largest
    /// variance (PCA).
    Latent,
    /// Loss terms over epochs.
    Losses,
    /// Severity of pseudo-anomalies less that of real windows, over epochs.
    Separation,
    /// Effective rank of the pseudo-anomalies, over epochs.
    Diversity,
    /// Learning rate over epochs.
    LearningRate,
}

impl Plot {
    /// Every plot, in the order of the page.
    pub const ALL: [Self; 9] = [
        Self::Scores,
        Self::Histogram,
        Self::PrecisionRecall,
        Self::Roc,
        Self::Latent,
        Self::Losses,
        Self::Separation,
        Self::Diversity,
        Self::LearningRate,
    ];

    /// Returns the name as it is serialised, for files and such: `precision_recall`.
    pub fn name(self) -> String {
        self.to_string()
    }
}

aster_base::words!(Plot);
