use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use aster_base::SettingError;
use aster_decoder::Generator;
use aster_eval::Threshold;
use aster_model::{CustomLayer, NetworkComponents};

use crate::config::{ScoreConfig, Source};

/// Custom component of the anomaly score, computed from the network's outputs for a row.
///
/// It is read where [`ScoreConfig::components`] names [`Source::Custom`].
pub trait Scorer: Debug + Send + Sync + 'static {
    /// Returns the name used in saved detectors and in messages.
    fn name(&self) -> &str;

    /// Computes the component for a row: the larger, the more anomalous, in a unit of its own.
    /// Calibration converts it to a surprisal. What is not finite counts as the largest finite
    /// number.
    fn score(&self, row: RowOutputs<'_>) -> f32;
}

/// A row and the network's outputs for it, averaged over the windows that cover it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RowOutputs<'a> {
    /// Scaled values, `[C]`.
    pub values: &'a [f32],
    /// Their reconstructions, `[C]`.
    pub reconstruction: &'a [f32],
    /// Severity of the classifier, a mean of logits.
    pub severity: f32,
}

/// Custom components in place of those that the config describes.
///
/// A detector with custom components is trained by `Trainer::with_components` and loaded by
/// [`Detector::load_with`](crate::Detector::load_with).
///
/// ```
/// use aster_detect::{CustomComponents, RowOutputs, Scorer};
///
/// /// The worst channel's error.
/// #[derive(Debug)]
/// struct Worst;
///
/// impl Scorer for Worst {
///     fn name(&self) -> &str {
///         "worst"
///     }
///
///     fn score(&self, row: RowOutputs<'_>) -> f32 {
///         let errors = row.values.iter().zip(row.reconstruction).map(|(x, r)| (x - r).abs());
///         errors.fold(0.0, f32::max)
///     }
/// }
///
/// let components = CustomComponents::default().with_scorer(Worst);
/// assert_eq!(components.names()["scorer"], "worst");
/// ```
#[derive(Debug, Clone, Default)]
pub struct CustomComponents {
    network: NetworkComponents,
    pub(crate) scorer: Option<Arc<dyn Scorer>>,
    pub(crate) threshold: Option<Arc<dyn Threshold>>,
}

impl CustomComponents {
    /// Replaces the context encoder; of its config the width D alone still counts.
    pub fn with_context(self, context: impl CustomLayer) -> Self {
        Self { network: self.network.with_context(context), ..self }
    }

    /// Replaces the form of the pseudo-anomaly generator.
    pub fn with_generator(self, generator: impl Generator) -> Self {
        Self { network: self.network.with_generator(generator), ..self }
    }

    /// Replaces the classifier head by one that makes G logits of each token's context.
    pub fn with_head(self, head: impl CustomLayer) -> Self {
        Self { network: self.network.with_head(head), ..self }
    }

    /// Provides the component of [`Source::Custom`].
    pub fn with_scorer(self, scorer: impl Scorer) -> Self {
        Self { scorer: Some(Arc::new(scorer)), ..self }
    }

    /// Replaces the rule that chooses the threshold from calibration scores.
    pub fn with_threshold(self, threshold: impl Threshold) -> Self {
        Self { threshold: Some(Arc::new(threshold)), ..self }
    }

    /// Returns the custom layers and generator of the network.
    pub fn network(&self) -> &NetworkComponents {
        &self.network
    }

    /// Returns the name of each custom component, by what it stands in for.
    pub fn names(&self) -> BTreeMap<String, String> {
        let mut names = self.network.names();
        let scorer = self.scorer.as_ref().map(|it| ("scorer".into(), it.name().into()));
        let threshold = self.threshold.as_ref().map(|it| ("threshold".into(), it.name().into()));
        names.extend(scorer.into_iter().chain(threshold));
        names
    }

    /// Checks that a scorer is there if and only if the config asks for one.
    ///
    /// # Errors
    /// A scorer that nothing reads, or none where one is read.
    pub fn check(&self, config: &ScoreConfig) -> Result<(), SettingError> {
        let asked = config.components.iter().any(|component| component.source == Source::Custom);
        match (asked, &self.scorer) {
            (true, None) => {
                let expected = "a custom scorer, for the source `custom`";
                Err(SettingError::new("score.components", expected, "none"))
            }
            (false, Some(scorer)) => {
                let expected = "the source `custom`, for the custom scorer";
                Err(SettingError::new("score.components", expected, scorer.name()))
            }
            _ => Ok(()),
        }
    }
}
