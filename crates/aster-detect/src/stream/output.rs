use std::fmt;

use aster_eval::Interval;
use serde::{Deserialize, Serialize};

use crate::stream::row::Scored;

/// Scores and alarms that became final with this push.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamOutput {
    /// Scores in the order of the rows, none left out.
    pub scores: Vec<Scored>,
    /// Alarms that are over.
    pub intervals: Vec<Interval>,
}

/// As `12 scores, 1 alarm over`, then a line for each alarm.
impl fmt::Display for StreamOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} scores, {} alarms over", self.scores.len(), self.intervals.len())?;
        self.intervals.iter().try_for_each(|interval| write!(f, "\n{interval}"))
    }
}
