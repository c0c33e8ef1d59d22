use aster_base::{open_share, quantile_index};
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_scores};

/// Upper tail of a score distribution by peaks over threshold.
///
/// It is empirical below an initial threshold,
/// a generalised Pareto distribution above it.
///
/// The shape and scale come from probability-weighted moments (Hosking & Wallis,
/// Technometrics 1987), which exist in closed form and are steady on the few
/// hundred excesses that a validation part yields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParetoTail {
    /// Scores it was fitted on, ascending, up to the initial threshold.
    body: Vec<f32>,
    count: usize,
    threshold: f64,
    shape: f64,
    scale: f64,
}

impl ParetoTail {
    /// Fits on scores, taking the `1 - initial` highest as the tail.
    ///
    /// # Errors
    /// No scores, a score that is not finite, `initial` outside (0, 1).
    pub fn fit(scores: &[f32], initial: f64) -> Result<Self, EvalError> {
        Self::fit_by(scores, initial, moments)
    }

    /// Fits an exponential tail of the mean excess, that is one of shape 0. A shape that is fitted says
    /// more about a tail, and varies more from sample to sample: far beyond all scores seen, one grows as
    /// a line and the next as a logarithm, so that tails of several kinds of scores do not compare.
    ///
    /// # Errors
    /// As [`ParetoTail::fit`].
    pub fn fit_exponential(scores: &[f32], initial: f64) -> Result<Self, EvalError> {
        Self::fit_by(scores, initial, |excesses, threshold| (0.0, mean(excesses, threshold)))
    }

    fn fit_by(
        scores: &[f32],
        initial: f64,
        shape_and_scale: impl FnOnce(&[f64], f64) -> (f64, f64),
    ) -> Result<Self, EvalError> {
        check_scores(scores)?;
        open_share("initial quantile", initial)?;
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let cut = quantile_index(scores.len(), initial);
        let threshold = f64::from(sorted[cut]);
        let excesses: Vec<f64> =
            sorted[cut..].iter().map(|s| f64::from(*s) - threshold).filter(|e| *e > 0.0).collect();
        let (shape, scale) = shape_and_scale(&excesses, threshold);
        sorted.truncate(cut + 1);
        Ok(Self { body: sorted, count: scores.len(), threshold, shape, scale })
    }

    /// Validates a tail that was read from outside: it could have been fitted.
    ///
    /// # Errors
    /// What cannot have come from a fit, in words.
    pub fn validate(&self) -> Result<(), &'static str> {
        let numbers = [self.threshold, self.shape, self.scale];
        let finite = numbers.iter().all(|number| number.is_finite())
            && self.body.iter().all(|score| score.is_finite());
        match () {
            () if !(1..=self.count).contains(&self.body.len()) => {
                Err("a tail with more scores than it was fitted on, or none")
            }
            () if !finite => Err("a tail with a number that is not finite"),
            () if self.scale <= 0.0 => Err("a tail with a scale that is not above 0"),
            () => Ok(()),
        }
    }

    /// Returns the tail's shape: above 0 heavy, 0 exponential, below 0 bounded.
    pub fn shape(&self) -> f64 {
        self.shape
    }

    fn tail_share(&self) -> f64 {
        (self.count - self.body.len() + 1) as f64 / self.count as f64
    }

    /// Returns the surprisal `-ln P(score >= x)`, in nats: 0 for the commonest scores, growing
    /// without bound (a bounded tail is replaced by the exponential one of the same mean, so that
    /// scores far beyond all seen keep their order).
    pub fn surprisal(&self, x: f32) -> f64 {
        let excess = f64::from(x) - self.threshold;
        if excess <= 0.0 {
            let below = self.body.partition_point(|s| *s < x);
            let at_least = self.count - below;
            return -(at_least as f64 / self.count as f64).ln();
        }
        let growth = match self.shape {
            s if s < 1e-6 => excess * (1.0 - s) / self.scale,
            s => (s * excess / self.scale).ln_1p() / s,
        };
        -self.tail_share().ln() + growth
    }

    /// Returns the lowest score of at least this surprisal, in nats.
    pub fn of_surprisal(&self, surprisal: f64) -> f32 {
        let growth = surprisal + self.tail_share().ln();
        if growth <= 0.0 {
            let at = quantile_index(self.count, 1.0 - (-surprisal).exp());
            return self.body[at.min(self.body.len() - 1)];
        }
        let excess = match self.shape {
            s if s < 1e-6 => growth * self.scale / (1.0 - s),
            s => (s * growth).exp_m1() * self.scale / s,
        };
        (self.threshold + excess) as f32
    }

    /// Returns the score that is reached with probability `risk` (Siffer et al., KDD
    /// 2017, equation 1). A risk above the tail's share is read off the body.
    pub fn quantile(&self, risk: f64) -> f32 {
        let ratio = risk / self.tail_share();
        if ratio >= 1.0 {
            let at = quantile_index(self.count, 1.0 - risk);
            return self.body[at.min(self.body.len() - 1)];
        }
        let growth = match self.shape {
            s if s.abs() < 1e-6 => -ratio.ln(),
            s => (ratio.powf(-s) - 1.0) / s,
        };
        (self.threshold + self.scale * growth) as f32
    }
}

/// Mean excess, never zero.
fn mean(excesses: &[f64], threshold: f64) -> f64 {
    let mean = excesses.iter().sum::<f64>() / (excesses.len() as f64).max(1.0);
    mean.max(f64::from(f32::EPSILON) * threshold.abs().max(1.0))
}

/// Shape and scale from the first two probability-weighted moments.
fn moments(excesses: &[f64], threshold: f64) -> (f64, f64) {
    let (n, mean) = (excesses.len() as f64, mean(excesses, threshold));
    if excesses.len() < 10 {
        return (0.0, mean); // too few for a shape
    }
    let weighted: f64 = excesses.iter().enumerate().map(|(i, e)| e * (n - 1.0 - i as f64)).sum();
    let first = weighted / (n * (n - 1.0));
    // k and alpha in the notation of the paper; the shape is -k.
    let k = mean / (mean - 2.0 * first) - 2.0;
    let alpha = 2.0 * mean * first / (mean - 2.0 * first);
    // Below -1/2 the moments have no finite variance; above 1 there is no mean.
    let shape = (-k).clamp(-0.5, 0.9);
    (shape, if shape == -k { alpha } else { mean * (1.0 - shape) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// Exact quantiles of a generalised Pareto distribution above 0.
    fn pareto(shape: f64, scale: f64, n: usize) -> Vec<f32> {
        let survival = |i: usize| 1.0 - (i as f64 + 0.5) / n as f64;
        (0..n).map(|i| (scale * (survival(i).powf(-shape) - 1.0) / shape) as f32).collect()
    }

    #[test]
    fn parameters_and_quantiles_of_known_tails_are_recovered() {
        for (shape, scale) in [(0.2, 1.0), (-0.2, 2.0)] {
            let tail = ParetoTail::fit(&pareto(shape, scale, 20_000), 0.5).unwrap();
            assert_relative_eq!(tail.shape(), shape, epsilon = 0.02);
            let exact = scale * (1e-3f64.powf(-shape) - 1.0) / shape;
            assert_relative_eq!(f64::from(tail.quantile(1e-3)), exact, max_relative = 0.02);
        }
    }

    #[test]
    fn surprisal_is_the_log_of_the_survival_and_never_stops_growing() {
        let tail = ParetoTail::fit(&pareto(-0.2, 1.0, 10_000), 0.9).unwrap();
        assert_relative_eq!(
            tail.surprisal(pareto(-0.2, 1.0, 10_000)[5000]),
            2f64.ln(),
            epsilon = 1e-3
        );
        let heavy = ParetoTail::fit(&pareto(0.2, 1.0, 10_000), 0.9).unwrap();
        assert_relative_eq!(heavy.surprisal(heavy.quantile(0.01)), 100f64.ln(), epsilon = 1e-5);
        for tail in [&tail, &heavy] {
            for surprisal in [1.0, 3.0, 8.0] {
                let back = tail.surprisal(tail.of_surprisal(surprisal));
                assert_relative_eq!(back, surprisal, max_relative = 0.01);
            }
        }
        let far: Vec<f64> = [5.0, 50.0, 5e3, 5e30].iter().map(|x| tail.surprisal(*x)).collect();
        assert!(far.windows(2).all(|w| w[0] < w[1]), "{far:?}");
        assert!(far.iter().all(|s| s.is_finite()));
        assert_eq!(tail.surprisal(-1.0), 0.0);
    }

    #[test]
    fn an_exponential_tail_grows_by_one_with_each_mean_excess_whatever_the_shape() {
        for shape in [-0.2, 0.4] {
            let scores = pareto(shape, 1.0, 10_000);
            let tail = ParetoTail::fit_exponential(&scores, 0.9).unwrap();
            assert_eq!(tail.shape(), 0.0);
            let start = f64::from(scores[9000 - 1]);
            let excesses: Vec<f64> =
                scores[9000..].iter().map(|score| f64::from(*score) - start).collect();
            let mean = excesses.iter().sum::<f64>() / excesses.len() as f64;
            let [near, far] =
                [10.0, 11.0].map(|means| tail.surprisal((start + means * mean) as f32));
            assert_relative_eq!(far - near, 1.0, max_relative = 0.01);
            assert_relative_eq!(near, 10.0 + 10f64.ln(), max_relative = 0.01);
        }
        let constant = ParetoTail::fit_exponential(&[3.0; 50], 0.9).unwrap();
        assert!(constant.surprisal(3.1) > constant.surprisal(3.0));
    }

    #[test]
    fn constant_scores_have_a_tail_too() {
        let tail = ParetoTail::fit(&[3.0; 50], 0.9).unwrap();
        assert!(tail.surprisal(3.1) > tail.surprisal(3.0));
        assert!(tail.quantile(0.001) >= 3.0);
        assert!(ParetoTail::fit(&[1.0], 1.0).is_err());
    }
}
