use aster_base::{Clock, LARGEST, SettingError, require};
use serde::{Deserialize, Serialize};

/// Policy of a stream for rows that are not as they should be.
///
/// What is rejected is an error that changes nothing: the caller can mend the rows and push them
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamConfig {
    /// Values that are NaN or infinite. Default: hold.
    pub missing: OnMissing,
    /// Rows of an earlier time than the last one: late, or the clock was set back.
    /// Default: reject.
    pub late: OnLate,
    /// Rows of the same time as the last one. Default: drop.
    pub duplicate: OnDuplicate,
    /// Rows that wait for late ones, so that these are put in their place: as many more make a score
    /// final. A row that comes later still is late. Default: 0.
    pub reorder: usize,
    /// The times at which rows are due; none: a gap is no concern. Default: none.
    pub regular: Option<Regular>,
    /// Rows of the longest alarm whose channels can be asked for
    /// ([`StreamingDetector::attribute`](crate::StreamingDetector::attribute)): so many are kept
    /// beyond those that the newest score depends on. Default: 64.
    pub history: usize,
    /// Telling of the channels that an alarm is about, which takes the network once for each of the eight that
    /// have most part in it, as it opens, grows and closes. Default: `true`.
    pub reasons: bool,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            missing: OnMissing::default(),
            late: OnLate::default(),
            duplicate: OnDuplicate::default(),
            reorder: 0,
            regular: None,
            history: 64,
            reasons: true,
        }
    }
}

/// Imputation of a value that is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// An error.
    Reject,
    /// The channel's last value stands in for it, before the first one that of training's
    /// centre.
    #[default]
    Hold,
}

/// Policy for a row of an earlier time than the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnLate {
    /// An error.
    #[default]
    Reject,
    /// The row is left out. After a clock that was set back, so is everything until it has caught
    /// up.
    Drop,
    /// A new series begins with it.
    Restart,
}

/// Policy for a row of the same time as the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// An error.
    Reject,
    /// The row is left out.
    #[default]
    Drop,
    /// The row counts like any other.
    Keep,
}

/// Regular times at which rows are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Regular {
    /// Time between rows, in the unit of the timestamps, at least 1.
    pub step: i64,
    /// Missing rows in a run at most that the last row stands in for, up to 65 536; after a
    /// longer gap a new series begins.
    pub fill: usize,
}

/// Counts of the rows of a stream, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Rows that are scored or will be, those that filled a gap included.
    pub rows: u64,
    /// Values that were missing.
    pub held: u64,
    /// Rows that filled a gap.
    pub filled: u64,
    /// Rows that were left out, late or duplicate.
    pub dropped: u64,
    /// New series that began.
    pub restarts: u64,
}

/// Decision about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Take it.
    Take,
    /// Leave it out.
    Drop,
    /// Take it after so many rows that stand in for missing ones.
    Fill(usize),
    /// End the series and take it as the first row of another.
    Restart,
}

/// Place of a row among those that wait for late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It waits with them, by its time.
    Waits(i64),
    /// They are taken first: it has no time, or is late and begins a series.
    AfterAll,
    /// It is taken at once, and they wait on.
    BeforeAll,
}

impl StreamConfig {
    /// Checks all settings.
    ///
    /// # Errors
    /// The first one outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        require("history", self.history <= LARGEST, format!("at most {LARGEST}"), self.history)?;
        require("reorder", self.reorder <= 1 << 16, "at most 65536", self.reorder)?;
        let Some(Regular { step, fill }) = self.regular else { return Ok(()) };
        require("step", step >= 1, "at least 1", step)?;
        require("fill", fill <= 1 << 16, "at most 65536", fill)
    }

    /// Places a row of `time` that comes after one of `last` among those that wait for late ones.
    pub(crate) fn place(&self, last: Option<i64>, time: Option<i64>) -> Place {
        match time {
            Some(time) if self.reorder > 0 && last.is_none_or(|last| time >= last) => {
                Place::Waits(time)
            }
            _ if time.is_none() || self.late == OnLate::Restart => Place::AfterAll,
            _ => Place::BeforeAll,
        }
    }

    /// Rows that wait on, at most, once a row has its place.
    pub(crate) fn still_waiting(&self, place: Place) -> usize {
        if place == Place::AfterAll { 0 } else { self.reorder }
    }

    /// Decides about a row of `time` after one of `last`; or what is wrong with it.
    pub(crate) fn verdict(
        &self,
        (last, time): (Option<i64>, Option<i64>),
        clock: &Clock,
    ) -> Result<Verdict, String> {
        let Some((last, time)) = last.zip(time) else { return Ok(Verdict::Take) };
        let verdict = match time.cmp(&last) {
            std::cmp::Ordering::Less => match self.late {
                OnLate::Reject => {
                    let (last, time) = (clock.at(last), clock.at(time));
                    return Err(format!("expected a time after {last}, got {time}"));
                }
                OnLate::Drop => Verdict::Drop,
                OnLate::Restart => Verdict::Restart,
            },
            std::cmp::Ordering::Equal => match self.duplicate {
                OnDuplicate::Reject => {
                    return Err(format!("expected one row of time {}", clock.at(time)));
                }
                OnDuplicate::Drop => Verdict::Drop,
                OnDuplicate::Keep => Verdict::Take,
            },
            std::cmp::Ordering::Greater => match self.regular {
                None => Verdict::Take,
                Some(Regular { step, fill }) => {
                    let gap = i128::from(time) - i128::from(last);
                    match usize::try_from(gap / i128::from(step)).unwrap_or(usize::MAX) {
                        0 | 1 => Verdict::Take,
                        steps if steps - 1 <= fill => Verdict::Fill(steps - 1),
                        _ => Verdict::Restart,
                    }
                }
            },
        };
        Ok(verdict)
    }
}

aster_base::words!(OnMissing, OnLate, OnDuplicate);
