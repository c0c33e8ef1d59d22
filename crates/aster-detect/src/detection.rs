use std::fmt;

use aster_eval::Interval;
use serde::{Deserialize, Serialize};

/// Scores and alarms of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Detection {
    /// Scores, one per row, in nats: higher is more anomalous.
    pub scores: Vec<f32>,
    /// Thresholds, one per row: a row alarms when its score reaches its threshold.
    pub thresholds: Vec<f32>,
    /// Alarms, in order.
    pub intervals: Vec<Interval>,
}

/// As `2 alarms in 4000 rows`, then a line for each.
impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} alarms in {} rows", self.intervals.len(), self.scores.len())?;
        self.intervals.iter().try_for_each(|interval| write!(f, "\n{interval}"))
    }
}

impl Detection {
    /// Writes the alarms as JSON, one to a line.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_alarms(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        for interval in &self.intervals {
            serde_json::to_writer(&mut writer, interval)?;
            writeln!(writer)?;
        }
        Ok(())
    }
}
