use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use aster::SettingError;
use aster::detect::StreamConfig;
use serde::{Deserialize, Serialize};

use crate::names::Names;

/// Configuration of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// Group of series that share a detector, and prefix of its streams, subjects and buckets.
    pub group: String,
    /// Name of the worker, which no other has. Default: drawn at random.
    pub worker: String,
    /// Partitions of the group: at most so many workers share its series. They are fixed when the
    /// group begins.
    pub partitions: u32,
    /// What becomes of rows that are not as they should be.
    pub stream: StreamConfig,
    /// Threads that score.
    pub threads: usize,
    /// Largest number of rows that are scored together.
    pub batch: usize,
    /// Seconds between two times at which the states of all series with new rows are stored. A series
    /// is stored at once when it has something to tell.
    pub checkpoint: f64,
    /// Rows that no stored state covers, and that are scored again if the worker is killed, at which
    /// states are stored before their time.
    pub uncovered: usize,
    /// Seconds without a sign of life after which the others take over a worker's series.
    pub lease: f64,
    /// Whether times of rows are those of the clock, in nanoseconds since the Unix epoch: then a worker
    /// says of the series that it has when their rows have stopped.
    pub clock: bool,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            group: "series".into(),
            // Keys of hashes are drawn at random.
            worker: format!("worker-{:016x}", RandomState::new().build_hasher().finish()),
            partitions: 16,
            stream: StreamConfig::default(),
            threads,
            batch: 4096,
            checkpoint: 10.0,
            uncovered: 32_768,
            lease: 10.0,
            clock: false,
        }
    }
}

impl WorkerConfig {
    /// Checks all settings.
    ///
    /// # Errors
    /// The first one outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        Names::new(&self.group)?;
        let wrong = |name: &str, expected: &str, got: &dyn ToString| {
            Err(SettingError::new(name, expected, got.to_string()))
        };
        let known = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
        match self {
            it if it.worker.is_empty() || !it.worker.chars().all(known) => {
                wrong("worker", "letters, digits, - and _", &it.worker)
            }
            it if !(1..=4096).contains(&it.partitions) => {
                wrong("partitions", "1 to 4096", &it.partitions)
            }
            it if it.threads == 0 => wrong("threads", "at least 1", &it.threads),
            it if it.batch == 0 => wrong("batch", "at least 1", &it.batch),
            it if it.uncovered == 0 => wrong("uncovered", "at least 1", &it.uncovered),
            it if !(it.checkpoint > 0.0 && it.checkpoint <= 3600.0) => {
                wrong("checkpoint", "more than 0 and at most 3600 seconds", &it.checkpoint)
            }
            it if !(it.lease >= 1.0 && it.lease <= 3600.0) => {
                wrong("lease", "1 to 3600 seconds", &it.lease)
            }
            it => it.stream.check(),
        }
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease)
    }

    pub(crate) fn checkpoint(&self) -> Duration {
        Duration::from_secs_f64(self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_a_range() {
        let check = |change: fn(&mut WorkerConfig)| {
            let mut config = WorkerConfig::default();
            change(&mut config);
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(check(|_| {}), Ok(()));
        for (change, name) in [
            ((|it| it.group = "a b".into()) as fn(&mut WorkerConfig), "group"),
            (|it| it.worker = String::new(), "worker"),
            (|it| it.partitions = 0, "partitions"),
            (|it| it.threads = 0, "threads"),
            (|it| it.batch = 0, "batch"),
            (|it| it.uncovered = 0, "uncovered"),
            (|it| it.checkpoint = f64::NAN, "checkpoint"),
            (|it| it.lease = 0.5, "lease"),
        ] {
            assert!(check(change).unwrap_err().contains(name));
        }
    }
}
