//! Finished runs, kept in a file, so that a command that was stopped goes on.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evaluate::{METRICS, Metrics};

/// What a run is of: two with the same key have the same result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Name of the dataset.
    pub set: String,
    /// Name of the training series.
    pub series: String,
    /// Seed of the fit.
    pub seed: u64,
    /// Name of the method.
    pub method: String,
    /// What else decides about the result.
    pub settings: Value,
}

/// One fit and what its scores are worth, by test series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// What it is of.
    #[serde(flatten)]
    pub key: Key,
    /// By test series.
    pub metrics: Vec<Metrics>,
    /// Wall-clock time of fit and scores.
    pub seconds: f64,
}

impl Run {
    /// Means over the test series, in the order of the tables.
    pub fn means(&self) -> [f64; METRICS] {
        Metrics::means(&self.metrics)
    }
}

/// Runs of a file, one per line, in JSON.
#[derive(Debug)]
pub struct Log<R> {
    path: Option<PathBuf>,
    runs: Vec<R>,
}

impl<R: Serialize + DeserializeOwned> Log<R> {
    /// Opens a file, which need not be there yet; without one, runs are kept in memory alone.
    ///
    /// # Errors
    /// A file that cannot be read, or of something else.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let runs = match path.filter(|path| path.exists()) {
            Some(path) => std::fs::read_to_string(path)?
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()?,
            None => vec![],
        };
        Ok(Self { path: path.map(Into::into), runs })
    }

    /// Appends a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&mut self, run: R) -> anyhow::Result<()> {
        if let Some(path) = &self.path {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{}", serde_json::to_string(&run)?)?;
        }
        self.runs.push(run);
        Ok(())
    }

    /// The runs so far.
    pub fn runs(&self) -> &[R] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_is_there_again() {
        let folder = std::env::temp_dir().join(format!("aster-runs-{}", std::process::id()));
        let path = folder.join("runs.jsonl");
        let key = |seed| {
            let settings = serde_json::json!({ "rate": 0.05 });
            Key { set: "a".into(), series: "b".into(), seed, method: "c".into(), settings }
        };
        let metrics = |auroc| Metrics { auroc, ..Default::default() };
        let mut log = Log::open(Some(&path)).unwrap();
        for seed in 0..2 {
            let metrics = vec![metrics(0.5), metrics(1.0)];
            log.add(Run { key: key(seed), metrics, seconds: 1.0 }).unwrap();
        }
        let log: Log<Run> = Log::open(Some(&path)).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(log.runs().iter().map(|run| &run.key).collect::<Vec<_>>(), [&key(0), &key(1)]);
        assert_eq!(log.runs()[0].means()[0], 0.75);
    }
}
