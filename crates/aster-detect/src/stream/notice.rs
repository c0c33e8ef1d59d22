use std::fmt;

use aster_base::Time;
use serde::{Deserialize, Serialize};

/// Notice of a stream: rows or a channel that are absent, or there again.
///
/// Each is said once, when it begins. In JSON it is an object with its name as `notice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// A series begins: so many rows after its first one at most have none of their scores final.
    WarmingUp {
        /// Number of its first row in the stream.
        row: u64,
        /// Rows to come, at most.
        rows: usize,
    },
    /// The first score of a series is final.
    Ready {
        /// Number of the row in the stream.
        row: u64,
    },
    /// Rows have stopped: none has come for longer than it may take.
    Stale {
        /// Time of the last row.
        since: Time,
        /// Rows that were due since.
        due: u64,
    },
    /// Rows come again.
    Resumed {
        /// Number of the first of them.
        row: u64,
        /// Time of the last row before.
        since: Time,
    },
    /// A row is late and left out; those that are after it are only counted, until one is taken.
    Late {
        /// Number of the row that was to come next.
        row: u64,
        /// Time of the late row.
        time: Time,
    },
    /// Rows were missing, and the last one stands in for them.
    Filled {
        /// Number of the first of them.
        row: u64,
        /// How many they are.
        rows: usize,
    },
    /// The values of a channel have been missing for ten rows.
    Missing {
        /// Name of the channel.
        channel: String,
        /// Number of the tenth row.
        row: u64,
    },
    /// A channel has not changed for 30 rows, and for three times as long as ever in training, where it
    /// did change.
    Frozen {
        /// Name of the channel.
        channel: String,
        /// Number of the last of these rows.
        row: u64,
        /// The value that it keeps.
        value: f64,
    },
    /// A channel that was missing or frozen moves again.
    Moves {
        /// Name of the channel.
        channel: String,
        /// Number of the first row in which it does.
        row: u64,
    },
}

/// As `row 120: channel "flow" has not changed from 3.2`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WarmingUp { row, rows } => {
                write!(f, "row {row}: a series begins; scores are final {rows} rows later at most")
            }
            Self::Ready { row } => write!(f, "row {row}: the first score is final"),
            Self::Stale { since, due } => write!(f, "no row since {since}, where {due} were due"),
            Self::Resumed { row, since } => {
                write!(f, "row {row}: rows come again, after {since}")
            }
            Self::Late { row, time } => {
                write!(f, "row {row}: a row of {time} is late and left out")
            }
            Self::Filled { row, rows } => {
                write!(f, "row {row}: the last row stands in for {rows} missing ones")
            }
            Self::Missing { channel, row } => {
                write!(f, "row {row}: channel {channel:?} is missing")
            }
            Self::Frozen { channel, row, value } => {
                write!(f, "row {row}: channel {channel:?} has not changed from {value}")
            }
            Self::Moves { channel, row } => write!(f, "row {row}: channel {channel:?} moves again"),
        }
    }
}
