//! Type erasure of trainable layers: Burn's `Module` is generic in whoever walks over
//! parameters, so a walk goes through `Any` here.

use std::any::Any;
use std::fmt::Debug;

use aster_classifier::Classifier;
use aster_llm::ContextEncoder;
use burn::module::{
    Content, Devices, DisplaySettings, Flag, Module, ModuleDisplay, ModuleDisplayDefault,
    ModuleMapper, ModuleVisitor, Param,
};
use burn::tensor::{Bool, Device, Int, Tensor};

/// Trainable Burn module that maps tokens to tokens. Parameters have at most
/// [`MAX_DIMENSIONS`] dimensions.
pub trait Layer: Module + ModuleDisplay + Sync + 'static {
    /// Maps tokens to tokens.
    ///
    /// # Shapes
    /// `[B, L, input]` to `[B, L, output]`.
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3>;

    /// Maps tokens of windows of data, which come again and need no gradient: a place for caches.
    ///
    /// # Shapes
    /// As [`Layer::forward`].
    fn forward_data(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.forward(tokens)
    }
}

impl Layer for ContextEncoder {
    fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        Self::forward(self, patches)
    }

    fn forward_data(&self, patches: Tensor<3>) -> Tensor<3> {
        Self::forward_data(self, patches)
    }
}

impl Layer for Classifier {
    fn forward(&self, context: Tensor<3>) -> Tensor<3> {
        Self::forward(self, context)
    }
}

/// Largest number of dimensions of a parameter of a [`Layer`].
pub const MAX_DIMENSIONS: usize = 8;

/// Type-erased Burn module: forwards visitors and mappers through `dyn Any`.
#[derive(Debug)]
pub(crate) struct DynLayer(Box<dyn Erased>);

impl DynLayer {
    /// Erases the type of a layer.
    pub(crate) fn new(layer: impl Layer) -> Self {
        Self(Box::new(layer))
    }

    /// Maps tokens as [`Layer::forward`] does.
    pub(crate) fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.0.forward(tokens)
    }

    /// Maps tokens as [`Layer::forward_data`] does.
    pub(crate) fn forward_data(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.0.forward_data(tokens)
    }

    /// Returns the layer, if it is of this type.
    pub(crate) fn get<T: Layer>(&self) -> Option<&T> {
        self.0.any().downcast_ref()
    }

    /// Returns the largest number of dimensions that a parameter of the layer has.
    pub(crate) fn dimensions(layer: &impl Layer) -> usize {
        struct Most(usize);
        impl ModuleVisitor for Most {
            fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
                self.0 = self.0.max(D);
            }
            fn visit_int<const D: usize>(&mut self, _: &Param<Tensor<D, Int>>) {
                self.0 = self.0.max(D);
            }
            fn visit_bool<const D: usize>(&mut self, _: &Param<Tensor<D, Bool>>) {
                self.0 = self.0.max(D);
            }
        }
        let mut most = Most(0);
        layer.visit(&mut most);
        most.0
    }
}

impl Clone for DynLayer {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl Module for DynLayer {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.with_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.forked(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.moved(device))
    }

    fn train(self) -> Self {
        Self(self.0.training())
    }

    fn valid(&self) -> Self {
        Self(self.0.validating())
    }

    fn materialize(self) -> Self {
        Self(self.0.materialized())
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visited(&mut Typed(visitor));
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(self.0.mapped(&mut Typed(mapper)))
    }
}

impl ModuleDisplayDefault for DynLayer {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl ModuleDisplay for DynLayer {
    fn format(&self, settings: DisplaySettings) -> String {
        self.0.displayed(settings)
    }
}

/// Interface of a layer for [`DynLayer`], without generics.
trait Erased: Debug + Send + Sync {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3>;
    fn forward_data(&self, tokens: Tensor<3>) -> Tensor<3>;
    fn displayed(&self, settings: DisplaySettings) -> String;
    fn any(&self) -> &dyn Any;
    fn copy(&self) -> Box<dyn Erased>;
    fn with_devices(&self, devices: Devices) -> Devices;
    fn forked(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn moved(self: Box<Self>, device: &Device) -> Box<dyn Erased>;
    fn training(self: Box<Self>) -> Box<dyn Erased>;
    fn validating(&self) -> Box<dyn Erased>;
    fn materialized(self: Box<Self>) -> Box<dyn Erased>;
    fn visited(&self, visitor: &mut dyn Visitor);
    fn mapped(self: Box<Self>, mapper: &mut dyn Mapper) -> Box<dyn Erased>;
}

impl<T: Layer> Erased for T {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        Layer::forward(self, tokens)
    }

    fn forward_data(&self, tokens: Tensor<3>) -> Tensor<3> {
        Layer::forward_data(self, tokens)
    }

    fn displayed(&self, settings: DisplaySettings) -> String {
        self.format(settings)
    }

    fn any(&self) -> &dyn Any {
        self
    }

    fn copy(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }

    fn with_devices(&self, devices: Devices) -> Devices {
        self.collect_devices(devices)
    }

    fn forked(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(self.fork(device))
    }

    fn moved(self: Box<Self>, device: &Device) -> Box<dyn Erased> {
        Box::new(self.to_device(device))
    }

    fn training(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(self.train())
    }

    fn validating(&self) -> Box<dyn Erased> {
        Box::new(self.valid())
    }

    fn materialized(self: Box<Self>) -> Box<dyn Erased> {
        Box::new(self.materialize())
    }

    fn visited(&self, visitor: &mut dyn Visitor) {
        self.visit(&mut Untyped(visitor));
    }

    fn mapped(self: Box<Self>, mapper: &mut dyn Mapper) -> Box<dyn Erased> {
        Box::new(self.map(&mut Untyped(mapper)))
    }
}

/// A `ModuleVisitor` that is shown parameters of any type.
trait Visitor {
    fn param(&mut self, param: &dyn Any);
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
}

/// A `ModuleMapper` that gives each parameter back in the type that it came in.
trait Mapper {
    fn param(&mut self, param: Box<dyn Any>) -> Box<dyn Any>;
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
}

/// Who walks, outside the erased layer.
struct Typed<'a, T>(&'a mut T);

impl<V: ModuleVisitor> Visitor for Typed<'_, V> {
    fn param(&mut self, param: &dyn Any) {
        macro_rules! of_dimensions {
            ($($d:literal)*) => { $(
                if let Some(param) = param.downcast_ref::<Param<Tensor<$d>>>() {
                    return self.0.visit_float(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$d, Int>>>() {
                    return self.0.visit_int(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$d, Bool>>>() {
                    return self.0.visit_bool(param);
                }
            )* };
        }
        of_dimensions!(1 2 3 4 5 6 7 8);
        if let Some(flag) = param.downcast_ref::<Param<Flag>>() {
            self.0.visit_flag(flag);
        }
    }

    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }
}

impl<M: ModuleMapper> Mapper for Typed<'_, M> {
    fn param(&mut self, param: Box<dyn Any>) -> Box<dyn Any> {
        macro_rules! of_dimensions {
            ($param:ident: $($d:literal)*) => { $(
                let $param = match $param.downcast::<Param<Tensor<$d>>>() {
                    Ok(param) => return Box::new(self.0.map_float(*param)),
                    Err(param) => param,
                };
                let $param = match $param.downcast::<Param<Tensor<$d, Int>>>() {
                    Ok(param) => return Box::new(self.0.map_int(*param)),
                    Err(param) => param,
                };
                let $param = match $param.downcast::<Param<Tensor<$d, Bool>>>() {
                    Ok(param) => return Box::new(self.0.map_bool(*param)),
                    Err(param) => param,
                };
            )* };
        }
        of_dimensions!(param: 1 2 3 4 5 6 7 8);
        match param.downcast::<Param<Flag>>() {
            Ok(flag) => Box::new(self.0.map_flag(*flag)),
            Err(param) => param,
        }
    }

    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }
}

/// Who walks, inside the erased layer, for the layer.
struct Untyped<'a, T: ?Sized>(&'a mut T);

impl ModuleVisitor for Untyped<'_, dyn Visitor + '_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.param(param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.param(param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.param(param);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.param(flag);
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}

impl Untyped<'_, dyn Mapper + '_> {
    fn pass<T: 'static>(&mut self, param: T) -> T {
        let mapped = self.0.param(Box::new(param)).downcast();
        *mapped.unwrap_or_else(|_| unreachable!("a parameter comes back in its type"))
    }
}

impl ModuleMapper for Untyped<'_, dyn Mapper + '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.pass(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.pass(param)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.pass(param)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.pass(flag)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};

    use super::*;

    #[derive(Module, Debug)]
    struct Mixed {
        linear: Linear,
        norm: BatchNorm,
        dropout: Dropout,
    }

    impl Layer for Mixed {
        fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
            self.dropout.forward(self.linear.forward(tokens))
        }
    }

    fn mixed(device: &Device) -> Mixed {
        Mixed {
            linear: LinearConfig::new(3, 2).init(device),
            norm: BatchNormConfig::new(2).init(device),
            dropout: DropoutConfig::new(0.5).init(),
        }
    }

    /// Every name, kind and number of a walk.
    #[derive(Default, Debug, PartialEq)]
    struct Seen(Vec<String>);

    impl ModuleVisitor for Seen {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(format!("{} {:?} {:?}", param.id, param.shape(), param.val().into_data()));
        }
        fn visit_flag(&mut self, flag: &Param<Flag>) {
            self.0.push(format!("{} {}", flag.id, flag.is_enabled()));
        }
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.0.push(format!("+{name} {container_type}"));
        }
        fn exit_module(&mut self, name: &str, container_type: &str) {
            self.0.push(format!("-{name} {container_type}"));
        }
    }

    fn seen(module: &impl Module) -> Seen {
        let mut seen = Seen::default();
        module.visit(&mut seen);
        seen
    }

    #[test]
    fn a_walk_through_an_erased_layer_is_that_over_its_layer() {
        let device = Device::flex().autodiff();
        let layer = mixed(&device);
        let erased = DynLayer::new(layer.clone());
        assert_eq!(seen(&erased), seen(&layer));
        assert!(seen(&erased).0.len() > 8);
        assert_eq!(Module::num_params(&erased), Module::num_params(&layer));
        assert_eq!(seen(&erased.valid()), seen(&layer.valid()), "flags are off in both");
        assert_ne!(seen(&erased.valid()), seen(&erased));
        assert_eq!(seen(&erased.clone().freeze()), seen(&layer.clone().freeze()));
        let forked = |erased: DynLayer| seen(&erased.fork(&Device::flex().autodiff()));
        assert_eq!(forked(erased.clone()), seen(&layer));
        assert_eq!(erased.devices(), layer.devices());
        let other = DynLayer::new(mixed(&device)).load_record(erased.clone().into_record());
        let values = |erased: &DynLayer| erased.clone().into_record();
        assert_eq!(format!("{:?}", values(&other).len()), format!("{:?}", values(&erased).len()));
        let zeros = Tensor::ones([1, 2, 3], &device);
        let of = |erased: &DynLayer| erased.valid().forward(zeros.clone()).into_data();
        assert_eq!(of(&other), of(&erased));
        assert!(erased.get::<Mixed>().is_some() && erased.get::<Classifier>().is_none());
        assert_eq!(DynLayer::dimensions(&layer), 2);
    }
}
