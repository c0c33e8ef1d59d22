use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use aster_decoder::Generator;
use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::error::{ComponentError, ModelError};
use crate::layer::{DynLayer, Layer, MAX_DIMENSIONS};

/// Initialiser of a custom context encoder or classifier head.
pub trait CustomLayer: Debug + Send + Sync + 'static {
    /// Type of the layer that it makes.
    type Layer: Layer;

    /// Returns the name used in saved detectors and in messages.
    fn name(&self) -> &str;

    /// Creates a layer with fresh weights on the device. It is made again, with the same shape,
    /// when a detector is loaded, and then gets the saved weights.
    ///
    /// # Errors
    /// Whatever makes it impossible.
    fn init(&self, shape: LayerShape, device: &Device) -> Result<Self::Layer, ComponentError>;
}

/// Sizes that a layer maps between: `[B, tokens, input]` to `[B, tokens, output]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerShape {
    /// Tokens L of a window.
    pub tokens: usize,
    /// Values per token that come in: of a context encoder P*C, of a head D.
    pub input: usize,
    /// Values per token that go out: of a context encoder D, of a head the grades G.
    pub output: usize,
}

type MakeLayer = dyn Fn(LayerShape, &Device) -> Result<DynLayer, ComponentError> + Send + Sync;

/// A [`CustomLayer`] of any type.
#[derive(Clone)]
struct Maker {
    name: String,
    /// The initialiser with its parameters, as text.
    described: String,
    make: Arc<MakeLayer>,
}

impl Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.described)
    }
}

impl Maker {
    fn new(layer: impl CustomLayer) -> Self {
        let (name, described) = (layer.name().to_string(), format!("{layer:?}"));
        let make = move |shape: LayerShape, device: &Device| {
            let made = layer.init(shape, device)?;
            let most = DynLayer::dimensions(&made);
            if most > MAX_DIMENSIONS {
                return Err(format!(
                    "a parameter: expected at most {MAX_DIMENSIONS} dimensions, got {most}"
                )
                .into());
            }
            let tokens = Tensor::zeros([1, shape.tokens, shape.input], device);
            let (expected, got) = ([1, shape.tokens, shape.output], made.forward(tokens).dims());
            if got != expected {
                return Err(format!("its output: expected {expected:?}, got {got:?}").into());
            }
            Ok(DynLayer::new(made))
        };
        Self { name, described, make: Arc::new(make) }
    }

    fn init(
        &self,
        component: &'static str,
        shape: LayerShape,
        device: &Device,
    ) -> Result<DynLayer, ModelError> {
        let named = |source| ModelError::Component { component, name: self.name.clone(), source };
        (self.make)(shape, device).map_err(named)
    }
}

/// Custom layers and generator in place of those that a [`ModelConfig`] describes.
///
/// As [`Debug`] text it tells them with their parameters.
#[derive(Debug, Clone, Default)]
pub struct NetworkComponents {
    context: Option<Maker>,
    pub(crate) generator: Option<Arc<dyn Generator>>,
    head: Option<Maker>,
}

impl NetworkComponents {
    /// Replaces the context encoder of [`ModelConfig::context`], of which the width D alone
    /// still counts.
    pub fn with_context(mut self, context: impl CustomLayer) -> Self {
        self.context = Some(Maker::new(context));
        self
    }

    /// Replaces the form of [`ModelConfig::generator`] by a custom generator of
    /// pseudo-anomalies.
    pub fn with_generator(mut self, generator: impl Generator) -> Self {
        self.generator = Some(Arc::new(generator));
        self
    }

    /// Replaces [`ModelConfig::head`] by a custom head that makes G logits of each token's
    /// context.
    pub fn with_head(mut self, head: impl CustomLayer) -> Self {
        self.head = Some(Maker::new(head));
        self
    }

    /// Returns the name of each custom component, by what it stands in for.
    pub fn names(&self) -> BTreeMap<String, String> {
        let Self { context, generator, head } = self;
        let names = [
            ("context", context.as_ref().map(|it| it.name.as_str())),
            ("generator", generator.as_ref().map(|it| it.name())),
            ("head", head.as_ref().map(|it| it.name.as_str())),
        ];
        let named =
            |(component, name): (&str, Option<&str>)| Some((component.into(), name?.into()));
        names.into_iter().filter_map(named).collect()
    }

    pub(crate) fn context(
        &self,
        config: &ModelConfig,
        shape: LayerShape,
        device: &Device,
    ) -> Result<DynLayer, ModelError> {
        match &self.context {
            Some(maker) => maker.init("context", shape, device),
            None => Ok(DynLayer::new(config.context.init(shape.input, shape.tokens, device)?)),
        }
    }

    pub(crate) fn head(
        &self,
        config: &ModelConfig,
        shape: LayerShape,
        device: &Device,
    ) -> Result<DynLayer, ModelError> {
        match &self.head {
            Some(maker) => maker.init("head", shape, device),
            None => Ok(DynLayer::new(config.head.init(shape.input, shape.output, device)?)),
        }
    }
}
