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
}

impl Scored {
    /// Scores and the alarms that were made of them.
    pub fn new(alarms: Alarms, scores: Vec<f32>) -> Self {
        let rows = alarms.intervals.iter().map(|alarm| alarm.start..alarm.end).collect();
        Self { scores, thresholds: alarms.thresholds, alarms: rows }
    }
}

/// Scores each test series of a task.
///
/// # Errors
/// Other channels than those trained on.
pub fn score(detector: &Detector, task: &Task) -> Result<Vec<Scored>, DetectError> {
    let score = |test: &TimeSeries| {
        let scores = detector.score(test)?;
        Ok(Scored::new(detector.alarm_rule().alarms(&scores)?, scores))
    };
    task.tests.iter().map(|test| score(&test.series)).collect()
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
}

impl Metrics {
    /// The metrics of one series.
    ///
    /// # Errors
    /// A series without labels of both classes.
    pub fn of(scored: &Scored, test: &TimeSeries) -> Result<Self, EvalError> {
        let labels = test.labels().unwrap_or_default();
        let Scored { scores, thresholds, alarms } = scored;
        let margins = margins(scores, thresholds)?;
        let alarms = EventMetrics::of(alarms, labels, 0)?;
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
        })
    }

    /// The metrics in the order of the tables.
    pub fn values(&self) -> [f64; METRICS] {
        [
            self.auroc,
            self.aupr,
            self.f1,
            self.f1_oracle,
            self.vus_pr,
            self.affiliation_f1,
            self.event_recall,
            self.event_precision,
            self.event_f_half,
            self.alarming_precision,
            self.timing,
            self.event_f1,
            self.false_per_10k,
            self.normal_share,
        ]
    }

    /// Means over at least one series, in the order of the tables.
    pub fn means(series: &[Self]) -> [f64; METRICS] {
        std::array::from_fn(|metric| {
            mean(&series.iter().map(|metrics| metrics.values()[metric]).collect::<Vec<_>>())
        })
    }

    /// Names of [`Metrics::values`]; those of the published tables first.
    pub const NAMES: [&str; METRICS] = [
        "AUROC",
        "AUPR",
        "F1",
        "oracle F1",
        "VUS-PR",
        "affiliation F1",
        "event recall",
        "event precision",
        "event F0.5",
        "alarming precision",
        "timing",
        "event F1",
        "false per 10 000",
        "normal rows in alarm",
    ];

    /// Names of the same in JSON.
    pub const KEYS: [&str; METRICS] = [
        "auroc",
        "aupr",
        "f1",
        "f1_oracle",
        "vus_pr",
        "affiliation_f1",
        "event_recall",
        "event_precision",
        "event_f_half",
        "alarming_precision",
        "timing",
        "event_f1",
        "false_per_10k",
        "normal_share",
    ];
}

/// Number of metrics.
pub const METRICS: usize = 14;

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
        write!(f, "{:.3} ± {:.3}", self.mean, self.std)
    }
}

impl Summary {
    /// Summarises at least one value.
    pub fn of(values: &[f64]) -> Self {
        let center = mean(values);
        let squares: Vec<f64> = values.iter().map(|value| (value - center).powi(2)).collect();
        Self { mean: center, std: mean(&squares).sqrt() }
    }
}
