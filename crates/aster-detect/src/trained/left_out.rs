use std::ops::Range;

use crate::config::{AsterConfig, Source};
use crate::score::{Calibration, Components, Fusion, highest_rows, rows_outside};
use crate::trained::TrainedModel;

impl TrainedModel {
    /// Finds the rows of the training series that a calibration on all of it shows to be bad: as many as the config
    /// says there are, else those of an episode that stands apart.
    pub(crate) fn rows_to_leave_out(
        &self,
        calibration: &Calibration,
        components: &Components,
    ) -> Vec<Range<usize>> {
        let AsterConfig { score, train, model, .. } = &self.config;
        if train.contamination > 0.0 {
            // The memory bank may hold bad rows, which then are near to it.
            let calibration = calibration.clone().without(score, Source::is_banked);
            let scores = Fusion::whole(score, &calibration, components);
            // Windows that hold a bad row are odd around it, too.
            highest_rows(&scores, train.contamination, model.window / 2)
        } else {
            calibration.left_out().to_vec()
        }
    }

    /// Looks further back for the first row that calibrates, from where enough of so many are left.
    pub(crate) fn first_that_calibrates(
        &self,
        first: usize,
        rows: usize,
        left_out: &[Range<usize>],
    ) -> usize {
        let AsterConfig { score, train, .. } = &self.config;
        // Less than half of these are of an episode that was found.
        if train.contamination == 0.0 {
            return first;
        }
        let kept = rows_outside(left_out, 0..rows).rev();
        kept.take(score.calibration_rows).last().map_or(first, |least| first.min(least))
    }
}
