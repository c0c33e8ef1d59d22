//! Folders of datasets of one layout, whichever they are.

use std::path::Path;

use super::files::tests;
use super::{Dataset, Task, list, shape, stem};
use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::read::LoadOptions;
use crate::series::TimeSeries;

const EXPECTED: &str = "folders of NAME_train.parquet with NAME_test*.parquet, or of train.parquet with \
                        test_*.parquet";

/// Every folder that holds a training file, by name.
pub(super) fn open(folder: &Path) -> Result<Vec<Dataset>, DataError> {
    let mut sets = vec![];
    for path in list("suite", folder, EXPECTED, |_| true)? {
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let trains = match list(&name, &path, EXPECTED, |file| file.ends_with("train.parquet")) {
            Err(DataError::MissingDataset { .. }) => continue,
            trains => trains?,
        };
        let tasks = trains.iter().map(|train| task(&name, &path, train));
        let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        let version = tasks.iter().map(shape).collect::<Vec<_>>().join("; ");
        sets.push(Dataset { name, version, tasks });
    }
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    match sets.is_empty() {
        true => {
            let (dataset, folder) = ("suite".into(), folder.into());
            Err(DataError::MissingDataset { dataset, expected: EXPECTED, folder })
        }
        false => Ok(sets),
    }
}

/// A training file and the tests that its name begins.
fn task(set: &str, folder: &Path, train: &Path) -> Result<Task, DataError> {
    let prefix = stem(train).trim_end_matches("train").to_string();
    let first = format!("{prefix}test");
    let is_test = |file: &str| file.starts_with(&first) && file.ends_with(".parquet");
    let paths = list(set, folder, "NAME_test*.parquet beside NAME_train.parquet", is_test)?;
    let options = LoadOptions { missing: MissingPolicy::ForwardFill, ..Default::default() };
    let train = TimeSeries::from_parquet(train, &options)?.into_train();
    let mut tests = tests(&paths, &train, &options)?;
    let name = match prefix.trim_end_matches('_') {
        "" => set.to_string(),
        name => name.to_string(),
    };
    if let [only] = &mut tests[..] {
        only.name.clone_from(&name);
    }
    Ok(Task { name, train, tests })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_are_read_and_other_folders_are_passed_by() {
        let folder = tempfile::tempdir().unwrap();
        let series = |rows: usize| {
            let values = (0..2 * rows).map(|at| (at * 7 % 5) as f64).collect();
            TimeSeries::new(vec!["a".into(), "b".into()], values).unwrap()
        };
        let labels = |rows| (0..rows).map(|row| row % 4 == 0).collect();
        let write = |name: &str, series: &TimeSeries| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            series.write_parquet(&path).unwrap();
        };
        for name in ["x/m-1_train.parquet", "x/m_train.parquet", "w/train.parquet"] {
            write(name, &series(20));
        }
        for name in ["x/m-1_test_a.parquet", "x/m-1_test_b.parquet", "x/m_test.parquet"] {
            write(name, &series(12).with_labels(labels(12)).unwrap());
        }
        write("w/test_valve.parquet", &series(8).with_labels(labels(8)).unwrap());
        std::fs::create_dir(folder.path().join("licences")).unwrap();
        let sets = Dataset::open_suite(folder.path()).unwrap();
        let named = |set: &Dataset| -> Vec<(String, Vec<String>)> {
            let tests = |task: &Task| task.tests.iter().map(|test| test.name.clone()).collect();
            set.tasks.iter().map(|task| (task.name.clone(), tests(task))).collect()
        };
        let texts = |names: &[&str]| names.iter().map(|it| it.to_string()).collect::<Vec<_>>();
        assert_eq!(sets.iter().map(|set| &*set.name).collect::<Vec<_>>(), ["w", "x"]);
        assert_eq!(named(&sets[0]), [("w".to_string(), texts(&["w"]))]);
        let expected = [("m", texts(&["m"])), ("m-1", texts(&["m-1_test_a", "m-1_test_b"]))];
        assert_eq!(named(&sets[1]), expected.map(|(name, tests)| (name.to_string(), tests)));
        assert_eq!(sets[0].tasks[0].tests[0].series.labels().unwrap(), labels(8));

        let alone = folder.path().join("y");
        std::fs::create_dir(&alone).unwrap();
        write("y/train.parquet", &series(20));
        let error = Dataset::open_suite(folder.path()).unwrap_err().to_string();
        assert!(error.contains("NAME_test*.parquet"), "{error}");
        assert!(Dataset::open_suite(folder.path().join("licences")).is_err());
    }
}
