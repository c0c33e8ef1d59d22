use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;

/// Scores and alarms of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Detection {
    /// Scores, one per row, in nats: higher is more anomalous.
    pub scores: Vec<f32>,
    /// Thresholds, one per row: a row alarms when its score reaches its threshold.
    pub thresholds: Vec<f32>,
    /// Alarms, in order, with their reasons.
    pub alarms: Vec<Alarm>,
}

/// As `2 alarms in 4000 rows`, then a line for each.
impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} alarms in {} rows", self.alarms.len(), self.scores.len())?;
        self.alarms.iter().try_for_each(|alarm| write!(f, "\n{alarm}"))
    }
}

impl Detection {
    /// Writes the alarms as JSON, one to a line.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_alarms(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        for alarm in &self.alarms {
            serde_json::to_writer(&mut writer, alarm)?;
            writeln!(writer)?;
        }
        Ok(())
    }
}
