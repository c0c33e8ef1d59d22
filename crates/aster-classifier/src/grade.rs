use aster_base::{SettingError, require};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Severity as a ladder of questions: grade 0 asks "perturbed at all?", grade k
/// "perturbed by more than radius r_k?", with the radii spaced evenly in their
/// logarithm. One grade is the plain real-or-pseudo decision of the paper; more
/// are ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradeScale {
    /// Number of grades G. Default: 8.
    pub grades: usize,
    /// Smallest radius, above 0. Default: 0.1.
    pub min: f64,
    /// Largest radius. Default: 4.
    pub max: f64,
}

impl Default for GradeScale {
    fn default() -> Self {
        Self { grades: 8, min: 0.1, max: 4.0 }
    }
}

impl GradeScale {
    /// Checks the settings.
    ///
    /// # Errors
    /// No grade, or radii that are not `0 < min <= max`.
    pub fn check(&self) -> Result<(), SettingError> {
        require("grades", (1..=1000).contains(&self.grades), "1 to 1000", self.grades)?;
        let ordered = self.min > 0.0 && self.min <= self.max && self.max.is_finite();
        let got = format!("{} and {}", self.min, self.max);
        require("radii", ordered, "0 < min <= max, finite", got)
    }

    /// The answers for tokens perturbed by the given radii; 0 is a real one.
    ///
    /// # Shapes
    /// Radii `[B, L]` to targets `[B, L, G]` of 0 and 1.
    pub fn targets(&self, radii: Tensor<2>) -> Tensor<3> {
        let device: Device = radii.device();
        let bound = |grade: usize| match grade {
            0 => 0.0,
            _ => {
                let share = grade as f64 / self.grades as f64;
                (self.min * (self.max / self.min).powf(share)) as f32
            }
        };
        let bounds: Vec<f32> = (0..self.grades).map(bound).collect();
        let bounds = Tensor::<1>::from_floats(bounds.as_slice(), &device);
        let [b, l] = radii.dims();
        let shape = [b, l, self.grades];
        let radii = radii.unsqueeze_dim::<3>(2).expand(shape);
        radii.greater(bounds.reshape([1, 1, self.grades]).expand(shape)).float()
    }

    /// Binary cross-entropy of the answers, in nats, mean over all of them.
    ///
    /// # Shapes
    /// Logits `[B, L, G]`, targets `[B, L, G]`, to `[1]`.
    pub fn loss(&self, logits: Tensor<3>, targets: Tensor<3>) -> Tensor<1> {
        // max(x, 0) - x t + ln(1 + e^-|x|) does not overflow.
        let tail = logits.clone().abs().neg().exp().log1p();
        (logits.clone().clamp_min(0.0) - logits * targets + tail).mean()
    }

    /// The score: mean logit over the grades, unbounded, so that it keeps ranking
    /// where probabilities have saturated.
    ///
    /// # Shapes
    /// Logits `[B, L, G]` to `[B, L]`.
    pub fn severity(&self, logits: Tensor<3>) -> Tensor<2> {
        logits.mean_dim(2).squeeze_dim(2)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn targets_climb_with_the_radius() {
        let scale = GradeScale { grades: 3, min: 0.1, max: 100.0 };
        let radii = Tensor::from_floats([[0.0, 0.5], [5.0, 50.0]], &Device::flex());
        let targets = scale.targets(radii).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(targets, [0., 0., 0., 1., 0., 0., 1., 1., 0., 1., 1., 1.]);
    }

    #[test]
    fn loss_by_hand_and_finite_far_out() {
        let device = Device::flex();
        let scale = GradeScale { grades: 1, ..Default::default() };
        let loss = |logit: f32, target: f32| {
            let logits = Tensor::<3>::full([1, 1, 1], logit, &device);
            scale.loss(logits, Tensor::full([1, 1, 1], target, &device)).into_scalar::<f64>()
        };
        assert_relative_eq!(loss(0.0, 1.0), 2f64.ln(), epsilon = 1e-6);
        assert_relative_eq!(loss(2.0, 0.0), 2f64.exp().ln_1p(), epsilon = 1e-6);
        assert_relative_eq!(loss(1e4, 0.0), 1e4);
        assert_eq!(loss(1e4, 1.0), 0.0);
    }

    #[test]
    fn loss_gradient_agrees_with_differences() {
        let device = Device::flex().autodiff();
        let scale = GradeScale { grades: 1, ..Default::default() };
        let loss = |logits: Tensor<3>| scale.loss(logits, Tensor::ones([1, 1, 1], &device));
        for at in [-2.0f32, 0.3, 1.7] {
            let leaf = Tensor::<3>::full([1, 1, 1], at, &device).require_grad();
            let got = leaf.grad(&loss(leaf.clone()).backward()).unwrap().into_scalar::<f64>();
            let value = |x: f32| loss(Tensor::full([1, 1, 1], x, &device)).into_scalar::<f64>();
            assert_relative_eq!(got, (value(at + 0.01) - value(at - 0.01)) / 0.02, epsilon = 1e-3);
        }
    }

    #[test]
    fn impossible_scales_are_errors() {
        assert!(GradeScale { grades: 0, ..Default::default() }.check().is_err());
        assert!(GradeScale { min: 0.0, ..Default::default() }.check().is_err());
        assert!(GradeScale { min: 5.0, ..Default::default() }.check().is_err());
    }
}
