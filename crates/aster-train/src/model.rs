use std::cell::LazyCell;

use aster_classifier::reverse_gradient;
use aster_decoder::{Decoder, GeneratorNoise, PseudoAnomaly};
use aster_llm::ContextEncoder;
use aster_vae::VaeEncoder;
use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::chunk::in_chunks;
use crate::layer::Slot;
use crate::objective::Measures;
use crate::{
    AsterConfig, Balance, LayerShape, LossParts, Noise, Parts, Space, TrainError, Weights,
};

/// Context encoder, variational encoder, decoder and classifier as one module.
#[derive(Module, Debug)]
pub struct Aster {
    context: Slot,
    encoder: VaeEncoder,
    decoder: Decoder,
    classifier: Slot,
    /// Logarithms of variances of reconstruction and classification, where they are learned.
    balance: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: AsterConfig,
    #[module(skip)]
    parts: Parts,
}

/// Codes of the same windows in three states, each `[B, L, Z]`.
#[derive(Debug, Clone)]
pub struct Codes {
    /// As they are.
    pub real: Tensor<3>,
    /// As the decoder makes them again.
    pub reconstructed: Tensor<3>,
    /// As pseudo-anomalies.
    pub pseudo: Tensor<3>,
}

/// What can be read of a model, per row of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The reconstruction of the posterior's mean, in scaled units.
    Reconstruction,
    /// The classifier's severity, a mean of logits.
    Severity,
    /// KL divergence of the token's posterior, in nats.
    Kl,
}

impl Output {
    /// Values per row.
    pub fn width(self, channels: usize) -> usize {
        match self {
            Self::Reconstruction => channels,
            Self::Severity | Self::Kl => 1,
        }
    }
}

impl AsterConfig {
    /// A model of `channels` channels with fresh weights (those of the language
    /// model aside).
    ///
    /// # Errors
    /// A setting outside its range, a language model that cannot be read.
    pub fn init(&self, channels: usize, device: &Device) -> Result<Aster, TrainError> {
        self.init_with(&Parts::default(), channels, device)
    }

    /// The same with parts of the user's own.
    ///
    /// # Errors
    /// As [`AsterConfig::init`]; a part that cannot be made.
    pub fn init_with(
        &self,
        parts: &Parts,
        channels: usize,
        device: &Device,
    ) -> Result<Aster, TrainError> {
        self.check()?;
        parts.check(self)?;
        let (tokens, features) = (self.tokens(), self.patch * channels);
        let (width, direction) = (self.context.width, self.perturbed(channels));
        let seen = LayerShape { tokens, input: self.patch * self.seen(channels), output: width };
        let judged = LayerShape { tokens, input: width, output: self.grades };
        Ok(Aster {
            context: parts.context(self, seen, device)?,
            encoder: self.vae.init(width, device)?,
            decoder: self.decoder.init(self.vae.latent, tokens, features, direction, device)?,
            classifier: parts.head(self, judged, device)?,
            balance: match self.objective.balance {
                Balance::Fixed => None,
                Balance::Uncertainty => Some(Initializer::Zeros.init([2], device)),
            },
            config: self.clone(),
            parts: parts.clone(),
        })
    }
}

impl Aster {
    /// The config that it was built from.
    pub fn config(&self) -> &AsterConfig {
        &self.config
    }

    /// What makes context of patches, with the language model; none where it is the user's own.
    pub fn context(&self) -> Option<&ContextEncoder> {
        self.context.get()
    }

    /// The parts that are the user's own.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The same weights with another config; only what is read after training may
    /// differ.
    pub(crate) fn with_config(self, config: AsterConfig) -> Self {
        Self { config, ..self }
    }

    /// The loss and its parts.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` and their noise to scalars.
    pub fn losses(&self, windows: Tensor<3>, noise: Noise, weights: Weights) -> LossParts {
        let config = &self.config;
        let [b, ..] = windows.dims();
        let patches = self.patches(windows);
        let context = self.context.forward_data(self.seen(patches.clone()));
        let posterior = self.encoder.forward(context.clone());

        // The reversed gradient is for the generator alone: it ends at the codes.
        let (mean, log_variance) = (posterior.mean.clone(), posterior.log_variance.clone());
        let codes = config.sampler.codes(mean.detach(), log_variance.detach(), noise.codes);
        // One pass over both kinds of codes costs less than one over each.
        let both = Tensor::cat(vec![posterior.at(noise.posterior), codes], 0);
        let decoded = self.decoder.forward(both);
        let decoded_real = decoded.reconstruction.narrow(0, 0, b);
        let reconstruction = (decoded_real - patches.clone()).powi_scalar(2).mean();
        let direction = decoded.direction.narrow(0, b, b);
        let real = [patches, context.clone()];
        let pseudo = self.pseudo_anomalies(real, direction, noise.generator);
        let values = reverse_gradient(pseudo.values, weights.reversal);
        let pseudo_context = self.context_of_pseudo(values);
        let grades = config.grade_scale();
        let logits = self.classifier.forward(Tensor::cat(vec![context, pseudo_context], 0));
        let radii = Tensor::cat(vec![pseudo.radii.zeros_like(), pseudo.radii], 0);
        let severity = grades.severity(logits.clone().detach());
        let classification = grades.loss(logits, grades.targets(radii));
        let mean = |first| severity.clone().narrow(0, first, b).mean();
        let kl = posterior.kl(&config.vae.prior);
        let total = self.weighed(&reconstruction, &classification, weights.learned)
            + kl.clone().mul_scalar(weights.beta);
        // A weight of 0 would send zeros back through all pairs.
        let total = match config.objective.diversity {
            0.0 => total,
            weight => total + pseudo.squared_cosine.clone().mul_scalar(weight),
        };
        let measures = Measures {
            cosine: pseudo.cosine.detach(),
            squared_cosine: pseudo.squared_cosine.detach(),
            separation: mean(b) - mean(0),
        };
        LossParts { total, reconstruction, kl, classification, measures, step: 0 }
    }

    /// Of patches or contexts, whichever [`Space`] they live in.
    fn pseudo_anomalies(
        &self,
        [patches, context]: [Tensor<3>; 2],
        direction: Tensor<3>,
        noise: GeneratorNoise,
    ) -> PseudoAnomaly {
        let config = &self.config.generator;
        let real = match self.config.space {
            Space::Patch => patches,
            Space::Latent => context,
        };
        match &self.parts.generator {
            Some(generator) => config.generate_with(&**generator, real, direction, noise),
            None => config.generate(real, direction, noise),
        }
    }

    fn context_of_pseudo(&self, values: Tensor<3>) -> Tensor<3> {
        match self.config.space {
            Space::Patch => self.context.forward(self.seen(values)),
            Space::Latent => values,
        }
    }

    /// Where the encoder puts windows, their reconstructions and pseudo-anomalies of them:
    /// posterior means.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` and their noise to codes `[B, L, Z]`.
    pub fn codes(&self, windows: Tensor<3>, noise: Noise) -> Codes {
        let patches = self.patches(windows);
        let mean = |context: Tensor<3>| self.encoder.forward(context).mean;
        let context = self.context.forward_data(self.seen(patches.clone()));
        let posterior = self.encoder.forward(context.clone());
        let decoded = self.decoder.forward(posterior.mean.clone());
        let codes =
            self.config.sampler.codes(posterior.mean.clone(), posterior.log_variance, noise.codes);
        let direction = self.decoder.forward(codes).direction;
        let pseudo = self.pseudo_anomalies([patches, context], direction, noise.generator).values;
        Codes {
            real: posterior.mean,
            reconstructed: mean(self.context.forward(self.seen(decoded.reconstruction))),
            pseudo: mean(self.context_of_pseudo(pseudo)),
        }
    }

    fn weighed(
        &self,
        reconstruction: &Tensor<1>,
        classification: &Tensor<1>,
        learned: bool,
    ) -> Tensor<1> {
        let weight = self.config.objective.classification;
        let losses = [reconstruction.clone(), classification.clone().mul_scalar(weight)];
        let learn = |loss: Tensor<1>, s: Tensor<1>| loss * s.clone().neg().exp() + s;
        let [reconstruction, classification] = match &self.balance {
            Some(balance) if learned => {
                let [r, c] = losses;
                [learn(r, balance.val().narrow(0, 0, 1)), learn(c, balance.val().narrow(0, 1, 1))]
            }
            _ => losses,
        };
        reconstruction + classification
    }

    /// What it makes of windows, without drawing anything.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` to one tensor per output: `[B, T, C]` for the
    /// reconstruction, `[B, T, 1]` for the others.
    pub fn outputs(&self, windows: Tensor<3>, outputs: &[Output]) -> Vec<Tensor<3>> {
        let ([b, ..], device) = (windows.dims(), windows.device());
        let chunks = in_chunks(b, self.config.chunk, &device, |range| {
            self.outputs_at_once(windows.clone().slice(range), outputs)
        });
        let of = |output: usize| chunks.iter().map(|chunk| chunk[output].clone()).collect();
        (0..outputs.len()).map(|output| Tensor::cat(of(output), 0)).collect()
    }

    fn outputs_at_once(&self, windows: Tensor<3>, outputs: &[Output]) -> Vec<Tensor<3>> {
        let shape = windows.dims();
        let context = self.context.forward_data(self.seen(self.patches(windows)));
        let posterior = LazyCell::new(|| self.encoder.forward(context.clone()));
        let make = |output: &Output| match output {
            Output::Severity => {
                let logits = self.classifier.forward(context.clone());
                self.per_row(self.config.grade_scale().severity(logits))
            }
            Output::Kl => self.per_row(posterior.kl_per_token(&self.config.vae.prior)),
            Output::Reconstruction => {
                self.decoder.forward(posterior.mean.clone()).reconstruction.reshape(shape)
            }
        };
        outputs.iter().map(make).collect()
    }

    /// The classifier's severity `[B, L]` of scaled windows `[B, T, C]`, with a gradient to them.
    pub(crate) fn severity(&self, windows: Tensor<3>) -> Tensor<2> {
        let context = self.context.forward(self.seen(self.patches(windows)));
        self.config.grade_scale().severity(self.classifier.forward(context))
    }

    /// `[B, T, C]` to `[B, L, P*C]`.
    fn patches(&self, windows: Tensor<3>) -> Tensor<3> {
        let [b, _, c] = windows.dims();
        windows.reshape([b, self.config.tokens(), self.config.patch * c])
    }

    /// Patches of the channels, with their differences where the config asks for them; those
    /// of a window's first row are 0.
    fn seen(&self, patches: Tensor<3>) -> Tensor<3> {
        if !self.config.differences {
            return patches;
        }
        let ([b, l, features], t) = (patches.dims(), self.config.window);
        let rows = patches.reshape([b, t, features / self.config.patch]);
        let before = rows.clone().slice([0..b, 0..t - 1]);
        let before = Tensor::cat(vec![rows.clone().narrow(1, 0, 1), before], 1);
        Tensor::cat(vec![rows.clone(), rows - before], 2).reshape([b, l, 2 * features])
    }

    /// Repeats a token's value for each of its rows: `[B, L]` to `[B, T, 1]`.
    fn per_row(&self, tokens: Tensor<2>) -> Tensor<3> {
        let [b, l] = tokens.dims();
        let p = self.config.patch;
        tokens.unsqueeze_dim::<3>(2).expand([b, l, p]).reshape([b, l * p, 1])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::ObjectiveConfig;
    use crate::noise::Key;

    fn small() -> AsterConfig {
        AsterConfig { window: 8, patch: 2, ..Default::default() }
    }

    fn noise(config: &AsterConfig, device: &Device) -> Noise {
        let keys = [0, 1, 2].map(|place| Key { seed: 0, round: 0, place });
        Noise::draw(config, 2, &keys, device)
    }

    fn weights(beta: f64) -> Weights {
        Weights { beta, ..ObjectiveConfig::default().settled() }
    }

    #[test]
    fn losses_are_finite_in_both_spaces_and_add_up() {
        let device = Device::flex();
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        for space in [Space::Patch, Space::Latent] {
            let config = AsterConfig { space, ..small() };
            let model = config.init(2, &device).unwrap();
            let [total, reconstruction, kl, classification, ..] = model
                .losses(windows.clone(), noise(&config, &device), weights(0.5))
                .to_values()
                .unwrap();
            let sum = reconstruction + 0.5 * kl + classification;
            assert!(total.is_finite() && (total - sum).abs() < 1e-4, "{total} against {sum}");
        }
    }

    #[test]
    fn a_learned_balance_starts_at_the_configured_one_and_learns() {
        let device = Device::flex().autodiff();
        let fixed = small();
        let mut learned = fixed.clone();
        learned.objective.balance = Balance::Uncertainty;
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let model = learned.init(2, &device).unwrap();
        let losses =
            model.losses(windows.clone(), noise(&learned, &device), learned.objective.at(0));
        let [total, reconstruction, _, classification, ..] = losses.to_values().unwrap();
        assert!((total - reconstruction - classification).abs() < 1e-4);
        let grads = losses.total.backward();
        let balance = model.balance.as_ref().unwrap().val();
        let slopes = balance.grad(&grads).unwrap().into_data().try_to_vec::<f32>().unwrap();
        // d/ds of l exp(-s) + s at s = 0.
        assert!((slopes[0] - (1.0 - reconstruction)).abs() < 1e-4);
        assert!((slopes[1] - (1.0 - classification)).abs() < 1e-4);
    }

    #[test]
    fn differences_stand_beside_their_channels() {
        let device = Device::flex();
        let mut config =
            AsterConfig { window: 4, patch: 2, differences: true, ..Default::default() };
        config.score.stride = 4;
        let model = config.init(2, &device).unwrap();
        let rows = [[[1.0, 10.0], [2.0, 30.0], [4.0, 60.0], [7.0, 0.0]]];
        let patches = model.patches(Tensor::from_floats(rows, &device));
        let seen = model.seen(patches).into_data().try_to_vec::<f32>().unwrap();
        let [first, second] =
            [[1., 10., 0., 0., 2., 30., 1., 20.], [4., 60., 2., 30., 7., 0., 3., -60.]];
        assert_eq!(seen, [first, second].concat());
        let made = model.outputs(Tensor::zeros([3, 4, 2], &device), &[Output::Reconstruction]);
        assert_eq!(made[0].dims(), [3, 4, 2]);
    }

    #[test]
    fn outputs_have_values_for_every_row_and_do_not_draw() {
        let device = Device::flex();
        let model = small().init(2, &device).unwrap();
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let outputs = [Output::Severity, Output::Kl, Output::Reconstruction];
        let once = model.outputs(windows.clone(), &outputs);
        let twice = model.outputs(windows, &outputs);
        for ((a, b), width) in once.into_iter().zip(twice).zip([1, 1, 2]) {
            assert_eq!(a.dims(), [3, 8, width]);
            assert_eq!(a.into_data(), b.into_data());
        }
    }

    #[test]
    fn the_reversed_gradient_reaches_the_generator_and_stops_at_the_codes() {
        let device = Device::flex().autodiff();
        let config = AsterConfig {
            objective: ObjectiveConfig { classification: 1.0, ..Default::default() },
            ..small()
        };
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let model = config.init(2, &device).unwrap();
        let loss = model.losses(windows, noise(&config, &device), weights(0.0)).classification;
        let grads = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
        let touched = |module: &dyn Fn(&mut Ids)| {
            let mut ids = Ids::default();
            module(&mut ids);
            let moves = |grad: Tensor<2>| grad.abs().max().into_scalar::<f32>() > 0.0;
            ids.0.iter().any(|id| grads.get::<2>(*id).is_some_and(moves))
        };
        assert!(touched(&|ids| model.decoder.visit(ids)), "the decoder makes pseudo-anomalies");
        assert!(!touched(&|ids| model.encoder.visit(ids)), "the encoder must not resist");
    }

    #[derive(Default)]
    struct Ids(Vec<burn::module::ParamId>);

    impl burn::module::ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            if D == 2 {
                self.0.push(param.id);
            }
        }
    }
}
