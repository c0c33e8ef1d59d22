use serde::{Deserialize, Serialize};

/// Acknowledgement of an open alarm: what a person says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledgement {
    /// It is normal: the alarm closes as the new normal, which it would have become by lasting.
    Normal,
    /// It is an incident: however long it lasts, it does not become the new normal, and its scores
    /// never move the threshold.
    Incident,
}
