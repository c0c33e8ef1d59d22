//! Metrics, label-free thresholds and intervals for time-series anomaly scores.
//!
//! Scores are one finite `f32` per timestamp, higher = more anomalous; labels are
//! `true` where a timestamp is anomalous. A timestamp is predicted anomalous when
//! its score *reaches* a threshold (`score >= threshold`), everywhere.
//!
//! ```
//! use aster_eval::{ThresholdRule, auroc, average_precision, best_f1, f1_at};
//!
//! let scores = [0.1, 0.2, 0.9, 0.8, 0.3];
//! let labels = [false, false, true, true, false];
//! assert_eq!(auroc(&scores, &labels)?, 1.0);
//! assert_eq!(average_precision(&scores, &labels)?, 1.0);
//! let oracle = best_f1(&scores, &labels)?; // reads labels: an upper bound, not a result
//! assert_eq!((oracle.f1, oracle.threshold), (1.0, 0.8));
//! let threshold = ThresholdRule::Quantile { q: 0.99 }.fit(&[0.1, 0.2, 0.3, 0.2])?;
//! assert_eq!(f1_at(&scores, &labels, threshold)?.f1, 1.0);
//! # Ok::<(), aster_eval::EvalError>(())
//! ```

mod alarm;
mod error;
mod metric;

pub use alarm::acknowledgement::Acknowledgement;
pub use alarm::config::{AlarmConfig, DriftConfig};
pub use alarm::episodes::EpisodeRate;
pub use alarm::interval::{Interval, IntervalTimes};
pub use alarm::promise::{NormalScores, Per, Promise};
pub use alarm::tail::ParetoTail;
pub use alarm::threshold::{Threshold, ThresholdRule, margins};
pub use alarm::tracker::{AlarmRule, AlarmStep, AlarmTracker, Alarms};
pub use aster_base::runs;
pub use error::EvalError;
pub use metric::affiliation::{Affiliation, affiliation};
pub use metric::event::EventMetrics;
pub use metric::point::{
    OracleF1, PrecisionRecall, auroc, average_precision, best_f1, f1_at, point_adjusted_f1,
    precision_recall_curve, roc_curve,
};
pub use metric::population::Population;
pub use metric::range::{Bias, Cardinality, RangeConfig, range_precision_recall};
pub use metric::volume::{Volume, default_buffer, volume_under_surface};
