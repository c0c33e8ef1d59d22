//! What a user's own code may stand in for.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use aster_decoder::Generator;
use aster_eval::Threshold;
use burn::tensor::{Device, Tensor};

use crate::layer::{Layer, MOST_DIMENSIONS, Slot};
use crate::{AsterConfig, Source, TrainError};

/// What a user's own init may fail with.
pub type PartError = Box<dyn Error + Send + Sync>;

/// Makes a context encoder or a classifier head of one's own.
pub trait CustomLayer: Debug + Send + Sync + 'static {
    /// What it makes.
    type Layer: Layer;

    /// Names it in saved detectors and in messages.
    fn name(&self) -> &str;

    /// A layer with fresh weights on the device. It is made again, with the same shape, when a
    /// detector is loaded, and then gets the saved weights.
    ///
    /// # Errors
    /// Whatever makes it impossible.
    fn init(&self, shape: LayerShape, device: &Device) -> Result<Self::Layer, PartError>;
}

/// What a layer maps: `[B, tokens, input]` to `[B, tokens, output]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerShape {
    /// Tokens L of a window.
    pub tokens: usize,
    /// Of a context encoder P*C (twice that with [`AsterConfig::differences`]), of a head D.
    pub input: usize,
    /// Of a context encoder D, of a head the grades G.
    pub output: usize,
}

/// Evidence of one's own, from what the model makes of a row: [`Source::Custom`].
pub trait Scorer: Debug + Send + Sync + 'static {
    /// Names it in saved detectors and in messages.
    fn name(&self) -> &str;

    /// The larger, the more anomalous, in a unit of its own: calibration turns it into `-ln P`
    /// of a validation row showing as much. What is not finite counts as the largest finite
    /// number.
    fn evidence(&self, row: RowOutputs<'_>) -> f32;
}

/// A row and what the model makes of it, averaged over the windows that it lies in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowOutputs<'a> {
    /// Scaled values, one per channel.
    pub values: &'a [f32],
    /// Their reconstructions.
    pub reconstruction: &'a [f32],
    /// The classifier's, a mean of logits.
    pub severity: f32,
    /// KL divergence of its token's posterior, in nats.
    pub kl: f32,
}

type MakeSlot = dyn Fn(LayerShape, &Device) -> Result<Slot, PartError> + Send + Sync;

/// A [`CustomLayer`] of any type.
#[derive(Clone)]
struct Maker {
    name: String,
    make: Arc<MakeSlot>,
}

impl Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Maker {
    fn of(layer: impl CustomLayer) -> Self {
        let name = layer.name().to_string();
        let make = move |shape: LayerShape, device: &Device| {
            let made = layer.init(shape, device)?;
            let most = Slot::dimensions(&made);
            if most > MOST_DIMENSIONS {
                return Err(format!(
                    "a parameter: expected at most {MOST_DIMENSIONS} dimensions, got {most}"
                )
                .into());
            }
            let tokens = Tensor::zeros([1, shape.tokens, shape.input], device);
            let (expected, got) = ([1, shape.tokens, shape.output], made.forward(tokens).dims());
            if got != expected {
                return Err(format!("its output: expected {expected:?}, got {got:?}").into());
            }
            Ok(Slot::new(made))
        };
        Self { name, make: Arc::new(make) }
    }

    fn init(
        &self,
        part: &'static str,
        shape: LayerShape,
        device: &Device,
    ) -> Result<Slot, TrainError> {
        let named = |source| TrainError::Part { part, name: self.name.clone(), source };
        (self.make)(shape, device).map_err(named)
    }
}

/// Parts of the user's own in place of those that the config describes. A detector with such
/// parts is trained by [`Trainer::with_parts`](crate::Trainer::with_parts) and loaded by
/// [`Detector::load_with`](crate::Detector::load_with).
///
/// ```
/// use aster_train::{Parts, RowOutputs, Scorer};
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
///     fn evidence(&self, row: RowOutputs<'_>) -> f32 {
///         let errors = row.values.iter().zip(row.reconstruction).map(|(x, r)| (x - r).abs());
///         errors.fold(0.0, f32::max)
///     }
/// }
///
/// let parts = Parts::default().with_scorer(Worst);
/// assert_eq!(parts.names()["scorer"], "worst");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Parts {
    context: Option<Maker>,
    pub(crate) generator: Option<Arc<dyn Generator>>,
    head: Option<Maker>,
    pub(crate) scorer: Option<Arc<dyn Scorer>>,
    pub(crate) threshold: Option<Arc<dyn Threshold>>,
}

impl Parts {
    /// Makes context of patches, in place of [`AsterConfig::context`], of which the width D
    /// alone still counts.
    pub fn with_context(mut self, context: impl CustomLayer) -> Self {
        self.context = Some(Maker::of(context));
        self
    }

    /// Makes pseudo-anomalies, in place of the form of [`AsterConfig::generator`].
    pub fn with_generator(mut self, generator: impl Generator) -> Self {
        self.generator = Some(Arc::new(generator));
        self
    }

    /// Makes G logits of each token's context, in place of [`AsterConfig::head`].
    pub fn with_head(mut self, head: impl CustomLayer) -> Self {
        self.head = Some(Maker::of(head));
        self
    }

    /// Gives the evidence of [`Source::Custom`].
    pub fn with_scorer(mut self, scorer: impl Scorer) -> Self {
        self.scorer = Some(Arc::new(scorer));
        self
    }

    /// Chooses the threshold from validation scores, in place of [`AsterConfig::threshold`].
    pub fn with_threshold(mut self, threshold: impl Threshold) -> Self {
        self.threshold = Some(Arc::new(threshold));
        self
    }

    /// The name of each part that is the user's own.
    pub fn names(&self) -> BTreeMap<String, String> {
        let Self { context, generator, head, scorer, threshold } = self;
        let names = [
            ("context", context.as_ref().map(|part| part.name.as_str())),
            ("generator", generator.as_ref().map(|part| part.name())),
            ("head", head.as_ref().map(|part| part.name.as_str())),
            ("scorer", scorer.as_ref().map(|part| part.name())),
            ("threshold", threshold.as_ref().map(|part| part.name())),
        ];
        let named = |(part, name): (&str, Option<&str>)| Some((part.into(), name?.into()));
        names.into_iter().filter_map(named).collect()
    }

    /// Checks that a scorer is there if and only if the config asks for one.
    pub(crate) fn check(&self, config: &AsterConfig) -> Result<(), TrainError> {
        let asked = config.score.evidence.iter().any(|piece| piece.source == Source::Custom);
        let (expected, got) = match (asked, &self.scorer) {
            (true, None) => ("a scorer among the parts, for the source `custom`", "none".into()),
            (false, Some(scorer)) => {
                ("the source `custom`, for the scorer among the parts", scorer.name().to_string())
            }
            _ => return Ok(()),
        };
        Err(TrainError::Setting { name: "evidence", expected: expected.into(), got })
    }

    pub(crate) fn context(
        &self,
        config: &AsterConfig,
        shape: LayerShape,
        device: &Device,
    ) -> Result<Slot, TrainError> {
        match &self.context {
            Some(maker) => maker.init("context", shape, device),
            None => Ok(Slot::new(config.context.init(shape.input, shape.tokens, device)?)),
        }
    }

    pub(crate) fn head(
        &self,
        config: &AsterConfig,
        shape: LayerShape,
        device: &Device,
    ) -> Result<Slot, TrainError> {
        match &self.head {
            Some(maker) => maker.init("head", shape, device),
            None => Ok(Slot::new(config.head.init(shape.input, shape.output, device)?)),
        }
    }
}
