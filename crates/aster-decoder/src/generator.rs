use aster_base::{SettingError, non_negative, require};
use burn::tensor::Tensor;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Formula that makes a pseudo-anomaly of a window `x`, the decoder's direction `d` and
/// isotropic noise `e`.
///
/// `unit` scales a window to a root mean square of 1, and r is a drawn radius. Replacing the
/// window by what the decoder makes of a sampled code is the paper's; the rest is ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GeneratorForm {
    /// `d` stands in for the window (paper).
    Replace,
    /// `x + r unit(e)`: noise alone, the ablation without a decoder.
    Isotropic,
    /// `x + r unit(e + bound tanh(d))`: full-rank noise that the decoder can shape
    /// but not discard.
    Residual {
        /// Largest move of a feature by the decoder, in standard deviations of the noise.
        bound: f64,
    },
}

impl Default for GeneratorForm {
    fn default() -> Self {
        Self::Residual { bound: 0.3 }
    }
}

/// Hyperparameters of the pseudo-anomaly generator.
///
/// ```
/// use aster_decoder::{GeneratorConfig, GeneratorForm};
///
/// let mut config = GeneratorConfig::default();
/// config.form = GeneratorForm::Isotropic;
/// assert!(config.check().is_ok());
/// config.min_radius = 0.0;
/// assert!(config.check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GeneratorConfig {
    /// Formula of a pseudo-anomaly. Default: residual with a bound of 0.3; with 1, the reversed
    /// gradient was seen to bend the decoder at the cost of its reconstruction.
    pub form: GeneratorForm,
    /// Smallest radius (root mean square of the perturbation, in units of the
    /// scaled series), above 0. Default: 0.1.
    pub min_radius: f64,
    /// Largest radius; the logarithm of r is uniform. Default: 4.
    pub max_radius: f64,
    /// Perturbs a part of the window only; for ablation. Default: all of it.
    pub gates: Option<Gates>,
}

/// Local pseudo-anomalies: a run of tokens, in some of the channels (ours).
///
/// Each share is drawn uniformly between its bound and 1. The classifier learns which tokens
/// they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// Smallest share of the tokens, in [0, 1]; at least one token opens. Default: 0.25.
    pub tokens: f64,
    /// Smallest share of the channels, in [0, 1]; at least one opens. Default: 0.1.
    pub channels: f64,
}

impl Default for Gates {
    fn default() -> Self {
        Self { tokens: 0.25, channels: 0.1 }
    }
}

impl Gates {
    /// Draws a mask that is 1 where a window of `[L, features]` is perturbed, else 0. Features `c`,
    /// `c + channels`, ... of a token are those of channel `c`.
    pub fn draw(
        &self,
        [tokens, features]: [usize; 2],
        channels: usize,
        rng: &mut impl Rng,
    ) -> Vec<f32> {
        let mut some = |of: usize, least: f64| {
            let share = least + (1.0 - least) * rng.random::<f64>();
            ((share * of as f64).round() as usize).clamp(1, of)
        };
        let (length, count) = (some(tokens, self.tokens), some(channels, self.channels));
        let start = rng.random_range(0..=tokens - length);
        let open = rand::seq::index::sample(rng, channels, count);
        let mut gate = vec![0.0; tokens * features];
        for token in gate.chunks_mut(features).skip(start).take(length) {
            let channels = token.chunks_mut(channels);
            channels.for_each(|row| open.iter().for_each(|channel| row[channel] = 1.0));
        }
        gate
    }
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self { form: GeneratorForm::default(), min_radius: 0.1, max_radius: 4.0, gates: None }
    }
}

/// Random numbers of a batch's pseudo-anomalies.
///
/// The caller draws them, so that they can be the same on every device.
#[derive(Debug, Clone)]
pub struct GeneratorNoise {
    /// Standard normal, `[B, L, F]`.
    pub normal: Tensor<3>,
    /// Drawn by [`GeneratorConfig::radius`], `[B, 1, 1]`.
    pub radii: Tensor<3>,
    /// Drawn by [`Gates::draw`], `[B, L, F]`.
    pub gate: Option<Tensor<3>>,
}

/// Custom generator of pseudo-anomalies, in place of a [`GeneratorForm`].
pub trait Generator: std::fmt::Debug + Send + Sync + 'static {
    /// Returns the name used in saved detectors and in messages.
    fn name(&self) -> &str;

    /// Makes one pseudo-anomaly of each window. What depends on `direction` is learned, against the
    /// classifier. A token counts as pseudo-anomalous if any of its values has changed, and as
    /// the more so the larger the root mean square of the change.
    ///
    /// # Shapes
    /// Windows and directions `[B, L, F]` to values `[B, L, F]`. In patch space, feature
    /// `p * C + c` of a token is channel `c` in its row `p`.
    fn generate(
        &self,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: &GeneratorNoise,
    ) -> Tensor<3>;
}

/// Pseudo-anomalous windows and how they were moved.
#[derive(Debug, Clone)]
pub struct PseudoAnomaly {
    /// `[B, L, F]`.
    pub values: Tensor<3>,
    /// Root mean square of the window's perturbation before the gates; 0 for tokens that the gates
    /// close. `[B, L]`, detached from the graph.
    pub radii: Tensor<2>,
    /// Mean cosine between the perturbations of two windows, `[1]`: 0 without a common
    /// direction. 0 for a single window.
    pub cosine: Tensor<1>,
    /// Mean of its square, `[1]`: 1/n where they fill n dimensions evenly, so that its inverse
    /// is an effective rank (the participation ratio, estimated from pairs).
    pub squared_cosine: Tensor<1>,
}

impl GeneratorConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// Radii that are not `0 < min <= max`, a gate outside [0, 1], a negative bound.
    pub fn check(&self) -> Result<(), SettingError> {
        let (min, max) = (self.min_radius, self.max_radius);
        let ordered = min > 0.0 && min <= max && max.is_finite();
        let got = format!("{min} and {max}");
        require("min_radius and max_radius", ordered, "0 < min <= max, finite", got)?;
        if let Some(Gates { tokens, channels }) = self.gates {
            for (name, share) in [("gates.tokens", tokens), ("gates.channels", channels)] {
                require(name, (0.0..=1.0).contains(&share), "a number in [0, 1]", share)?;
            }
        }
        match self.form {
            GeneratorForm::Residual { bound } => non_negative("form.residual.bound", bound),
            GeneratorForm::Replace | GeneratorForm::Isotropic => Ok(()),
        }
    }

    /// Draws a radius.
    pub fn radius(&self, rng: &mut impl Rng) -> f32 {
        let (low, high) = (self.min_radius.ln(), self.max_radius.ln());
        (low + (high - low) * rng.random::<f64>()).exp() as f32
    }

    /// Makes one pseudo-anomaly of each window.
    ///
    /// # Shapes
    /// Windows `[B, L, F]` and directions `[B, L, F]` to values `[B, L, F]`.
    pub fn generate(
        &self,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: GeneratorNoise,
    ) -> PseudoAnomaly {
        let (values, radii) = self.form.values(windows.clone(), direction, &noise);
        anomalies(windows, values, radii, noise.gate)
    }

    /// Makes one pseudo-anomaly of each window with a custom generator in place of the form. The
    /// radii of tokens are then their own.
    ///
    /// # Shapes
    /// As [`GeneratorConfig::generate`].
    pub fn generate_with(
        &self,
        generator: &dyn Generator,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: GeneratorNoise,
    ) -> PseudoAnomaly {
        let values = generator.generate(windows.clone(), direction, &noise);
        let radii = radii_of_tokens(&values, &windows);
        anomalies(windows, values, radii, noise.gate)
    }
}

/// The values where the gate is open, else the windows.
fn anomalies(
    windows: Tensor<3>,
    values: Tensor<3>,
    radii: Tensor<2>,
    gate: Option<Tensor<3>>,
) -> PseudoAnomaly {
    let moved = values.clone() - windows.clone();
    let [b, l, f] = moved.dims();
    let (values, moved, radii) = match gate {
        None => (values, moved, radii),
        Some(gate) => {
            let moved = moved * gate.clone();
            (windows + moved.clone(), moved, radii * gate.max_dim(2).squeeze_dim(2))
        }
    };
    let directions = unit(moved).reshape([b, l * f]);
    let cosines = directions.clone().matmul(directions.transpose()).div_scalar((l * f) as f64);
    // Each window agrees with itself.
    let over_pairs =
        |sum: Tensor<1>| sum.sub_scalar(b as f64).div_scalar((b * (b - 1)).max(1) as f64);
    PseudoAnomaly {
        values,
        radii,
        cosine: over_pairs(cosines.clone().sum()),
        squared_cosine: over_pairs(cosines.powi_scalar(2).sum()),
    }
}

impl GeneratorForm {
    /// Values `[B, L, F]` and the radii of their tokens `[B, L]`.
    fn values(
        &self,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: &GeneratorNoise,
    ) -> (Tensor<3>, Tensor<2>) {
        let GeneratorNoise { normal, radii, .. } = noise;
        let [b, l, _] = windows.dims();
        let moved_by = |step: Tensor<3>| windows.clone() + unit(step) * radii.clone();
        let values = match self {
            Self::Replace => direction,
            Self::Isotropic => moved_by(normal.clone()),
            Self::Residual { bound } => {
                moved_by(normal.clone() + direction.tanh().mul_scalar(*bound))
            }
        };
        let moved = values.clone().detach() - windows;
        let radii = root_mean_square(moved).reshape([b, 1]).expand([b, l]);
        (values, radii)
    }
}

/// Root mean square of what moved each token, `[B, L]`, outside the graph.
fn radii_of_tokens(values: &Tensor<3>, windows: &Tensor<3>) -> Tensor<2> {
    let moved = values.clone().detach() - windows.clone().detach();
    moved.powi_scalar(2).mean_dim(2).sqrt().squeeze_dim(2)
}

/// `[B, L, F]` to `[B, 1, 1]`.
fn root_mean_square(x: Tensor<3>) -> Tensor<3> {
    x.powi_scalar(2).mean_dim(2).mean_dim(1).add_scalar(1e-12).sqrt()
}

fn unit(x: Tensor<3>) -> Tensor<3> {
    x.clone() / root_mean_square(x)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, TensorData};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const FORMS_WITH_A_RADIUS: [GeneratorForm; 2] =
        [GeneratorForm::Isotropic, GeneratorForm::Residual { bound: 1.0 }];

    fn normal(device: &Device) -> Tensor<3> {
        Tensor::random([64, 4, 6], Distribution::Normal(0.0, 1.0), device)
    }

    fn noise(config: &GeneratorConfig, device: &Device) -> GeneratorNoise {
        let mut rng = StdRng::seed_from_u64(3);
        let radii: Vec<f32> = (0..64).map(|_| config.radius(&mut rng)).collect();
        GeneratorNoise {
            normal: normal(device),
            radii: Tensor::from_data(TensorData::new(radii, [64, 1, 1]), device),
            gate: None,
        }
    }

    /// Moves the second token alone.
    #[derive(Debug)]
    struct Second;

    impl Generator for Second {
        fn name(&self) -> &str {
            "second"
        }

        fn generate(&self, windows: Tensor<3>, _: Tensor<3>, _: &GeneratorNoise) -> Tensor<3> {
            let [b, _, f] = windows.dims();
            let moved = windows.clone().narrow(1, 1, 1).add_scalar(3.0);
            windows.slice_assign([0..b, 1..2, 0..f], moved)
        }
    }

    #[test]
    fn a_generator_of_ones_own_has_a_radius_per_token() {
        let device = Device::flex();
        let config = GeneratorConfig::default();
        let windows = normal(&device);
        let noise = noise(&config, &device);
        let pseudo = config.generate_with(&Second, windows.clone(), windows, noise);
        let radii = pseudo.radii.into_data().try_to_vec::<f32>().unwrap();
        for window in radii.chunks(4) {
            assert_eq!([window[0], window[2], window[3]], [0.0; 3], "untouched tokens are real");
            assert!((window[1] - 3.0).abs() < 1e-5);
        }
        assert!((pseudo.cosine.into_scalar::<f32>() - 1.0).abs() < 1e-4, "all move alike");
    }

    #[test]
    fn forms_with_a_radius_keep_it_and_report_it() {
        let device = Device::flex();
        device.seed(2);
        for form in FORMS_WITH_A_RADIUS {
            let config =
                GeneratorConfig { form, min_radius: 0.5, max_radius: 2.0, ..Default::default() };
            let direction = normal(&device).mul_scalar(9.0);
            let pseudo = config.generate(normal(&device), direction, noise(&config, &device));
            let radii = pseudo.radii.into_data().try_to_vec::<f32>().unwrap();
            assert!(radii.iter().all(|r| (0.49..2.01).contains(r)), "{form:?}");
            assert!(radii.iter().any(|r| *r < 0.8) && radii.iter().any(|r| *r > 1.3));
        }
    }

    #[test]
    fn the_reversed_gradient_of_a_form_with_a_radius_cannot_choose_the_size() {
        let device = Device::flex().autodiff();
        device.seed(4);
        let direction = normal(&device).require_grad();
        let unit = unit(direction.clone());
        let grads = unit.powi_scalar(3).sum().backward();
        let along = (direction.grad(&grads).unwrap() * direction.inner()).sum_dim(1).sum_dim(2);
        assert!(along.abs().max().into_scalar::<f32>() < 1e-2);
    }

    #[test]
    fn closed_gates_leave_the_window_as_it_is_and_say_so() {
        let device = Device::flex();
        device.seed(8);
        let gates = Gates { tokens: 0.5, channels: 0.0 };
        let mut rng = StdRng::seed_from_u64(1);
        // Two rows of three channels per token.
        let gate: Vec<f32> = (0..64).flat_map(|_| gates.draw([4, 6], 3, &mut rng)).collect();
        for window in gate.chunks(24) {
            let open = window.chunks(6).filter(|token| token.contains(&1.0)).count();
            assert!((2..=4).contains(&open), "{open} tokens");
            assert!(window.chunks(6).all(|token| token[..3] == token[3..]));
        }
        let config = GeneratorConfig { gates: Some(gates), ..Default::default() };
        let tensor = Tensor::<3>::from_data(TensorData::new(gate, [64, 4, 6]), &device);
        let noise = GeneratorNoise { gate: Some(tensor.clone()), ..noise(&config, &device) };
        let windows = normal(&device);
        let pseudo = config.generate(windows.clone(), normal(&device), noise);
        let moved = (pseudo.values - windows).not_equal_elem(0.0).float();
        assert_eq!(moved.into_data(), tensor.clone().into_data());
        let open = tensor.max_dim(2).squeeze_dim::<2>(2);
        assert_eq!(pseudo.radii.greater_elem(0.0).float().into_data(), open.into_data());
    }

    #[test]
    fn diversity_tells_one_direction_from_full_rank() {
        let device = Device::flex();
        device.seed(6);
        let zero = || Tensor::<3>::zeros([64, 4, 6], &device);
        let diversity = |form, windows, direction| {
            let config = GeneratorConfig { form, ..Default::default() };
            let pseudo = config.generate(windows, direction, noise(&config, &device));
            [pseudo.cosine, pseudo.squared_cosine].map(|x| x.into_scalar::<f32>())
        };
        let one = normal(&device).narrow(0, 0, 1).expand([64, 4, 6]);
        let [cosine, squared] = diversity(GeneratorForm::Replace, zero(), one);
        assert!((cosine - 1.0).abs() < 1e-4 && (squared - 1.0).abs() < 1e-4);
        // The residual form without the decoder: each of 24 directions is as likely.
        let [cosine, squared] = diversity(GeneratorForm::default(), zero(), zero());
        assert!(cosine.abs() < 0.02, "{cosine}");
        assert!((squared.recip() - 24.0).abs() < 4.0, "{}", squared.recip());
    }

    #[test]
    fn impossible_settings_are_errors() {
        let config = |form| GeneratorConfig { form, ..Default::default() };
        assert!(config(GeneratorForm::Residual { bound: -1.0 }).check().is_err());
        assert!(GeneratorConfig { min_radius: 0.0, ..Default::default() }.check().is_err());
        let gates = Some(Gates { tokens: 0.5, channels: 1.5 });
        assert!(GeneratorConfig { gates, ..Default::default() }.check().is_err());
        for form in [GeneratorForm::Replace, GeneratorForm::Isotropic, GeneratorForm::default()] {
            assert!(config(form).check().is_ok());
        }
    }
}
