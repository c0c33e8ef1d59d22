use aster_base::quantile_index;
use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_scores};

/// Reference distribution of one channel or of the scores, in up to ten parts of equal size.
///
/// Later values are compared with it by the population stability index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Upper bounds of all parts but the last, ascending, each in its part.
    bounds: Vec<f32>,
    /// Share of the values in each part.
    shares: Vec<f64>,
}

/// A part never counts as emptier than this.
const LEAST: f64 = 1e-4;

impl Population {
    /// Fits the distribution of values that later ones are compared with. Where values repeat, as
    /// those of a switch do, there are fewer parts.
    ///
    /// # Errors
    /// No values, a value that is not finite.
    pub fn fit(values: &[f32]) -> Result<Self, EvalError> {
        check_scores(values)?;
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let bound = |part: usize| sorted[quantile_index(sorted.len(), part as f64 / 10.0)];
        let mut bounds: Vec<f32> = (1..10).map(bound).collect();
        bounds.dedup();
        let mut population = Self { bounds, shares: vec![] };
        population.shares = population.shares_of(values);
        Ok(population)
    }

    /// Validates a distribution that was read from outside: it could have been fitted.
    ///
    /// # Errors
    /// What cannot have come from a fit, in words.
    pub fn validate(&self) -> Result<(), &'static str> {
        let shares = self.shares.iter().all(|share| (0.0..=1.0).contains(share));
        match shares && self.shares.len() == self.bounds.len() + 1 {
            true => Ok(()),
            false => Err("a reference distribution that is none"),
        }
    }

    fn shares_of(&self, values: &[f32]) -> Vec<f64> {
        let mut counts = vec![0usize; self.bounds.len() + 1];
        for value in values {
            counts[self.bounds.partition_point(|bound| bound < value)] += 1;
        }
        counts.into_iter().map(|count| count as f64 / values.len() as f64).collect()
    }

    /// Returns the population stability index of other values, `sum (q - p) ln(q / p)` over the
    /// parts: 0 for the same distribution. Below 0.1 is customarily taken to be stable, above 0.25
    /// to have shifted (Siddiqi, Credit Risk Scorecards, 2006).
    ///
    /// # Errors
    /// No values, a value that is not finite.
    pub fn stability(&self, values: &[f32]) -> Result<f64, EvalError> {
        check_scores(values)?;
        let pairs = self.shares.iter().zip(self.shares_of(values));
        let part = |(p, q): (&f64, f64)| {
            let (p, q) = (p.max(LEAST), q.max(LEAST));
            (q - p) * (q / p).ln()
        };
        Ok(pairs.map(part).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    fn even(from: f32, to: f32) -> Vec<f32> {
        (0..1000).map(|row| from + (to - from) * row as f32 / 1000.0).collect()
    }

    #[test]
    fn by_hand() {
        // Half the values are 0, and there are two parts.
        let switch = Population::fit(&[0.0, 0.0, 1.0, 1.0]).unwrap();
        assert_eq!(switch.stability(&[1.0, 0.0]).unwrap(), 0.0);
        let moved = switch.stability(&[0.0, 1.0, 1.0, 1.0]).unwrap();
        let by_hand = (0.25 - 0.5) * (0.25f64 / 0.5).ln() + (0.75 - 0.5) * (0.75f64 / 0.5).ln();
        assert_relative_eq!(moved, by_hand, max_relative = 1e-12);
    }

    #[test]
    fn it_grows_with_the_shift() {
        let population = Population::fit(&even(0.0, 1.0)).unwrap();
        let shifted =
            [0.0, 0.05, 0.3, 2.0].map(|by| population.stability(&even(by, 1.0 + by)).unwrap());
        assert!(shifted.windows(2).all(|pair| pair[0] < pair[1]), "{shifted:?}");
        assert!(shifted[0] < 0.01 && shifted[2] > 0.25 && shifted[3].is_finite(), "{shifted:?}");
    }

    #[test]
    fn constant_values_have_a_population_and_none_have_not() {
        let population = Population::fit(&[3.0; 9]).unwrap();
        assert_eq!(population.stability(&[3.0]).unwrap(), 0.0);
        assert!(population.stability(&[4.0]).unwrap() > 0.25);
        assert_eq!(Population::fit(&[]), Err(EvalError::Empty));
        assert!(population.stability(&[f32::NAN]).is_err());
    }
}
