use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::score::{FinalRows, Fusion, Reading, Runner, WindowWalk};
use crate::trained::TrainedModel;

/// A series that goes on: the walk of its windows, and the components on their way to scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) walk: WindowWalk,
    fusion: Fusion,
}

impl Segment {
    pub(crate) fn new(detector: &Detector) -> Self {
        let score = &detector.config().score;
        Self {
            walk: WindowWalk::new(Reading::of_score(score).into_iter()),
            fusion: Fusion::new(score, &detector.calibration),
        }
    }

    /// Takes the next row, before preparation, and the one before it.
    pub(crate) fn push(&mut self, detector: &Detector, before: Option<&[f64]>, row: &[f64]) {
        let TrainedModel { preparation, scaler, .. } = &detector.trained;
        let mut prepared = Cow::Borrowed(row);
        if !preparation.keeps_rows() {
            preparation.prepare_row(before, prepared.to_mut());
        }
        self.walk.push_with(1, row.len(), |scaled| scaler.transform_rows(&prepared, scaled));
    }

    /// Returns the scores that no later row can change.
    pub(crate) fn final_scores(&mut self, detector: &Detector, runner: &Runner<'_>) -> Vec<f32> {
        let rows = self.walk.take_final(&runner.grid);
        self.finalize_rows(detector, rows)
    }

    /// Returns the scores of all other rows, of a series that ends here.
    pub(crate) fn end(mut self, detector: &Detector, runner: &Runner<'_>) -> Vec<f32> {
        runner.run_last(&mut self.walk);
        let rows = self.walk.take_rest(&runner.grid);
        let components = detector.components_of(&rows.values, &rows.outputs);
        self.fusion.end(&detector.config().score, &detector.calibration, &components)
    }

    /// Computes the components of rows that no later window covers, and of them what scores
    /// there are.
    fn finalize_rows(&mut self, detector: &Detector, rows: FinalRows) -> Vec<f32> {
        let components = detector.components_of(&rows.values, &rows.outputs);
        self.fusion.push(&detector.config().score, &detector.calibration, &components)
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        self.walk.memory() + self.fusion.memory()
    }

    /// Validates a segment that was read from outside: it can be of this detector.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, detector: &Detector) -> Result<(), &'static str> {
        let score = &detector.config().score;
        self.walk.validate(&detector.runner().grid, &Reading::of_score(score))?;
        self.fusion.validate(score, &detector.calibration)
    }
}
