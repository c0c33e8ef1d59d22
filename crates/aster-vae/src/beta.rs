use aster_base::{SettingError, non_negative};
use serde::{Deserialize, Serialize};

/// Schedule of the KL term's weight over training steps (KL annealing).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BetaSchedule {
    /// Constant weight (Higgins et al., ICLR 2017).
    Constant {
        /// The weight.
        beta: f64,
    },
    /// Linear from 0 to `beta`, then constant (Bowman et al., CoNLL 2016).
    Warmup {
        /// The final weight.
        beta: f64,
        /// Steps until it is reached.
        steps: usize,
    },
}

impl Default for BetaSchedule {
    fn default() -> Self {
        Self::Warmup { beta: 1e-3, steps: 100 }
    }
}

impl BetaSchedule {
    /// Checks the weight.
    ///
    /// # Errors
    /// A weight that is negative or not finite.
    pub fn check(&self) -> Result<(), SettingError> {
        non_negative("beta", self.peak())
    }

    /// The highest weight it reaches.
    pub fn peak(&self) -> f64 {
        match *self {
            Self::Constant { beta } | Self::Warmup { beta, .. } => beta,
        }
    }

    /// The weight at a step, from 0.
    pub fn at(&self, step: usize) -> f64 {
        match *self {
            Self::Constant { beta } => beta,
            Self::Warmup { beta, steps } => beta * (step as f64 / steps.max(1) as f64).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BetaSchedule;

    #[test]
    fn schedules_by_hand() {
        let at = |schedule: BetaSchedule, steps: [usize; 4]| steps.map(|s| schedule.at(s));
        let constant = BetaSchedule::Constant { beta: 2.0 };
        assert_eq!(at(constant, [0, 1, 5, 9]), [2.0; 4]);
        let warmup = BetaSchedule::Warmup { beta: 2.0, steps: 4 };
        assert_eq!(at(warmup, [0, 1, 4, 9]), [0.0, 0.5, 2.0, 2.0]);
    }
}
