use serde::{Deserialize, Serialize};

/// How the weight of the KL term develops with the training step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// The same weight throughout (Higgins et al., ICLR 2017).
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
    /// Again and again: linear from 0 to `beta` over half a period, then constant
    /// over the other half (Fu et al., NAACL 2019).
    Cyclical {
        /// The weight at the top.
        beta: f64,
        /// Steps per cycle.
        period: usize,
    },
}

impl Default for BetaSchedule {
    fn default() -> Self {
        Self::Warmup { beta: 1e-3, steps: 100 }
    }
}

impl BetaSchedule {
    /// The highest weight it reaches.
    pub fn peak(&self) -> f64 {
        match *self {
            Self::Constant { beta } | Self::Warmup { beta, .. } | Self::Cyclical { beta, .. } => {
                beta
            }
        }
    }

    /// The weight at a step, from 0.
    pub fn at(&self, step: usize) -> f64 {
        let ramp = |step: usize, over: f64| (step as f64 / over.max(1.0)).min(1.0);
        match *self {
            Self::Constant { beta } => beta,
            Self::Warmup { beta, steps } => beta * ramp(step, steps as f64),
            Self::Cyclical { beta, period } => {
                beta * ramp(step % period.max(1), period as f64 / 2.0)
            }
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
        let cyclical = BetaSchedule::Cyclical { beta: 2.0, period: 4 };
        assert_eq!(at(cyclical, [0, 1, 3, 4]), [0.0, 1.0, 2.0, 0.0]);
    }
}
