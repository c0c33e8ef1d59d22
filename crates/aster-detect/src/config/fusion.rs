use aster_base::{SettingError, Within, at_least_one, share_above_zero};
use serde::{Deserialize, Serialize};

/// Hyperparameters of the fusion of components: the weighted power mean of their surprisals,
/// `(sum w u^p)^(1/p)` with weights that sum to 1, in nats (ours).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FusionConfig {
    /// Exponent p of the power mean, in (0, 1]: 1 is the plain mean; the less, the less one
    /// component can drown the others. Default: 0.5.
    pub power: f64,
    /// Weights of the components; `"off"` weighs all alike. Default: learned.
    #[serde(with = "aster_base::off")]
    #[cfg_attr(feature = "schema", schemars(with = "aster_base::off::Schema<LearnedWeights>"))]
    pub weights: Option<LearnedWeights>,
}

impl Default for FusionConfig {
    fn default() -> Self {
        Self { power: 0.5, weights: Some(LearnedWeights::default()) }
    }
}

impl FusionConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        share_above_zero("power", self.power)?;
        self.weights.as_ref().map_or(Ok(()), LearnedWeights::check).within("weights")
    }
}

/// Weights that are learned without labels: pseudo-anomalies of four kinds are put into training
/// rows (noise and rows of another time, each short and long, in some of the channels), and each
/// component weighs as much as it tells them from the other rows, `max(0.5, AUROC)` summed over
/// kinds (ours; compare Goswami et al., ICLR 2023, who choose models so).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LearnedWeights {
    /// Parts of the training series, evenly spaced, that are scored with each kind. Default: 8.
    pub parts: usize,
    /// Rows of each part, fewer where the training series has no more. Default: 1024.
    pub rows: usize,
}

impl Default for LearnedWeights {
    fn default() -> Self {
        Self { parts: 8, rows: 1024 }
    }
}

impl LearnedWeights {
    fn check(&self) -> Result<(), SettingError> {
        at_least_one("parts", self.parts)?;
        at_least_one("rows", self.rows)
    }
}
