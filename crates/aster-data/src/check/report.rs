use std::fmt::{Display, Formatter};
use std::ops::Range;

use aster_base::runs;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::channel::Peculiarity;
use super::copies::copies;
use super::level::{LevelChange, change};
use super::period::period;
use super::suspects::mark;
use crate::error::DataError;
use crate::series::TrainSeries;

/// Report of a check of a training series: its length beside what repeats in it, rows that are
/// hardly normal, levels that move, channels that are hard to judge.
///
/// It prints as a few lines. The rules are ours; they tell nothing of what is anomalous later.
///
/// ```
/// use aster_data::{TimeSeries, TrainingReport};
///
/// let value = |row: usize| if row % 2 == 0 { (row as f64 / 20.0).sin() } else { 7.0 };
/// let values: Vec<f64> = (0..800).map(value).collect(); // a wave beside a constant
/// let train = TimeSeries::from_slice(&values, 2)?.into_train();
/// let report = TrainingReport::of(&train, 0.2)?;
/// assert_eq!(
///     report.to_string(),
///     "320 rows are fitted, 80 validate; the longest period has 63 rows\n\
///      warning: channel \"c1\" has the value 7 alone, and cannot be judged by how far others are"
/// );
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainingReport {
    /// Rows that are fitted.
    pub fitted_rows: usize,
    /// Rows that validate: the last ones.
    pub validation_rows: usize,
    /// The longest period of any channel, in rows.
    pub longest_period: Option<usize>,
    /// Rows that lie far from all others.
    pub suspects: Suspects,
    /// Channels whose level moves between the rows that are fitted and those that validate.
    pub level_changes: Vec<LevelChange>,
    /// Channels that are hard to judge.
    pub peculiar: Vec<PeculiarChannel>,
    /// Rows that a trained detector's scores are not calibrated on, by what it makes of them.
    pub left_out: Suspects,
    /// Rows of the subsequences that a trained detector's score does without, as fewer rows validate.
    pub unused_subsequences: Option<usize>,
}

/// Rows of a training series that may be anomalous.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspects {
    /// How many.
    pub rows: usize,
    /// The longest few runs of them, in order.
    pub runs: Vec<Range<usize>>,
}

/// Channel that is hard to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeculiarChannel {
    /// The channel.
    pub channel: String,
    /// The reason.
    pub peculiarity: Peculiarity,
}

/// Runs that are listed.
const RUNS: usize = 5;
/// Standard deviations by which a level may move unsaid.
const MOVED: f64 = 1.0;
/// Periods that a training series should have.
const PERIODS: usize = 3;

impl TrainingReport {
    /// Checks a training series, whose last share of rows validates.
    ///
    /// # Errors
    /// A share outside (0, 1), or a part without a row.
    pub fn of(train: &TrainSeries, validation: f64) -> Result<Self, DataError> {
        let cut = train.validation_start(validation)?;
        let channels = train.channel_count();
        let columns: Vec<Vec<f64>> =
            (0..channels).into_par_iter().map(|channel| train.channel(channel).collect()).collect();
        let names = || train.channels().iter().cloned();
        let found: Vec<Option<Peculiarity>> =
            columns.par_iter().map(|values| Peculiarity::find(values)).collect();
        let copy = |(found, of): (Option<Peculiarity>, Option<usize>)| {
            let of = of.map(|of| Peculiarity::Copy { of: train.channels()[of].clone() });
            found.or(of)
        };
        let found: Vec<Option<Peculiarity>> =
            found.into_iter().zip(copies(&columns)).map(copy).collect();
        let told = |found: &Option<Peculiarity>| {
            matches!(found, Some(Peculiarity::Sentinel { .. } | Peculiarity::Glitch { .. }))
        };
        // What is told of a channel is not told of its rows, or of its level, again.
        let mut suspected = vec![false; train.rows()];
        for (values, _) in columns.iter().zip(&found).filter(|(_, found)| !told(found)) {
            mark(values, &mut suspected);
        }
        let said = |found: &Option<Peculiarity>| {
            use Peculiarity::{Copy, Counter, Trend};
            matches!(found, Some(Counter { .. } | Trend { .. } | Copy { .. }))
        };
        let level_changes = (names().zip(&columns).zip(&found))
            .filter(|(_, found)| !told(found) && !said(found))
            .filter_map(|((channel, values), _)| {
                let spreads = change(values, cut).filter(|moved| moved.abs() > MOVED)?;
                Some(LevelChange { channel, spreads })
            });
        Ok(Self {
            fitted_rows: cut,
            validation_rows: train.rows() - cut,
            longest_period: columns.par_iter().filter_map(|values| period(values)).max(),
            suspects: Suspects::of(runs(suspected.into_iter())),
            level_changes: level_changes.collect(),
            peculiar: (names().zip(found))
                .filter_map(|(channel, found)| {
                    Some(PeculiarChannel { channel, peculiarity: found? })
                })
                .collect(),
            left_out: Suspects::default(),
            unused_subsequences: None,
        })
    }

    /// Returns the warnings that are known once a detector is trained: of rows that are left out of
    /// calibration, and of subsequences that the score does without.
    pub fn warnings_once_trained(&self) -> Vec<String> {
        let left_out = self.left_out.warning("are left out of calibration, as they stand out");
        let unused = self.unused_subsequences.map(|rows| {
            let got = self.validation_rows;
            format!("the score does without subsequences of {rows} rows, as {got} rows validate")
        });
        left_out.into_iter().chain(unused).collect()
    }

    /// Returns a line for each thing that was found to warn of.
    pub fn warnings(&self) -> Vec<String> {
        let few = self.longest_period.filter(|period| self.fitted_rows < PERIODS * period);
        let few = few.map(|period| {
            let times = self.fitted_rows as f64 / period as f64;
            format!(
                "the rows that are fitted hold the longest period, {period} rows, {times:.1} times"
            )
        });
        let suspects = self.suspects.warning("lie far from all others, and may be anomalous");
        let level = self.level_changes.iter().map(|LevelChange { channel, spreads }| {
            format!(
                "the level of channel \"{channel}\" moves by {spreads:.1} standard deviations between the \
                 rows that are fitted and those that validate"
            )
        });
        let peculiar = self.peculiar.iter().map(PeculiarChannel::to_string);
        few.into_iter()
            .chain(suspects)
            .chain(level)
            .chain(peculiar)
            .chain(self.warnings_once_trained())
            .collect()
    }
}

impl Suspects {
    /// Makes them of all runs of such rows.
    pub fn of(mut runs: Vec<Range<usize>>) -> Self {
        let rows = runs.iter().map(Range::len).sum();
        runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        runs.truncate(RUNS);
        runs.sort_by_key(|run| run.start);
        Self { rows, runs }
    }

    fn warning(&self, what: &str) -> Option<String> {
        let runs: Vec<String> =
            self.runs.iter().map(|run| format!("{}..{}", run.start, run.end)).collect();
        (self.rows > 0).then(|| format!("{} rows {what}: {}", self.rows, runs.join(", ")))
    }
}

impl Display for PeculiarChannel {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { channel, peculiarity } = self;
        write!(f, "channel \"{channel}\" ")?;
        match peculiarity {
            Peculiarity::Constant { value } => {
                write!(f, "has the value {value} alone, and cannot be judged by how far others are")
            }
            Peculiarity::Counter { resets } => {
                let anew = match resets {
                    0 => String::new(),
                    1 => ", but for where it begins anew".into(),
                    more => format!(", but for {more} times where it begins anew"),
                };
                write!(f, "only rises{anew}: later values are beyond all of training")
            }
            Peculiarity::Trend { gain } => write!(
                f,
                "goes one way, by {:.0} standard deviations in all: later values are beyond all of training",
                gain.abs()
            ),
            Peculiarity::Sentinel { value, count } => {
                let rows = if *count == 1 { "a row".into() } else { format!("{count} rows") };
                write!(f, "is {value} in {rows}, which seems to stand for a missing value")
            }
            Peculiarity::Glitch { rows } => {
                let rows: Vec<String> = rows.iter().map(usize::to_string).collect();
                write!(f, "has values far from all others, in rows {}", rows.join(", "))
            }
            Peculiarity::Copy { of } => {
                write!(
                    f,
                    "is channel \"{of}\" up to unit and offset: what is anomalous counts twice"
                )
            }
        }
    }
}

impl Display for TrainingReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { fitted_rows, validation_rows, longest_period, .. } = self;
        write!(f, "{fitted_rows} rows are fitted, {validation_rows} validate")?;
        if let Some(period) = longest_period {
            write!(f, "; the longest period has {period} rows")?;
        }
        self.warnings().iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::TimeSeries;

    #[test]
    fn each_thing_is_told_once() {
        let columns: [&dyn Fn(usize) -> f64; 5] = [
            &|row| (row as f64 / 40.0).sin(),
            &|row| 10.0 - 3.0 * (row as f64 / 40.0).sin(),
            &|row| row as f64,
            &|row| (row as f64 / 3.0).cos() + if row >= 480 { 5.0 } else { 0.0 },
            &|row| (row as f64 / 3.1).cos() + if (100..104).contains(&row) { 70.0 } else { 0.0 },
        ];
        let rows: Vec<Vec<f64>> =
            (0..600).map(|row| columns.iter().map(|column| column(row)).collect()).collect();
        let names = ["a", "b", "count", "moved", "odd"].map(String::from).to_vec();
        let train = TimeSeries::from_rows(names, &rows).unwrap().into_train();
        let report = TrainingReport::of(&train, 0.2).unwrap();
        let expected = [
            "the rows that are fitted hold the longest period, 254 rows, 1.9 times",
            "4 rows lie far from all others, and may be anomalous: 100..104",
            "the level of channel \"moved\" moves by 7.0 standard deviations between the rows that \
             are fitted and those that validate",
            "channel \"b\" is channel \"a\" up to unit and offset: what is anomalous counts twice",
            "channel \"count\" only rises: later values are beyond all of training",
        ];
        assert_eq!(report.warnings(), expected);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<TrainingReport>(&text).unwrap(), report);
        assert!(TrainingReport::of(&train, 1.0).is_err());
    }
}
