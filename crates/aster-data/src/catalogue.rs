//! The public datasets, opened by name and folder.

mod files;
mod pump;
mod suite;
mod swat;
mod tab;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::series::{TimeSeries, TrainSeries};

/// A dataset of the catalogue. `docs/datasets.md` says where each comes from,
/// under which licence, and which files its folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetId {
    /// Application Server Dataset, 12 series.
    Asd,
    /// Skoltech Anomaly Benchmark, one training series and 34 tests.
    Skab,
    /// Mars Science Laboratory telemetry.
    Msl,
    /// Server Machine Dataset, one series per machine.
    Smd,
    /// Pooled Server Metrics.
    Psm,
    /// Water pump sensors.
    Pump,
    /// Secure Water Treatment.
    Swat,
    /// Controlled Anomalies Time Series v2, four series.
    Catsv2,
}

impl DatasetId {
    /// Every dataset of the catalogue.
    pub const ALL: [Self; 8] = [
        Self::Asd,
        Self::Skab,
        Self::Msl,
        Self::Smd,
        Self::Psm,
        Self::Pump,
        Self::Swat,
        Self::Catsv2,
    ];

    /// The name as published.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Asd => "ASD",
            Self::Skab => "SKAB",
            Self::Msl => "MSL",
            Self::Smd => "SMD",
            Self::Psm => "PSM",
            Self::Pump => "PUMP",
            Self::Swat => "SWaT",
            Self::Catsv2 => "CATSv2",
        }
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DatasetId {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        Self::ALL.into_iter().find(|id| id.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            DataError::UnknownDataset {
                got: text.into(),
                expected: Self::ALL.map(|id| id.name().to_lowercase()).join(", "),
            }
        })
    }
}

/// A labelled series to be scored.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSeries {
    /// Name within the dataset.
    pub name: String,
    /// Rows, with labels.
    pub series: TimeSeries,
}

/// Training series with the test series that a detector fitted on it scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Name within the dataset.
    pub name: String,
    /// The training rows.
    pub train: TrainSeries,
    /// The tests: one for most datasets, 34 for SKAB.
    pub tests: Vec<TestSeries>,
}

/// An opened dataset.
///
/// ```no_run
/// use aster_data::{Dataset, DatasetId};
///
/// for task in Dataset::open(DatasetId::Asd, "data/asd")?.tasks {
///     println!("{}: {} training rows, {} tests", task.name, task.train.rows(), task.tests.len());
/// }
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name of the dataset.
    pub name: String,
    /// Published version the row counts belong to, or that they belong to
    /// none that is known.
    pub version: String,
    /// Tasks, by name.
    pub tasks: Vec<Task>,
}

impl Dataset {
    /// Opens a dataset of the catalogue. Gaps are filled as `docs/datasets.md`
    /// says for each set (PSM forward; PUMP drops channels that are mostly
    /// missing, then forward); the other sets have none and a gap is an error.
    ///
    /// # Errors
    /// Files that are missing or malformed, a wrong channel count, train and
    /// test channels that differ.
    pub fn open(id: DatasetId, folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref();
        let tasks = match id {
            DatasetId::Asd | DatasetId::Smd | DatasetId::Msl => files::parquet_pairs(id, folder)?,
            DatasetId::Skab => files::skab(folder)?,
            DatasetId::Psm => files::psm(folder)?,
            DatasetId::Pump => pump::open(folder)?,
            DatasetId::Swat => swat::open(folder)?,
            DatasetId::Catsv2 => tab::catsv2(folder)?,
        };
        let version = known(id, &tasks)?;
        Ok(Self { name: id.name().into(), version, tasks })
    }

    /// Opens every folder below one that holds Parquet files in the layout of the suite, by name:
    /// `NAME_train.parquet` beside `NAME_test*.parquet`, one or more, or `train.parquet` beside
    /// `test_*.parquet`; tests have a column `label`. Gaps are filled forward.
    ///
    /// # Errors
    /// No such folder, files that are malformed, a training file without a test, train and test
    /// channels that differ.
    pub fn open_suite(folder: impl AsRef<Path>) -> Result<Vec<Self>, DataError> {
        suite::open(folder.as_ref())
    }

    /// Opens one series in TAB layout: a long table `date,data,cols`, as CSV or (by its
    /// ending) as Parquet, one block of
    /// rows per column, the last block named `label`; its first `train_rows`
    /// rows are for training, as TAB's meta file states.
    ///
    /// # Errors
    /// A malformed file, blocks of different length, no label block.
    pub fn open_tab(path: impl AsRef<Path>, train_rows: usize) -> Result<Self, DataError> {
        let path = path.as_ref();
        let task = tab::read(path, |_| train_rows)?;
        let version = format!("TAB layout, {}", shape(&task));
        Ok(Self { name: task.name.clone(), version, tasks: vec![task] })
    }
}

/// A published version: its name, channel count, and per task the training rows
/// and the rows of all its tests together.
struct Version(&'static str, usize, &'static [(usize, usize)]);

fn versions(id: DatasetId) -> &'static [Version] {
    match id {
        DatasetId::Asd => {
            const N: (usize, usize) = (8640, 4320);
            const ROWS: [(usize, usize); 12] = [N, N, N, N, N, N, N, N, N, N, N, (7291, 4320)];
            &[Version("InterFusion, 12 servers", 19, &ROWS)]
        }
        DatasetId::Skab => &[Version("v0.9, 34 tests", 8, &[(9405, 37_401)])],
        DatasetId::Msl => &[Version("27 channels joined", 55, &[(58_317, 73_729)])],
        DatasetId::Smd => &[Version(
            "six machines",
            38,
            &[
                (23_706, 23_707),
                (23_688, 23_689),
                (23_693, 23_694),
                (23_688, 23_689),
                (28_705, 28_705),
                (28_703, 28_704),
            ],
        )],
        DatasetId::Psm => &[Version("eBay release", 25, &[(132_481, 87_841)])],
        DatasetId::Pump => &[Version("TAB split of sensor.csv", 44, &[(76_901, 143_401)])],
        DatasetId::Swat => &[
            Version("A1 & A2 Dec 2015, Normal v1", 51, &[(495_000, 449_919)]),
            Version("A1 & A2 Dec 2015, Normal v0", 51, &[(496_800, 449_919)]),
        ],
        DatasetId::Catsv2 => &[Version(
            "TAB, four series",
            17,
            &[(16_568, 83_432), (5_592, 189_408), (41_727, 153_273), (50_000, 150_000)],
        )],
    }
}

/// Checks the channels against the published count and names the version.
fn known(id: DatasetId, tasks: &[Task]) -> Result<String, DataError> {
    let shapes: Vec<(usize, usize)> = tasks
        .iter()
        .map(|task| (task.train.rows(), task.tests.iter().map(|t| t.series.rows()).sum()))
        .collect();
    // PUMP's count depends on which nearly empty sensors are dropped.
    if let (Some(version), true) = (versions(id).first(), id != DatasetId::Pump) {
        for task in tasks {
            if task.train.channel_count() != version.1 {
                return Err(DataError::Length {
                    what: "channels of the dataset",
                    expected: version.1,
                    got: task.train.channel_count(),
                });
            }
        }
    }
    let version = versions(id).iter().find(|version| version.2 == shapes);
    Ok(match version {
        Some(version) => version.0.into(),
        None => {
            let found: Vec<_> = tasks.iter().map(shape).collect();
            format!("not a published version: {}", found.join("; "))
        }
    })
}

fn shape(task: &Task) -> String {
    let test: usize = task.tests.iter().map(|t| t.series.rows()).sum();
    let (rows, channels) = (task.train.rows(), task.train.channel_count());
    format!("{} {rows} train + {test} test rows x {channels}", task.name)
}

/// The files of a folder that `pick` accepts by file name, in the order
/// of their names, with `omi-2` before `omi-10`.
fn list(
    dataset: &str,
    folder: &Path,
    expected: &'static str,
    pick: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::Io { path: folder.into(), source };
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.file_name().and_then(|n| n.to_str()).is_some_and(&pick) {
                found.push(path);
            }
        }
    }
    found.sort_by_cached_key(|path| (path.as_os_str().len(), path.clone()));
    match found.is_empty() {
        true => {
            let (dataset, folder) = (dataset.into(), folder.into());
            Err(DataError::MissingDataset { dataset, expected, folder })
        }
        false => Ok(found),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A task with one test, whose channels must be those of the training series.
fn task(name: String, train: TimeSeries, test: TimeSeries) -> Result<Task, DataError> {
    test.check_channels(train.channels())?;
    let tests = vec![TestSeries { name: name.clone(), series: test }];
    Ok(Task { name, train: train.into_train(), tests })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_unknown_ones_list_the_known() {
        assert_eq!("swat".parse::<DatasetId>().unwrap(), DatasetId::Swat);
        let error = "iris".parse::<DatasetId>().unwrap_err().to_string();
        assert!(error.contains("asd, skab, msl"), "{error}");
    }

    #[test]
    fn an_empty_folder_says_what_it_expected() {
        let folder = tempfile::tempdir().unwrap();
        for id in DatasetId::ALL {
            let error = Dataset::open(id, folder.path()).unwrap_err();
            let missing =
                matches!(error, DataError::MissingDataset { .. } | DataError::MissingFile { .. });
            assert!(missing, "{id}: {error}");
        }
    }
}
