use aster_classifier::reverse_gradient;
use aster_decoder::{Decoder, GeneratorNoise, PseudoAnomaly};
use aster_llm::ContextEncoder;
use aster_vae::VaeEncoder;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::chunk::in_chunks;
use crate::components::{LayerShape, NetworkComponents};
use crate::config::{ModelConfig, Space};
use crate::error::ModelError;
use crate::layer::DynLayer;
use crate::loss::{LossTerms, LossWeights};
use crate::noise::Noise;

/// The ASTER network: context encoder, variational encoder, decoder and classifier.
#[derive(Module, Debug)]
pub struct Aster {
    context: DynLayer,
    encoder: VaeEncoder,
    decoder: Decoder,
    classifier: DynLayer,
    #[module(skip)]
    config: ModelConfig,
    #[module(skip)]
    components: NetworkComponents,
}

/// Latent codes of the same windows in three states, each `[B, L, Z]`.
#[derive(Debug, Clone)]
pub struct Codes {
    /// Codes of the windows as they are.
    pub real: Tensor<3>,
    /// Codes of their reconstructions.
    pub reconstructed: Tensor<3>,
    /// Codes of pseudo-anomalies made of them.
    pub pseudo: Tensor<3>,
}

/// Output of the network per row of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The reconstruction of the posterior's mean, in scaled units.
    Reconstruction,
    /// The classifier's severity, a mean of logits.
    Severity,
}

impl Output {
    /// Returns the number of values per row.
    pub fn width(self, channels: usize) -> usize {
        match self {
            Self::Reconstruction => channels,
            Self::Severity => 1,
        }
    }
}

impl ModelConfig {
    /// Creates a network for `channels` channels with fresh weights (those of the language
    /// model aside).
    ///
    /// # Errors
    /// A setting outside its range, a language model that cannot be read, a custom component
    /// that cannot be made.
    pub fn init(
        &self,
        components: &NetworkComponents,
        channels: usize,
        device: &Device,
    ) -> Result<Aster, ModelError> {
        self.check()?;
        let (tokens, features) = (self.tokens(), self.patch_length() * channels);
        let (width, direction) = (self.context.width, self.generator_features(channels));
        let context = LayerShape { tokens, input: features, output: width };
        let head = LayerShape { tokens, input: width, output: self.grades };
        Ok(Aster {
            context: components.context(self, context, device)?,
            encoder: self.vae.init(width, device)?,
            decoder: self.decoder.init(
                self.vae.latent_size,
                tokens,
                features,
                direction,
                device,
            )?,
            classifier: components.head(self, head, device)?,
            config: self.clone(),
            components: components.clone(),
        })
    }
}

impl Aster {
    /// Returns the hyperparameters that it was built from.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Returns the built-in context encoder, with the language model; none where a custom layer
    /// stands in for it.
    pub fn context(&self) -> Option<&ContextEncoder> {
        self.context.get()
    }

    /// Returns the custom components.
    pub fn components(&self) -> &NetworkComponents {
        &self.components
    }

    /// Computes the loss and its terms.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` and their noise to scalars.
    pub fn losses(&self, windows: Tensor<3>, noise: Noise, weights: LossWeights) -> LossTerms {
        let config = &self.config;
        let [b, ..] = windows.dims();
        let patches = self.patches(windows);
        let context = self.context.forward_data(patches.clone());
        let posterior = self.encoder.forward(context.clone());

        // The reversed gradient is for the generator alone: it ends at the codes.
        let (mean, log_variance) = (posterior.mean.clone(), posterior.log_variance.clone());
        let codes = config.sampler.codes(mean.detach(), log_variance.detach(), noise.codes);
        // One pass over both kinds of codes costs less than one over each.
        let both = Tensor::cat(vec![posterior.at(noise.posterior), codes], 0);
        let decoded = self.decoder.forward(both);
        let decoded_real = decoded.reconstruction.narrow(0, 0, b);
        let errors = (decoded_real - patches.clone()).powi_scalar(2);
        let reconstruction = trimmed_mean(errors, weights.trimmed);
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
        let total = reconstruction.clone()
            + classification.clone().mul_scalar(weights.classification)
            + kl.clone().mul_scalar(weights.beta);
        LossTerms {
            total,
            reconstruction,
            kl,
            classification,
            cosine: pseudo.cosine.detach(),
            squared_cosine: pseudo.squared_cosine.detach(),
            separation: mean(b) - mean(0),
        }
    }

    /// Perturbs patches or contexts, whichever [`Space`] pseudo-anomalies live in.
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
        match &self.components.generator {
            Some(generator) => config.generate_with(&**generator, real, direction, noise),
            None => config.generate(real, direction, noise),
        }
    }

    fn context_of_pseudo(&self, values: Tensor<3>) -> Tensor<3> {
        match self.config.space {
            Space::Patch => self.context.forward(values),
            Space::Latent => values,
        }
    }

    /// Encodes windows, their reconstructions and pseudo-anomalies of them as posterior means.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` and their noise to codes `[B, L, Z]`.
    pub fn codes(&self, windows: Tensor<3>, noise: Noise) -> Codes {
        let patches = self.patches(windows);
        let mean = |context: Tensor<3>| self.encoder.forward(context).mean;
        let context = self.context.forward_data(patches.clone());
        let posterior = self.encoder.forward(context.clone());
        let decoded = self.decoder.forward(posterior.mean.clone());
        let codes =
            self.config.sampler.codes(posterior.mean.clone(), posterior.log_variance, noise.codes);
        let direction = self.decoder.forward(codes).direction;
        let pseudo = self.pseudo_anomalies([patches, context], direction, noise.generator).values;
        Codes {
            real: posterior.mean,
            reconstructed: mean(self.context.forward(decoded.reconstruction)),
            pseudo: mean(self.context_of_pseudo(pseudo)),
        }
    }

    /// Runs the network on windows, without drawing anything.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` to one tensor per output: `[B, T, C]` for the
    /// reconstruction, `[B, T, 1]` for the others.
    pub fn outputs(&self, windows: Tensor<3>, outputs: &[Output]) -> Vec<Tensor<3>> {
        let ([b, ..], device) = (windows.dims(), windows.device());
        let chunks = in_chunks(b, self.config.chunk_size, &device, |range| {
            self.outputs_at_once(windows.clone().slice(range), outputs)
        });
        let of = |output: usize| chunks.iter().map(|chunk| chunk[output].clone()).collect();
        (0..outputs.len()).map(|output| Tensor::cat(of(output), 0)).collect()
    }

    fn outputs_at_once(&self, windows: Tensor<3>, outputs: &[Output]) -> Vec<Tensor<3>> {
        let shape = windows.dims();
        let context = self.context.forward_data(self.patches(windows));
        let make = |output: &Output| match output {
            Output::Severity => {
                let logits = self.classifier.forward(context.clone());
                self.per_row(self.config.grade_scale().severity(logits))
            }
            Output::Reconstruction => {
                let posterior = self.encoder.forward(context.clone());
                self.decoder.forward(posterior.mean).reconstruction.reshape(shape)
            }
        };
        outputs.iter().map(make).collect()
    }

    /// Computes the classifier's severity, with a gradient to the windows.
    ///
    /// # Shapes
    /// Scaled windows `[B, T, C]` to `[B, L]`.
    pub fn severity(&self, windows: Tensor<3>) -> Tensor<2> {
        let context = self.context.forward(self.patches(windows));
        self.config.grade_scale().severity(self.classifier.forward(context))
    }

    /// `[B, T, C]` to `[B, L, P*C]`.
    fn patches(&self, windows: Tensor<3>) -> Tensor<3> {
        let [b, _, c] = windows.dims();
        windows.reshape([b, self.config.tokens(), self.config.patch_length() * c])
    }

    /// Repeats a token's value for each of its rows: `[B, L]` to `[B, T, 1]`.
    fn per_row(&self, tokens: Tensor<2>) -> Tensor<3> {
        let [b, l] = tokens.dims();
        let p = self.config.patch_length();
        tokens.unsqueeze_dim::<3>(2).expand([b, l, p]).reshape([b, l * p, 1])
    }
}

/// Mean of errors `[B, L, P*C]` but for a share of the windows, those of the largest mean; one counts in any
/// case.
fn trimmed_mean(errors: Tensor<3>, share: f64) -> Tensor<1> {
    let windows = errors.dims()[0];
    let left = windows - ((share * windows as f64) as usize).min(windows - 1);
    if left == windows {
        return errors.mean();
    }
    let of_window: Tensor<1> = errors.mean_dims(&[1, 2]).squeeze_dims(&[1, 2]);
    let order = of_window.clone().detach().argsort(0);
    of_window.select(0, order.narrow(0, 0, left)).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::loss::ObjectiveConfig;
    use crate::noise::RngKey;

    fn small() -> ModelConfig {
        ModelConfig { window: 8, patch: Some(2), ..Default::default() }
    }

    fn init(config: &ModelConfig, device: &Device) -> Aster {
        config.init(&NetworkComponents::default(), 2, device).unwrap()
    }

    fn noise(config: &ModelConfig, device: &Device) -> Noise {
        let keys = [0, 1, 2].map(|index| RngKey { seed: 0, epoch: 0, index });
        Noise::draw(config, 2, &keys, device)
    }

    fn weights(beta: f64) -> LossWeights {
        LossWeights { beta, ..ObjectiveConfig::default().validation_weights() }
    }

    #[test]
    fn losses_are_finite_in_both_spaces_and_add_up() {
        let device = Device::flex();
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        for space in [Space::Patch, Space::Latent] {
            let config = ModelConfig { space, ..small() };
            let model = init(&config, &device);
            let [total, reconstruction, kl, classification, ..] = model
                .losses(windows.clone(), noise(&config, &device), weights(0.5))
                .to_values()
                .unwrap();
            let sum = reconstruction + 0.5 * kl + classification;
            assert!(total.is_finite() && (total - sum).abs() < 1e-4, "{total} against {sum}");
        }
    }

    #[test]
    fn windows_of_the_largest_errors_neither_count_nor_have_a_gradient() {
        let device = Device::flex().autodiff();
        let errors = [[1.0, 3.0], [50.0, 0.0], [4.0, 4.0], [0.0, 0.0]].concat();
        let errors = Tensor::<1>::from_data(&errors[..], &device).reshape([4, 2, 1]).require_grad();
        let mean = |share| trimmed_mean(errors.clone(), share);
        let value = |share| mean(share).into_scalar::<f32>();
        assert_eq!([0.0, 0.2, 0.25, 0.5, 0.99].map(value), [7.75, 7.75, 2.0, 1.0, 0.0]);
        let gradient = errors.grad(&mean(0.25).backward()).unwrap().into_data();
        let counts = 6f32.recip();
        let expected = [counts, counts, 0.0, 0.0, counts, counts, counts, counts];
        assert_eq!(gradient.try_to_vec::<f32>().unwrap(), expected);
    }

    #[test]
    fn outputs_have_values_for_every_row_and_do_not_draw() {
        let device = Device::flex();
        let model = init(&small(), &device);
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let outputs = [Output::Severity, Output::Reconstruction];
        let once = model.outputs(windows.clone(), &outputs);
        let twice = model.outputs(windows, &outputs);
        for ((a, b), width) in once.into_iter().zip(twice).zip([1, 2]) {
            assert_eq!(a.dims(), [3, 8, width]);
            assert_eq!(a.into_data(), b.into_data());
        }
    }

    #[test]
    fn the_reversed_gradient_reaches_the_generator_and_stops_at_the_codes() {
        let device = Device::flex().autodiff();
        let config = small();
        let windows = Tensor::random([3, 8, 2], Distribution::Normal(0.0, 1.0), &device);
        let model = init(&config, &device);
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
