//! One protocol for every method: raw scores for the areas, a threshold from
//! validation scores for F1, no point adjustment.

use std::fmt;
use std::ops::Range;

use aster::data::{Task, TimeSeries};
use aster::eval::{
    Alarms, EvalError, EventMetrics, affiliation, auroc, average_precision, best_f1,
    default_buffer, f1_at, margins, volume_under_surface,
};
use aster::{DetectError, Detector};
use serde::{Deserialize, Serialize};

/// Scores and thresholds of one test series.
#[derive(Debug, Clone)]
pub struct Scored {
    /// One per timestamp.
    pub scores: Vec<f32>,
    /// One per timestamp, chosen without labels.
    pub thresholds: Vec<f32>,
    /// Rows of the alarms, in order.
    pub alarms: Vec<Range<usize>>,
    /// Rows after its own that make a score final.
    pub latency: usize,
}

impl Scored {
    /// Scores, which are final so many rows later, and the alarms that were made of them.
    pub fn new(alarms: Alarms, scores: Vec<f32>, latency: usize) -> Self {
        let rows = alarms.intervals.iter().map(|alarm| alarm.start..alarm.end).collect();
        Self { scores, thresholds: alarms.thresholds, alarms: rows, latency }
    }
}

/// Scores each test series of a task.
///
/// # Errors
/// Other channels than those trained on.
pub fn score(detector: &Detector, task: &Task) -> Result<Vec<Scored>, DetectError> {
    task.tests.iter().map(|test| score_series(detector, &test.series)).collect()
}

/// Scores a series.
///
/// # Errors
/// Other channels than those trained on.
pub fn score_series(detector: &Detector, series: &TimeSeries) -> Result<Scored, DetectError> {
    let scores = detector.score(series)?;
    Ok(Scored::new(detector.alarm_rule().alarms(&scores)?, scores, detector.latency()))
}

/// What scores and alarms of a series are worth.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Area under the ROC curve.
    pub auroc: f64,
    /// Average precision.
    pub aupr: f64,
    /// F1 at the method's threshold.
    pub f1: f64,
    /// Best F1 over all thresholds: reads the labels.
    pub f1_oracle: f64,
    /// Volume under the PR surface.
    pub vus_pr: f64,
    /// Affiliation F1 at the method's threshold.
    pub affiliation_f1: f64,
    /// Share of events that an alarm overlaps.
    pub event_recall: f64,
    /// Event precision, corrected by the share of normal rows that do not alarm.
    pub event_precision: f64,
    /// F score of the two with beta 1/2.
    pub event_f_half: f64,
    /// One alarm per detected event is 1.
    pub alarming_precision: f64,
    /// Timeliness of the alarms on detected events.
    pub timing: f64,
    /// F1 of event recall and precision by rows.
    pub event_f1: f64,
    /// False episodes per 10 000 normal rows.
    pub false_per_10k: f64,
    /// Share of normal rows that alarm.
    pub normal_share: f64,
    /// Median rows from the first of a detected event to the one that makes its alarm known.
    #[serde(default)]
    pub median_delay: Option<f64>,
    /// 0.9 quantile of the same.
    #[serde(default)]
    pub late_delay: Option<f64>,
}

/// Name in tables, name in JSON and value.
type Column = (&'static str, &'static str, fn(&Metrics) -> f64);

impl Metrics {
    /// The metrics of one series.
    ///
    /// # Errors
    /// A series without labels of both classes.
    pub fn of(scored: &Scored, test: &TimeSeries) -> Result<Self, EvalError> {
        let labels = test.labels().unwrap_or_default();
        let Scored { scores, thresholds, alarms, latency } = scored;
        let margins = margins(scores, thresholds)?;
        let alarms = EventMetrics::of(alarms, labels, *latency)?;
        Ok(Self {
            auroc: auroc(scores, labels)?,
            aupr: average_precision(scores, labels)?,
            f1: f1_at(&margins, labels, 0.0)?.f1,
            f1_oracle: best_f1(scores, labels)?.f1,
            vus_pr: volume_under_surface(scores, labels, default_buffer(labels))?.pr,
            affiliation_f1: affiliation(&margins, labels, 0.0)?.f1,
            event_recall: alarms.recall,
            event_precision: alarms.precision,
            event_f_half: alarms.f_half,
            alarming_precision: alarms.alarming_precision,
            timing: alarms.timing,
            event_f1: alarms.event_f1,
            false_per_10k: alarms.false_per_10k,
            normal_share: alarms.normal_share,
            median_delay: alarms.median_delay.map(|rows| rows as f64),
            late_delay: alarms.late_delay.map(|rows| rows as f64),
        })
    }

    /// The metrics in the order of the tables; what a series does not have is not a number.
    pub fn values(&self) -> [f64; METRICS] {
        Self::ALL.map(|(.., value)| value(self))
    }

    /// Means over those of at least one series that have it, in the order of the tables.
    pub fn means(series: &[Self]) -> [f64; METRICS] {
        Self::ALL.map(|(.., value)| mean_of_known(&series.iter().map(value).collect::<Vec<_>>()))
    }

    /// The names of some metrics as heads of columns.
    pub fn heads(columns: Range<usize>) -> String {
        Self::ALL[columns].iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(" | ")
    }

    /// All of them; those of the published tables first.
    pub const ALL: [Column; METRICS] = [
        ("AUROC", "auroc", |it| it.auroc),
        ("AUPR", "aupr", |it| it.aupr),
        ("F1", "f1", |it| it.f1),
        ("oracle F1", "f1_oracle", |it| it.f1_oracle),
        ("VUS-PR", "vus_pr", |it| it.vus_pr),
        ("affiliation F1", "affiliation_f1", |it| it.affiliation_f1),
        ("event recall", "event_recall", |it| it.event_recall),
        ("event precision", "event_precision", |it| it.event_precision),
        ("event F0.5", "event_f_half", |it| it.event_f_half),
        ("alarming precision", "alarming_precision", |it| it.alarming_precision),
        ("timing", "timing", |it| it.timing),
        ("event F1", "event_f1", |it| it.event_f1),
        ("false per 10 000", "false_per_10k", |it| it.false_per_10k),
        ("normal rows in alarm", "normal_share", |it| it.normal_share),
        ("median delay", "median_delay", |it| it.median_delay.unwrap_or(f64::NAN)),
        ("delay, 90 %", "late_delay", |it| it.late_delay.unwrap_or(f64::NAN)),
    ];
}

/// Number of metrics.
pub const METRICS: usize = 16;

/// Number of those that tell of scores and rows; the others tell of alarms.
pub const OF_ROWS: usize = 6;

/// The metrics of every test series of a task.
///
/// # Errors
/// A series without labels of both classes.
pub fn measure(scored: &[Scored], task: &Task) -> Result<Vec<Metrics>, EvalError> {
    let pairs = scored.iter().zip(&task.tests);
    pairs.map(|(scored, test)| Metrics::of(scored, &test.series)).collect()
}

/// Over seeds, of the mean over the series of each; per metric.
pub fn summaries(by_seed: &[Vec<Metrics>]) -> [Summary; METRICS] {
    over_seeds(&by_seed.iter().map(|series| Metrics::means(series)).collect::<Vec<_>>())
}

/// Over seeds, of the means of each; per metric.
pub fn over_seeds(means: &[[f64; METRICS]]) -> [Summary; METRICS] {
    std::array::from_fn(|metric| {
        Summary::of(&means.iter().map(|means| means[metric]).collect::<Vec<_>>())
    })
}

/// Mean of at least one value.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean of the values that are numbers; none without any.
pub fn mean_of_known(values: &[f64]) -> f64 {
    let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    mean(&known)
}

/// Mean and (population) standard deviation.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.mean.is_nan() {
            true => f.write_str("-"),
            false => write!(f, "{:.3} ± {:.3}", self.mean, self.std),
        }
    }
}

impl Summary {
    /// Summarises at least one value.
    pub fn of(values: &[f64]) -> Self {
        let center = mean_of_known(values);
        let squares: Vec<f64> = values.iter().map(|value| (value - center).powi(2)).collect();
        Self { mean: center, std: mean_of_known(&squares).sqrt() }
    }
}
