use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::check::{ChannelPolicies, ChannelPolicy, Peculiarity, TrainingReport};
use crate::error::DataError;
use crate::series::{TimeSeries, TrainSeries, check_channels};

/// Preparation of rows before they are scaled, as [`ChannelPolicies`] say: values that stand for
/// missing ones are replaced by the last one before, counters by their changes, dropped channels by
/// zeros. Rows keep their number and channels.
///
/// ```
/// use aster_data::{ChannelPolicies, ChannelPolicy, Preparation, TimeSeries, TrainingReport};
///
/// let counted: Vec<f64> = (0..400).map(|row| f64::from(row % 150) * 3.0).collect();
/// let train = TimeSeries::from_slice(&counted, 1)?.into_train();
/// let mut policies = ChannelPolicies::default();
/// policies.counter = ChannelPolicy::Difference;
/// let report = TrainingReport::of(&train, 0.2)?;
/// let preparation = Preparation::of(&report, &policies, train.channels());
/// let series = TimeSeries::from_slice(&[500.0, 503.0, 2.0], 1)?;
/// assert_eq!(preparation.prepare(&series)?.values(), [0.0, 3.0, 2.0]);
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    channels: Vec<String>,
    steps: Vec<Step>,
}

/// What is done to a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Keep,
    Difference {
        /// Whether it begins anew where it falls.
        resets: bool,
        /// The value of all of training, if it had one: a first row is compared with it.
        constant: Option<f64>,
    },
    Missing {
        /// The value that is.
        value: f64,
    },
    /// In these rows of training.
    MissingRows {
        rows: Vec<usize>,
    },
    Drop,
}

impl Preparation {
    /// Chooses what is done to each channel of a series that was checked.
    pub fn of(report: &TrainingReport, policies: &ChannelPolicies, channels: &[String]) -> Self {
        let step = |name: &String| {
            let found = report.peculiar.iter().find(|peculiar| peculiar.channel == *name);
            found.map_or(Step::Keep, |found| Step::of(&found.peculiarity, policies))
        };
        Self { channels: channels.to_vec(), steps: channels.iter().map(step).collect() }
    }

    /// Validates what was read from outside.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn validate(&self, channels: &[String]) -> Result<(), &'static str> {
        match () {
            () if self.channels != channels || self.steps.len() != channels.len() => {
                Err("a preparation of other channels")
            }
            () => Ok(()),
        }
    }

    /// Prepares a series. The first row has no change, which becomes 0, but for a channel that was
    /// constant in training, of whose value it is one.
    ///
    /// # Errors
    /// Other channels.
    pub fn prepare<'a>(&self, series: &'a TimeSeries) -> Result<Cow<'a, TimeSeries>, DataError> {
        self.prepare_rows(series, false)
    }

    /// Prepares the series that was checked.
    ///
    /// # Errors
    /// Other channels.
    pub fn prepare_train<'a>(
        &self,
        train: &'a TrainSeries,
    ) -> Result<Cow<'a, TrainSeries>, DataError> {
        Ok(train.made(self.prepare_rows(train, true)?))
    }

    fn prepare_rows<'a>(
        &self,
        series: &'a TimeSeries,
        train: bool,
    ) -> Result<Cow<'a, TimeSeries>, DataError> {
        check_channels(series.channels(), &self.channels)?;
        if self.steps.iter().all(|step| *step == Step::Keep) {
            return Ok(Cow::Borrowed(series));
        }
        let c = self.channels.len();
        let mut values = series.values().to_vec();
        for (channel, step) in self.steps.iter().enumerate() {
            let missing = |row: usize, value: f64| match step {
                Step::Missing { value: sentinel } => value == *sentinel,
                Step::MissingRows { rows } => train && rows.contains(&row),
                _ => false,
            };
            let column = values.iter_mut().skip(channel).step_by(c).enumerate();
            let mut known =
                series.channel(channel).enumerate().map(|(row, it)| (missing(row, it), it));
            // Before the first value, that one stands in for missing ones.
            let Some(mut last) = known.find(|(missing, _)| !missing).map(|(_, value)| value) else {
                continue;
            };
            for (row, value) in column {
                match missing(row, *value) {
                    true => *value = last,
                    false => last = *value,
                }
            }
        }
        let cleaned = values.clone();
        for (row, prepared) in values.chunks_mut(c).enumerate() {
            let before = row.checked_sub(1).map(|before| &cleaned[before * c..row * c]);
            self.prepare_row(before, prepared);
        }
        series.with_values(values).map(Cow::Owned)
    }

    /// Whether a value of a channel stands for a missing one.
    pub fn is_missing(&self, channel: usize, value: f64) -> bool {
        matches!(self.steps.get(channel), Some(Step::Missing { value: sentinel }) if *sentinel == value)
    }

    /// Returns whether rows of which nothing is missing stay as they are.
    pub fn keeps_rows(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step, Step::Difference { .. } | Step::Drop))
    }

    /// Returns the value that a prepared one of a channel stands for, after the value before; none
    /// of a channel that is dropped, or where it takes one before.
    pub fn restored(&self, channel: usize, before: Option<f64>, prepared: f64) -> Option<f64> {
        match self.steps.get(channel)? {
            Step::Difference { constant, .. } => {
                before.or(*constant).map(|before| before + prepared)
            }
            Step::Drop => None,
            Step::Keep | Step::Missing { .. } | Step::MissingRows { .. } => Some(prepared),
        }
    }

    /// Prepares a row of which nothing is missing, after the row before as it was.
    pub fn prepare_row(&self, before: Option<&[f64]>, row: &mut [f64]) {
        for (channel, (step, value)) in self.steps.iter().zip(row).enumerate() {
            match step {
                Step::Difference { resets, constant } => {
                    let before = before.map(|before| before[channel]).or(*constant);
                    let change = before.map_or(0.0, |before| *value - before);
                    *value = if *resets && change < 0.0 { *value } else { change };
                }
                Step::Drop => *value = 0.0,
                Step::Keep | Step::Missing { .. } | Step::MissingRows { .. } => (),
            }
        }
    }
}

impl Step {
    fn of(peculiarity: &Peculiarity, policies: &ChannelPolicies) -> Self {
        let (policy, missing) = match peculiarity {
            Peculiarity::Constant { .. } => (policies.constant, Self::Keep),
            Peculiarity::Counter { .. } => (policies.counter, Self::Keep),
            Peculiarity::Trend { .. } => (policies.trend, Self::Keep),
            Peculiarity::Sentinel { value, .. } => {
                (policies.sentinel, Self::Missing { value: *value })
            }
            Peculiarity::Glitch { rows } => {
                (policies.glitch, Self::MissingRows { rows: rows.clone() })
            }
            Peculiarity::Copy { .. } => (policies.copy, Self::Keep),
        };
        match policy {
            ChannelPolicy::Keep => Self::Keep,
            ChannelPolicy::Difference => match peculiarity {
                Peculiarity::Constant { value } => {
                    Self::Difference { resets: false, constant: Some(*value) }
                }
                Peculiarity::Counter { .. } => Self::Difference { resets: true, constant: None },
                _ => Self::Difference { resets: false, constant: None },
            },
            ChannelPolicy::Missing => missing,
            ChannelPolicy::Drop => Self::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> TrainSeries {
        let row = |row: usize| {
            let wave = (row as f64 / 7.0).sin();
            let sentinel = if row.is_multiple_of(50) { -9999.0 } else { wave };
            let glitch = if row == 60 { 500.0 } else { wave * wave };
            vec![(row * 2) as f64, sentinel, glitch, 4.0, 1.0 + 2.0 * wave * wave]
        };
        let names = ["count", "sentinel", "glitch", "constant", "plain"].map(String::from);
        let rows: Vec<Vec<f64>> = (0..200).map(row).collect();
        TimeSeries::from_rows(names.to_vec(), &rows).unwrap().into_train()
    }

    #[test]
    fn each_policy_does_what_it_says_and_rows_one_by_one_give_the_same() {
        use ChannelPolicy::{Difference, Drop, Missing};
        let train = train();
        let report = TrainingReport::of(&train, 0.2).unwrap();
        let keep = Preparation::of(&report, &ChannelPolicies::default(), train.channels());
        assert_eq!(keep.prepare(&train).unwrap().row(0)[3], 0.0, "no change of what is constant");
        let mut moved = train.row(3).to_vec();
        moved[3] = 5.5;
        keep.prepare_row(None, &mut moved);
        assert_eq!(moved[3], 1.5, "a first row is compared with training");
        assert_eq!(keep.restored(3, None, 0.0), Some(4.0));
        let policies = ChannelPolicies {
            counter: Difference,
            sentinel: Missing,
            glitch: Missing,
            constant: Drop,
            ..Default::default()
        };
        policies.check().unwrap();
        let preparation = Preparation::of(&report, &policies, train.channels());
        let prepared = preparation.prepare_train(&train).unwrap();
        assert_eq!(prepared.row(0)[0], 0.0);
        assert_eq!(prepared.row(1)[0], 2.0);
        assert_eq!(prepared.row(100)[1], train.row(99)[1]);
        assert_eq!(prepared.row(0)[1], train.row(1)[1], "none before it");
        assert_eq!(prepared.row(60)[2], train.row(59)[2]);
        assert_eq!(prepared.row(7)[3..], [0.0, train.row(7)[4]]);
        let later = preparation.prepare(&train).unwrap();
        assert_eq!(later.row(60)[2], 500.0, "what is far out later is for the detector");
        let cleaned = [train.row(4)[0], 0.5, 0.1, 4.0, 1.0];
        let mut row = [train.row(5)[0], 0.5, 0.1, 4.0, 1.0];
        preparation.prepare_row(Some(&cleaned), &mut row);
        assert_eq!(row, [2.0, 0.5, 0.1, 0.0, 1.0]);
        assert!(preparation.is_missing(1, -9999.0) && !preparation.is_missing(2, -9999.0));
        assert!(preparation.validate(train.channels()).is_ok());
        let text = serde_json::to_string(&preparation).unwrap();
        assert_eq!(serde_json::from_str::<Preparation>(&text).unwrap(), preparation);
    }

    #[test]
    fn a_policy_that_means_nothing_is_an_error() {
        let policies = ChannelPolicies { copy: ChannelPolicy::Difference, ..Default::default() };
        let error = policies.check().unwrap_err();
        assert_eq!((error.name.as_str(), error.expected.as_str()), ("copy", "keep or drop"));
    }
}
