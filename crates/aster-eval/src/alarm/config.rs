use aster_base::{
    SettingError, at_least_one, positive, require, share_above_zero, share_below_one,
};
use serde::{Deserialize, Serialize};

/// When scores above the threshold open an alarm, when it closes, and which are one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AlarmConfig {
    /// A row alarms when at least this many ... Default: 1.
    pub k: usize,
    /// ... of the last `n` rows, itself included, reach the threshold. Default: 1.
    pub n: usize,
    /// Level at which an open alarm can close, as a share of the threshold, in (0, 1]: hysteresis,
    /// so that a score around its threshold is one alarm. Default: 0.7.
    pub close: f64,
    /// Rows below that level which an alarm survives: those after it are then of the same alarm.
    /// Default: 64.
    pub join: usize,
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self { k: 1, n: 1, close: 0.7, join: 64 }
    }
}

impl AlarmConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// `k` outside `1..=n`, `close` outside (0, 1].
    pub fn check(&self) -> Result<(), SettingError> {
        let got = format!("{} of {}", self.k, self.n);
        require("k of n", self.k > 0 && self.k <= self.n, "1 <= k <= n", got)?;
        share_above_zero("close", self.close)
    }
}

/// Adaptation of the threshold to scores whose normal level has moved since training (drift): it is
/// that of training, or the level of the latest scores where that is higher (ours).
///
/// The level is a quantile of them: anomalies are taken to be rare. Where they fall into two groups, of
/// which the upper one is no majority, it lies between the groups if that is lower. The rows of an
/// alarm count once it has lasted for some time, so that a shorter anomaly, of any height, changes
/// nothing for those after it; and once it has lasted longer than all that was normal before, it is the
/// new normal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// The quantile of the latest scores, in [0, 1). Default: 0.95.
    pub quantile: f64,
    /// Scores (warm-up) before the threshold first moves, at least 1. Default: 50.
    pub warmup: usize,
    /// Number of the latest scores that count, at least the warm-up. Default: 10 000.
    pub memory: usize,
    /// Rows of an alarm before they count, as a share of the rows before it, above 0, but at least
    /// the warm-up and at most `longest`. Default: 0.1.
    pub hold: f64,
    /// Rows after which an alarm is the new normal, and closes, as a share of the rows before it,
    /// at least `hold`, but at least twice the warm-up and at most `longest`. Default: 1.
    pub settle: f64,
    /// Most rows after which an alarm is the new normal, at least twice the warm-up.
    /// Default: 2000.
    pub longest: usize,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self { quantile: 0.95, warmup: 50, memory: 10_000, hold: 0.1, settle: 1.0, longest: 2000 }
    }
}

impl DriftConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let Self { quantile, warmup, memory, hold, settle, longest } = *self;
        share_below_one("quantile", quantile)?;
        at_least_one("warmup", warmup)?;
        require("memory", memory >= warmup, format!("at least the warmup {warmup}"), memory)?;
        positive("hold", hold)?;
        let longer = settle >= hold && settle.is_finite();
        require("settle", longer, format!("at least hold, {hold}, and finite"), settle)?;
        let twice = warmup.saturating_mul(2);
        require("longest", longest >= twice, format!("at least twice the warmup {warmup}"), longest)
    }

    /// Returns the rows after which those of an alarm count, with so many rows before it.
    pub fn counts_after(&self, before: u64) -> usize {
        self.share(self.hold, before, self.warmup)
    }

    /// Returns the rows after which an alarm is the new normal, with so many rows before it.
    pub fn settles_after(&self, before: u64) -> usize {
        self.share(self.settle, before, self.warmup.saturating_mul(2))
    }

    fn share(&self, share: f64, before: u64, least: usize) -> usize {
        ((share * before as f64) as usize).max(least).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_named() {
        assert!(AlarmConfig::default().check().is_ok() && DriftConfig::default().check().is_ok());
        let alarm = |change: fn(&mut AlarmConfig)| {
            let mut config = AlarmConfig::default();
            change(&mut config);
            config.check().unwrap_err().name
        };
        assert_eq!(alarm(|it| it.k = 2), "k of n");
        assert_eq!(alarm(|it| it.k = 0), "k of n");
        assert_eq!(alarm(|it| it.close = 1.1), "close");
        let drift = |change: fn(&mut DriftConfig)| {
            let mut config = DriftConfig::default();
            change(&mut config);
            config.check().unwrap_err().name
        };
        assert_eq!(drift(|it| it.quantile = 1.0), "quantile");
        assert_eq!(drift(|it| it.warmup = 0), "warmup");
        assert_eq!(drift(|it| it.memory = 10), "memory");
        assert_eq!(drift(|it| it.hold = 0.0), "hold");
        assert_eq!(drift(|it| it.settle = 0.09), "settle");
        assert_eq!(drift(|it| it.longest = 99), "longest");
    }

    #[test]
    fn what_lasts_is_normal_the_later_the_more_was_normal_before() {
        let drift = DriftConfig::default();
        let before = [0, 400, 4000, 1 << 40];
        assert_eq!(before.map(|rows| drift.counts_after(rows)), [50, 50, 400, 2000]);
        assert_eq!(before.map(|rows| drift.settles_after(rows)), [100, 400, 2000, 2000]);
    }
}
