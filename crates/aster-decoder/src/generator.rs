use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::DecoderError;

/// How a pseudo-anomaly is made of a window `x`, the decoder's direction `d` and
/// isotropic noise `e`. `unit` scales a window to a root mean square of 1, and r
/// is a drawn radius. The decoder-conditioned form is the paper's; the rest ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorForm {
    /// `d` stands in for the window.
    Replace,
    /// `x + d`: the reversed gradient may choose the size.
    Add,
    /// `x + r unit(d)`.
    Direction,
    /// `x + r unit(e)`.
    Isotropic,
    /// Several generators at once: each window takes one of these, all equally likely.
    Mixed(Vec<Self>),
    /// `x + r unit(e + bound tanh(d))`: full-rank noise that the decoder can shape
    /// but not discard.
    Residual {
        /// How far the decoder may move each feature, in standard deviations of
        /// the noise.
        bound: f64,
    },
    /// `x + r unit(sigmoid(d) e)`: the decoder learns gates per token and channel, and a
    /// token's radius is its own.
    Gated,
}

impl Default for GeneratorForm {
    fn default() -> Self {
        Self::Residual { bound: 0.3 }
    }
}

/// The generator's settings.
///
/// ```
/// use aster_decoder::{GeneratorConfig, GeneratorForm};
///
/// let config = GeneratorConfig { form: GeneratorForm::Isotropic, ..Default::default() };
/// assert!(config.check().is_ok());
/// assert!(GeneratorConfig { min_radius: 0.0, ..config }.check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorConfig {
    /// The form. Default: residual with a bound of 0.3; with 1, the reversed gradient
    /// was seen to bend the decoder at the cost of its reconstruction.
    pub form: GeneratorForm,
    /// Smallest radius (root mean square of the perturbation, in units of the
    /// scaled series), above 0. Default: 0.1.
    pub min_radius: f64,
    /// Largest radius; the logarithm of r is uniform. Default: 4.
    pub max_radius: f64,
    /// Perturb a part of the window only; none: all of it. Default: none.
    pub gates: Option<Gates>,
}

/// A local pseudo-anomaly: a run of tokens, in some of the channels (ours). Each share is drawn
/// uniformly between its bound and 1. The classifier learns which tokens they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// 1 where a window of `[L, features]` is perturbed, else 0. Features `c`, `c + channels`,
    /// ... of a token are those of channel `c`.
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

/// What is random in the pseudo-anomalies of a batch. The caller draws it, so that it
/// can be the same on every device.
#[derive(Debug, Clone)]
pub struct GeneratorNoise {
    /// Standard normal, `[B, L, F]`.
    pub normal: Tensor<3>,
    /// Drawn by [`GeneratorConfig::radius`], `[B, 1, 1]`.
    pub radii: Tensor<3>,
    /// Uniform in [0, 1), `[B, 1, 1]`: decides between the forms of a mixture.
    pub choice: Tensor<3>,
    /// Drawn by [`Gates::draw`], `[B, L, F]`.
    pub gate: Option<Tensor<3>>,
}

/// Makes pseudo-anomalies in a way of one's own, in place of a [`GeneratorForm`].
pub trait Generator: std::fmt::Debug + Send + Sync + 'static {
    /// Names it in saved detectors and in messages.
    fn name(&self) -> &str;

    /// One pseudo-anomaly of each window. What depends on `direction` is learned, against the
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
    /// Root mean square of the perturbation before the gates, of the window or, for
    /// [`GeneratorForm::Gated`], of the token; 0 for tokens that the gates close. `[B, L]`,
    /// detached from the graph.
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
    /// Radii that are not `0 < min <= max`, a gate outside [0, 1], a negative bound, a mixture
    /// of nothing.
    pub fn check(&self) -> Result<(), DecoderError> {
        let setting = |name, expected, got| Err(DecoderError::Setting { name, expected, got });
        let (min, max) = (self.min_radius, self.max_radius);
        if !(min > 0.0 && min <= max && max.is_finite()) {
            return setting("radii", "0 < min <= max, finite", format!("{min} and {max}"));
        }
        for (name, share) in self
            .gates
            .iter()
            .flat_map(|gates| [("gates.tokens", gates.tokens), ("gates.channels", gates.channels)])
        {
            if !(0.0..=1.0).contains(&share) {
                return setting(name, "a number in [0, 1]", share.to_string());
            }
        }
        self.form.check()
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

    /// The same with a generator in place of the form. The radii of tokens are then their own.
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
    fn check(&self) -> Result<(), DecoderError> {
        let setting = |name, expected, got| Err(DecoderError::Setting { name, expected, got });
        match self {
            Self::Mixed(forms) if forms.is_empty() => {
                setting("mixed", "at least one form", "none".into())
            }
            Self::Mixed(forms) => forms.iter().try_for_each(Self::check),
            Self::Residual { bound } if !(*bound >= 0.0 && bound.is_finite()) => {
                setting("bound", "a finite number of at least 0", bound.to_string())
            }
            _ => Ok(()),
        }
    }

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
            Self::Add => windows.clone() + direction,
            Self::Direction => moved_by(direction),
            Self::Isotropic => moved_by(normal.clone()),
            Self::Residual { bound } => {
                moved_by(normal.clone() + direction.tanh().mul_scalar(*bound))
            }
            Self::Gated => {
                let values = moved_by(normal.clone() * sigmoid(direction));
                let radii = radii_of_tokens(&values, &windows);
                return (values, radii);
            }
            Self::Mixed(forms) => return mixture(forms, windows, direction, noise),
        };
        let moved = values.clone().detach() - windows;
        let radii = root_mean_square(moved).reshape([b, 1]).expand([b, l]);
        (values, radii)
    }
}

fn mixture(
    forms: &[GeneratorForm],
    windows: Tensor<3>,
    direction: Tensor<3>,
    noise: &GeneratorNoise,
) -> (Tensor<3>, Tensor<2>) {
    let ([b, l, f], count) = (windows.dims(), forms.len() as f64);
    let place = noise.choice.clone().mul_scalar(count);
    // What decided between the forms here decides within the chosen one by its rest.
    let noise = GeneratorNoise { choice: place.clone() - place.clone().floor(), ..noise.clone() };
    let none = (windows.zeros_like(), Tensor::zeros([b, l], &windows.device()));
    let place = place.floor();
    forms.iter().enumerate().fold(none, |(values, radii), (number, form)| {
        let (of_form, its_radii) = form.values(windows.clone(), direction.clone(), &noise);
        let chosen = place.clone().equal_elem(number as f64);
        (
            values.mask_where(chosen.clone().expand([b, l, f]), of_form),
            radii.mask_where(chosen.reshape([b, 1]).expand([b, l]), its_radii),
        )
    })
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

    fn forms_with_a_radius() -> [GeneratorForm; 4] {
        let mixed = vec![GeneratorForm::Direction, GeneratorForm::Isotropic];
        [
            GeneratorForm::Direction,
            GeneratorForm::Isotropic,
            GeneratorForm::Mixed(mixed),
            GeneratorForm::Residual { bound: 1.0 },
        ]
    }

    fn normal(device: &Device) -> Tensor<3> {
        Tensor::random([64, 4, 6], Distribution::Normal(0.0, 1.0), device)
    }

    fn noise(config: &GeneratorConfig, device: &Device) -> GeneratorNoise {
        let mut rng = StdRng::seed_from_u64(3);
        let radii: Vec<f32> = (0..64).map(|_| config.radius(&mut rng)).collect();
        GeneratorNoise {
            normal: normal(device),
            radii: Tensor::from_data(TensorData::new(radii, [64, 1, 1]), device),
            choice: Tensor::random([64, 1, 1], Distribution::Uniform(0.0, 1.0), device),
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
        for form in forms_with_a_radius() {
            let config = GeneratorConfig {
                form: form.clone(),
                min_radius: 0.5,
                max_radius: 2.0,
                ..Default::default()
            };
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
        let config = GeneratorConfig { form: GeneratorForm::Direction, ..Default::default() };
        let direction = normal(&device).require_grad();
        let zeros = Tensor::zeros([64, 4, 6], &device);
        let pseudo = config.generate(zeros, direction.clone(), noise(&config, &device));
        let grads = pseudo.values.powi_scalar(3).sum().backward();
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
    fn each_window_of_a_mixture_takes_one_of_its_forms() {
        let device = Device::flex();
        device.seed(9);
        let third = GeneratorForm::Mixed(vec![GeneratorForm::Direction, GeneratorForm::Add]);
        let forms = vec![GeneratorForm::Replace, GeneratorForm::Isotropic, third];
        let config = |form| GeneratorConfig { form, ..Default::default() };
        let (windows, direction) = (normal(&device), normal(&device));
        let noise = noise(&GeneratorConfig::default(), &device);
        let make = |form| {
            let made = config(form).generate(windows.clone(), direction.clone(), noise.clone());
            made.values.into_data().try_to_vec::<f32>().unwrap()
        };
        let mixed = make(GeneratorForm::Mixed(forms.clone()));
        let [replace, isotropic] = [make(forms[0].clone()), make(forms[1].clone())];
        let [along, add] = [GeneratorForm::Direction, GeneratorForm::Add].map(make);
        let choice = noise.choice.clone().into_data().try_to_vec::<f32>().unwrap();
        for (window, choice) in choice.into_iter().enumerate() {
            let expected = match choice * 3.0 {
                ..1.0 => &replace,
                ..2.0 => &isotropic,
                ..2.5 => &along,
                _ => &add,
            };
            let values = window * 24..(window + 1) * 24;
            assert_eq!(mixed[values.clone()], expected[values]);
        }
    }

    #[test]
    fn the_decoder_can_close_gates_and_tokens_carry_their_own_radius() {
        let device = Device::flex();
        device.seed(10);
        let config = GeneratorConfig { form: GeneratorForm::Gated, ..Default::default() };
        let direction = Tensor::<1>::from_floats([30.0, -30.0, 30.0, 30.0], &device);
        let direction = direction.reshape([1, 4, 1]).expand([64, 4, 6]);
        let pseudo = config.generate(normal(&device), direction, noise(&config, &device));
        let largest = pseudo.radii.max_dim(0).into_data().try_to_vec::<f32>().unwrap();
        assert!(largest[1] < 1e-6, "{largest:?}");
        assert!(largest[0] > 1.0 && largest[2] != largest[0], "{largest:?}");
    }

    #[test]
    fn diversity_tells_one_direction_from_full_rank() {
        let device = Device::flex();
        device.seed(6);
        let zero = || Tensor::<3>::zeros([64, 4, 6], &device);
        let diversity = |form, direction| {
            let config = GeneratorConfig { form, ..Default::default() };
            let pseudo = config.generate(zero(), direction, noise(&config, &device));
            [pseudo.cosine, pseudo.squared_cosine].map(|x| x.into_scalar::<f32>())
        };
        let one = normal(&device).narrow(0, 0, 1).expand([64, 4, 6]);
        let [cosine, squared] = diversity(GeneratorForm::Direction, one);
        assert!((cosine - 1.0).abs() < 1e-4 && (squared - 1.0).abs() < 1e-4);
        // The residual form without the decoder: each of 24 directions is as likely.
        let [cosine, squared] = diversity(GeneratorForm::default(), zero());
        assert!(cosine.abs() < 0.02, "{cosine}");
        assert!((squared.recip() - 24.0).abs() < 4.0, "{}", squared.recip());
    }

    #[test]
    fn impossible_settings_are_errors() {
        let config = |form| GeneratorConfig { form, ..Default::default() };
        let bad = GeneratorForm::Residual { bound: -1.0 };
        assert!(config(GeneratorForm::Mixed(vec![])).check().is_err());
        assert!(config(GeneratorForm::Mixed(vec![bad.clone()])).check().is_err());
        assert!(config(bad).check().is_err());
        assert!(GeneratorConfig { min_radius: 0.0, ..Default::default() }.check().is_err());
        let gates = Some(Gates { tokens: 0.5, channels: 1.5 });
        assert!(GeneratorConfig { gates, ..Default::default() }.check().is_err());
        let others = [GeneratorForm::Replace, GeneratorForm::Add, GeneratorForm::Gated];
        let forms = forms_with_a_radius().into_iter().chain(others);
        assert!(forms.into_iter().all(|form| config(form).check().is_ok()));
    }
}
