use aster_base::{SettingError, Within, at_least_one, positive, share_above_zero};
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

/// Weights that are learned without labels: pseudo-anomalies of two kinds are put into the training rows that
/// calibrate (in reverse order, faster or slower, in some of the channels or all), and each component weighs as much
/// as it tells them from the other rows. With `g = max(0, 2 AUROC - 1)` and the largest g of the components, b, it is
/// `b (g / b)^power` and the least weight, summed over kinds (ours; compare Goswami et al., ICLR 2023, who choose
/// models so). Their values are those of the same rows, as large values teach nothing: every component tells those.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LearnedWeights {
    /// Parts of the rows that calibrate, evenly spaced, that are scored with each kind. Default: 16.
    pub parts: usize,
    /// Most times that a row is scored with each kind, in the mean: where few rows calibrate there are fewer parts.
    /// Default: 4.
    pub times: usize,
    /// Rows of each part, fewer where no more calibrate. Default: 1024.
    pub rows: usize,
    /// Exponent of what a component tells of a kind, as a share of what the best one tells, above 0: the more, the
    /// more the best ones weigh. Default: 4.
    pub power: f64,
    /// Weight of a component that tells nothing of any kind, above 0, in units of that of one which tells all.
    /// Default: 0.1.
    pub least: f64,
}

impl Default for LearnedWeights {
    fn default() -> Self {
        Self { parts: 16, times: 4, rows: 1024, power: 4.0, least: 0.1 }
    }
}

impl LearnedWeights {
    fn check(&self) -> Result<(), SettingError> {
        at_least_one("parts", self.parts)?;
        at_least_one("times", self.times)?;
        at_least_one("rows", self.rows)?;
        positive("power", self.power)?;
        positive("least", self.least)
    }
}
