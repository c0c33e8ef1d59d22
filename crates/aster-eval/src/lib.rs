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

mod affiliation;
mod drift;
mod error;
mod interval;
mod point;
mod population;
mod range;
mod tail;
mod threshold;
mod volume;

pub use affiliation::{Affiliation, affiliation};
pub use aster_base::runs;
pub use drift::{DriftConfig, DriftMethod, DriftingThreshold};
pub use error::EvalError;
pub use interval::{AlarmConfig, AlarmStep, AlarmTracker, Interval, IntervalTimes, intervals};
pub use point::{
    OracleF1, PrecisionRecall, auroc, average_precision, best_f1, f1_at, point_adjusted_f1,
    precision_recall_curve, roc_curve,
};
pub use population::Population;
pub use range::{Bias, Cardinality, RangeConfig, range_precision_recall};
pub use tail::ParetoTail;
pub use threshold::{Threshold, ThresholdRule, margins};
pub use volume::{Volume, default_buffer, volume_under_surface};
