use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alarm::{Alarm, AlarmEvent};
use crate::stream::notice::Notice;
use crate::stream::row::Scored;

/// Scores and alarms that became final with this push.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamOutput {
    /// Scores in the order of the rows, none left out.
    pub scores: Vec<Scored>,
    /// Events of alarms, in order.
    pub events: Vec<AlarmEvent>,
    /// What is absent, and when it is there again, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

impl StreamOutput {
    /// Returns the alarms that open.
    pub fn opened(&self) -> impl Iterator<Item = &Alarm> {
        self.events.iter().filter_map(|event| match event {
            AlarmEvent::Opened(alarm) => Some(alarm),
            _ => None,
        })
    }

    /// Returns the alarms that are over.
    pub fn closed(&self) -> impl Iterator<Item = &Alarm> {
        self.events.iter().filter_map(|event| match event {
            AlarmEvent::Closed(alarm) => Some(alarm),
            _ => None,
        })
    }
}

/// As `12 scores, 1 events`, then a line for each event and each notice.
impl fmt::Display for StreamOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} scores, {} events", self.scores.len(), self.events.len())?;
        self.events.iter().try_for_each(|event| write!(f, "\n{event}"))?;
        self.notices.iter().try_for_each(|notice| write!(f, "\n{notice}"))
    }
}
