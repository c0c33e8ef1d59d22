use aster_base::{SettingError, Within, non_negative};
use aster_vae::BetaSchedule;
use burn::tensor::{Tensor, TensorReadError};
use serde::{Deserialize, Serialize};

/// Weights of the training objective
/// `reconstruction + beta KL + classification weight * classification`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectiveConfig {
    /// Weight of the classification loss. Default: 1.
    pub classification: f64,
    /// Weight of the KL divergence over the training (KL annealing).
    pub beta: BetaSchedule,
    /// Strength of the gradient reversal into the generator; 0 turns it off.
    /// Default: 1.
    pub reversal: f64,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self { classification: 1.0, beta: BetaSchedule::default(), reversal: 1.0 }
    }
}

impl ObjectiveConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A weight that is negative or not finite.
    pub fn check(&self) -> Result<(), SettingError> {
        non_negative("classification", self.classification)?;
        self.beta.check().within("beta")?;
        non_negative("reversal", self.reversal)
    }

    /// Returns the weights at a training step, from 0.
    pub fn weights_at(&self, step: usize) -> LossWeights {
        LossWeights { beta: self.beta.at(step), ..self.validation_weights() }
    }

    /// Returns the weights of validation: the same at every step, so that epochs compare.
    pub fn validation_weights(&self) -> LossWeights {
        let Self { classification, beta, reversal } = *self;
        LossWeights { classification, beta: beta.peak(), reversal, trimmed: 0.0 }
    }
}

/// Weights of the loss terms at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossWeights {
    /// Weight of the classification loss.
    pub classification: f64,
    /// Weight of the KL divergence.
    pub beta: f64,
    /// Strength of the reversed gradient.
    pub reversal: f64,
    /// Share of the windows, in [0, 1), whose reconstruction does not count: those with the largest error
    /// (trimmed loss).
    pub trimmed: f64,
}

/// Name of a loss term, or of a measure that is taken beside the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossTerm {
    /// Weighted sum.
    Total,
    /// Mean squared error of scaled patches, of the windows that count.
    Reconstruction,
    /// KL divergence in nats per token, before its weight.
    Kl,
    /// Binary cross-entropy in nats per grade, before its weight.
    Classification,
    /// Mean cosine between the perturbations of two pseudo-anomalies.
    Cosine,
    /// Mean squared cosine, the inverse of the perturbations' effective rank.
    SquaredCosine,
    /// Mean severity of pseudo-anomalies less that of real windows, in logits.
    Separation,
}

impl LossTerm {
    /// Every term, in the order of [`LossTerms::to_values`].
    pub const ALL: [Self; 7] = [
        Self::Total,
        Self::Reconstruction,
        Self::Kl,
        Self::Classification,
        Self::Cosine,
        Self::SquaredCosine,
        Self::Separation,
    ];

    /// Returns the term's name in messages and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Reconstruction => "reconstruction",
            Self::Kl => "KL",
            Self::Classification => "classification",
            Self::Cosine => "cosine",
            Self::SquaredCosine => "squared cosine",
            Self::Separation => "separation",
        }
    }
}

impl std::fmt::Display for LossTerm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Loss terms of a batch, and the measures taken beside them, each `[1]`.
#[derive(Debug, Clone)]
pub struct LossTerms {
    /// Weighted sum.
    pub total: Tensor<1>,
    /// Mean squared error of scaled patches, of the windows that count.
    pub reconstruction: Tensor<1>,
    /// KL divergence in nats per token.
    pub kl: Tensor<1>,
    /// Binary cross-entropy in nats per grade.
    pub classification: Tensor<1>,
    /// Mean cosine between the perturbations of two pseudo-anomalies, outside the graph.
    pub cosine: Tensor<1>,
    /// Mean squared cosine, outside the graph.
    pub squared_cosine: Tensor<1>,
    /// Mean severity of pseudo-anomalies less that of real windows, outside the graph.
    pub separation: Tensor<1>,
}

impl LossTerms {
    /// In the order of [`LossTerm::ALL`].
    fn into_array(self) -> [Tensor<1>; 7] {
        let Self { total, reconstruction, kl, classification, cosine, squared_cosine, separation } =
            self;
        [total, reconstruction, kl, classification, cosine, squared_cosine, separation]
    }

    fn from_array(terms: [Tensor<1>; 7]) -> Self {
        let [total, reconstruction, kl, classification, cosine, squared_cosine, separation] = terms;
        Self { total, reconstruction, kl, classification, cosine, squared_cosine, separation }
    }

    /// Applies a function to every term.
    pub fn map(self, f: impl Fn(Tensor<1>) -> Tensor<1>) -> Self {
        Self::from_array(self.into_array().map(f))
    }

    /// Adds up what the chunks of a batch contribute, of which there is at least one.
    pub fn sum(chunks: Vec<Self>) -> Self {
        let chunks: Vec<_> = chunks.into_iter().map(Self::into_array).collect();
        let sum = |term: usize| {
            Tensor::cat(chunks.iter().map(|chunk| chunk[term].clone()).collect(), 0).sum()
        };
        Self::from_array(std::array::from_fn(sum))
    }

    /// Reads all numbers at once, in the order of [`LossTerm::ALL`].
    ///
    /// # Errors
    /// A device that fails to deliver them.
    pub fn to_values(&self) -> Result<[f32; 7], TensorReadError> {
        let all = Tensor::cat(self.clone().into_array().to_vec(), 0);
        let values = all.try_into_data()?.iter::<f32>().collect::<Vec<_>>();
        Ok(std::array::from_fn(|term| values[term]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_weighs_as_the_end_of_training_does() {
        let objective = ObjectiveConfig::default();
        assert_eq!(objective.weights_at(0).beta, 0.0);
        assert_eq!(objective.weights_at(1_000_000), objective.validation_weights());
    }

    #[test]
    fn impossible_weights_are_errors() {
        let bad = ObjectiveConfig { reversal: f64::NAN, ..Default::default() };
        assert_eq!(bad.check().unwrap_err().name, "reversal");
        let bad = BetaSchedule::Constant { beta: -1.0 };
        let bad = ObjectiveConfig { beta: bad, ..Default::default() };
        assert_eq!(bad.check().unwrap_err().name, "beta.beta");
    }
}
