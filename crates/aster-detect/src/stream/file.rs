//! Scores of Parquet files that are larger than memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aster_base::at_least_one;
use aster_data::{Clock, Columns, ParquetRows, RowBlock, ScoreTable};
use aster_store::{Contents, Entry, Format, digest, io, replace};
use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::stream::output::StreamOutput;
use crate::stream::policy::{OnDuplicate, OnMissing, StreamConfig};
use crate::stream::row::Row;
use crate::stream::state::StreamState;
use crate::stream::streaming::StreamingDetector;

const FORMAT: Format = Format { name: "aster-score-file", version: 10 };

/// Settings of scoring a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScoreFileConfig {
    /// The column of times, if it has one; it is copied. Features are those of the detector.
    pub columns: Columns,
    /// Imputation of missing values. Default: hold the last one.
    pub missing: OnMissing,
    /// Rows in memory at a time, at least 1. Default: 65 536.
    pub rows: usize,
}

impl Default for ScoreFileConfig {
    fn default() -> Self {
        Self { columns: Columns::default(), missing: OnMissing::default(), rows: 1 << 16 }
    }
}

/// Counts of a file that has been scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileScores {
    /// Rows of the file, each with its score.
    pub rows: usize,
    /// Rows that alarm.
    pub alarms: usize,
    /// Values that were missing.
    pub held: u64,
}

/// What is scored: a half-scored file of another task is scored anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Task {
    /// Fingerprint of the detector.
    detector: String,
    /// SHA-256 of the file.
    input: String,
    config: ScoreFileConfig,
}

/// How far a file has been scored.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    /// Whose scores of which file, as what.
    task: Task,
    /// Rows read, and the parts with scores that have come of them.
    read: usize,
    parts: usize,
    alarms: usize,
    stream: StreamState,
}

impl Detector {
    /// Scores the rows of a Parquet file as [`Detector::detect`] does, within rounding, in
    /// memory that does not grow with it, and writes a Parquet file of as many rows in the same
    /// order: `time` where there is one, `score`, `threshold` and `alarm`.
    ///
    /// Until it is done, parts lie in a folder beside the output, named after it with
    /// `.parts`. The same call after an interruption goes on from there.
    ///
    /// # Errors
    /// A file that is missing, malformed or has other columns, times that go back, a missing
    /// value where the config rejects it, a file that cannot be written.
    #[tracing::instrument(skip_all)]
    pub fn score_parquet(
        self: &Arc<Self>,
        input: impl AsRef<Path>,
        output: impl AsRef<Path>,
        config: &ScoreFileConfig,
    ) -> Result<FileScores, DetectError> {
        let (input, target) = (input.as_ref(), output.as_ref());
        at_least_one("rows", config.rows)?;
        let rows = ParquetRows::open(input, self.channels(), &config.columns)?;
        let (_, sha256) = std::fs::File::open(input).and_then(digest).map_err(io(input))?;
        let task =
            Task { detector: self.fingerprint().into(), input: sha256, config: config.clone() };
        let folder = beside(target, ".parts");
        let mut progress = match self.begun(&folder, &task) {
            Some(progress) => progress,
            None => self.fresh(task)?,
        };
        let part = |number| part(&folder, number);
        let mut stream = StreamingDetector::resume(self.clone(), progress.stream);
        std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        while progress.read < rows.rows() {
            let until = (progress.read + config.rows).min(rows.rows());
            let block = rows.read(progress.read..until)?;
            let clock = block.clock.clone();
            let mut output = push(&mut stream, block)?;
            if until == rows.rows() {
                let rest = stream.finish();
                output.scores.extend(rest.scores);
            }
            progress.read = until;
            progress.alarms += output.scores.iter().filter(|scored| scored.alarms).count();
            if !output.scores.is_empty() {
                table(output, config, clock).write_parquet(part(progress.parts))?;
                progress.parts += 1;
            }
            progress.stream = stream.state().clone();
            replace(&folder, FORMAT, vec![Entry::json("progress", &progress)?])?;
            tracing::info!(rows = until, of = rows.rows(), "scored");
        }
        let parts: Vec<PathBuf> = (0..progress.parts).map(part).collect();
        let partial = beside(target, ".partial");
        ScoreTable::join_parquet(&parts, &partial)?;
        std::fs::rename(&partial, target).map_err(io(target))?;
        std::fs::remove_dir_all(&folder).map_err(io(&folder))?;
        let held = stream.counts().held;
        Ok(FileScores { rows: rows.rows(), alarms: progress.alarms, held })
    }

    fn fresh(&self, task: Task) -> Result<Progress, DetectError> {
        let policy = StreamConfig {
            missing: task.config.missing,
            duplicate: OnDuplicate::Keep,
            // Nobody reads them here.
            reasons: false,
            ..Default::default()
        };
        let stream = StreamState::new(self, policy)?;
        Ok(Progress { task, read: 0, parts: 0, alarms: 0, stream })
    }

    /// Returns what an earlier call for the same task has left.
    fn begun(&self, folder: &Path, task: &Task) -> Option<Progress> {
        let progress: Progress = Contents::of_folder(folder, FORMAT).ok()?.json("progress").ok()?;
        // Parts are missing where the call was interrupted while it cleaned up.
        let whole = (0..progress.parts).all(|number| part(folder, number).exists());
        let sound = progress.stream.validate(self).is_ok();
        (progress.task == *task && whole && sound).then_some(progress)
    }
}

fn push(stream: &mut StreamingDetector, block: RowBlock) -> Result<StreamOutput, DetectError> {
    let c = stream.detector().channels().len();
    let time = |row: usize| block.times.as_ref().map(|times| times[row]);
    let rows = block.values.chunks(c).enumerate();
    stream.push(&rows.map(|(row, values)| Row::new(time(row), values)).collect::<Vec<_>>())
}

fn table(output: StreamOutput, config: &ScoreFileConfig, clock: Clock) -> ScoreTable {
    let scores = &output.scores;
    let times = || scores.iter().filter_map(|scored| scored.time).map(|time| time.timestamp());
    ScoreTable {
        times: config.columns.time.is_some().then(|| times().collect()),
        clock,
        scores: scores.iter().map(|scored| scored.score).collect(),
        thresholds: scores.iter().map(|scored| scored.threshold).collect(),
        alarms: scores.iter().map(|scored| scored.alarms).collect(),
    }
}

fn part(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("part-{number:06}.parquet"))
}

/// A path with something after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
