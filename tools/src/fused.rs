//! Scores of some of a detector's components, of other weights or another power, from what all of
//! them said once: most ablations of the score need no network.

use aster::data::Task;
use aster::detect::{ComponentScores, DetectError, ScoreConfig};
use aster::eval::{AlarmRule, NormalScores};
use aster::{AsterConfig, Detector};

use crate::evaluate::Scored;

/// What each component of a detector's score says of the series of a task.
#[derive(Debug)]
pub struct Components {
    train: ComponentScores,
    tests: Vec<ComponentScores>,
}

impl Components {
    /// Scores the series of a task by each component.
    ///
    /// # Errors
    /// Other channels than those trained on.
    pub fn of(detector: &Detector, task: &Task) -> Result<Self, DetectError> {
        let tests = task.tests.iter().map(|test| detector.component_scores(&test.series));
        let tests = tests.collect::<Result<_, _>>()?;
        Ok(Self { train: detector.component_scores(&task.train)?, tests })
    }

    /// Scores and alarms of a config that differs from the detector's in the choice of its
    /// components, in their fusion, and in what is read after scores; nothing if it differs in
    /// more. Rows of training that stand apart by any of the detector's components are left out, the
    /// ends of a series are calibrated on pieces as long as all components need, and learned weights are
    /// those beside the best of all components, also where the config would not have that component.
    ///
    /// # Errors
    /// A threshold rule that fails on the scores.
    pub fn fused(
        &self,
        detector: &Detector,
        config: &AsterConfig,
    ) -> Result<Option<Vec<Scored>>, DetectError> {
        let Some(weights) = weights(detector, &config.score) else { return Ok(None) };
        let power = config.score.fusion.power;
        let calibrated = detector.calibration_rows();
        let left_out = detector.rows_left_out();
        let scores = self.train.fused(&weights, power).into_iter().enumerate();
        let usual = scores.filter(|(row, _)| !left_out.iter().any(|rows| rows.contains(row)));
        let normal = NormalScores {
            scores: &usual.map(|(_, score)| score).collect::<Vec<_>>(),
            unseen: calibrated.start,
            alarm: config.alarm,
            rows_per_day: detector.trained_model().rows_per_day,
        };
        let threshold = config.threshold.fit_on(&normal)?;
        let AsterConfig { alarm, drift, .. } = *config;
        let rule = AlarmRule { threshold, alarm, drift, normal_rows: calibrated.len() as u64 };
        let scored = |test: &ComponentScores| {
            let scores = test.fused(&weights, power);
            Ok(Scored::new(rule.alarms(&scores)?, scores, detector.latency()))
        };
        self.tests.iter().map(scored).collect::<Result<_, _>>().map(Some)
    }
}

/// The weights of a detector's components in another score, 0 for those that are not of it; nothing
/// for a score that differs in more than the choice and the fusion of components.
fn weights(detector: &Detector, score: &ScoreConfig) -> Option<Vec<f64>> {
    let own = &detector.config().score;
    let mut rest = score.clone();
    (rest.components, rest.fusion) = (own.components.clone(), own.fusion);
    let known = score.components.iter().all(|component| own.components.contains(component));
    // Learned weights are there only where they were learned.
    let learned = score.fusion.weights.is_some();
    let same = !learned || score.fusion.weights == own.fusion.weights;
    if rest != *own || !known || !same {
        return None;
    }
    let chosen = own.components.iter().map(|component| score.components.contains(component));
    let chosen: Vec<f64> = chosen.map(|chosen| f64::from(u8::from(chosen))).collect();
    // Who has no weight in the detector has none with equal ones, either.
    let weight = |own: f64| if learned { own } else { f64::from(u8::from(own > 0.0)) };
    let weighted = chosen.iter().zip(detector.component_weights());
    let weighted: Vec<f64> = weighted.map(|(chosen, own)| chosen * weight(*own)).collect();
    // Where none of them has a weight, they weigh alike, as in a detector.
    let known = weighted.iter().sum::<f64>() > 0.0;
    Some(if known { weighted } else { chosen })
}

#[cfg(test)]
mod tests {
    use aster::Device;
    use aster::detect::Source;

    use super::*;
    use crate::studies::synthetic;

    #[test]
    fn a_choice_of_components_scores_as_the_detector_that_is_calibrated_for_it() {
        let task = synthetic().unwrap().tasks.remove(0);
        let mut config = AsterConfig::default();
        (config.train.epochs, config.train.steps_per_epoch) = (1, 3);
        let mut equal = config.clone();
        equal.score.fusion.weights = None;
        let mut fewer = config.clone();
        // Those of channels decide which rows of training stand apart, the slowest on what the ends of a
        // series are calibrated.
        let kept = |source: Source| source.has_channels() || source == Source::Subsequence;
        fewer.score.components.retain(|component| kept(component.source));
        fewer.score.fusion.power = 1.0;
        // In 280 rows subsequences have no weight, and the best component is none of the fewer.
        for (rows, variants) in [(900, &[&config, &equal, &fewer][..]), (280, &[&config, &equal])] {
            let mut task = task.clone();
            task.train = task.train.slice(0..rows).unwrap().into_train();
            task.tests[0].series = task.tests[0].series.slice(0..300).unwrap();
            let detector = aster::fit(&config, &task.train, &Device::flex()).unwrap();
            let components = Components::of(&detector, &task).unwrap();
            for variant in variants {
                let scored = components.fused(&detector, variant).unwrap().unwrap();
                let same = detector.recalibrate(&variant.score, &task.train).unwrap();
                let expected = same.score(&task.tests[0].series).unwrap();
                for (score, expected) in scored[0].scores.iter().zip(&expected) {
                    assert!(
                        (score - expected).abs() <= 1e-3 * expected.abs() + 1e-4,
                        "{score} {expected}"
                    );
                }
            }
            let mut other = config.clone();
            other.score.norm_quantile = 1.0;
            let other = components.fused(&detector, &other).unwrap();
            assert!(other.is_none(), "another calibration");
        }
    }
}
