//! Sets that come as one file per part: ASD, MSL and SMD, SKAB, PSM.

use std::path::{Path, PathBuf};

use super::{DatasetId, Task, TestSeries, list, stem, task};
use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::read::{Columns, LoadOptions};
use crate::series::{TimeSeries, TrainSeries};

fn labelled() -> LoadOptions {
    let columns = Columns { label: Some("label".into()), ..Default::default() };
    LoadOptions { columns, ..Default::default() }
}

/// `NAME_train.parquet` beside `NAME_test.parquet` with a `label` column.
pub(super) fn parquet_pairs(id: DatasetId, folder: &Path) -> Result<Vec<Task>, DataError> {
    let is_train = |name: &str| name.ends_with("_train.parquet");
    list(id.name(), folder, "pairs NAME_train.parquet, NAME_test.parquet", is_train)?
        .iter()
        .map(|path| {
            let name = stem(path).trim_end_matches("_train").to_string();
            let train = TimeSeries::from_parquet(path, &LoadOptions::default())?;
            let test = folder.join(format!("{name}_test.parquet"));
            task(name, train, TimeSeries::from_parquet(test, &labelled())?)
        })
        .collect()
}

/// One `train.parquet` and any number of `test_NAME.parquet`.
pub(super) fn skab(folder: &Path) -> Result<Vec<Task>, DataError> {
    let is_test = |name: &str| name.starts_with("test_") && name.ends_with(".parquet");
    let paths = list(DatasetId::Skab.name(), folder, "train.parquet, test_NAME.parquet", is_test)?;
    let train = folder.join("train.parquet");
    let train = TimeSeries::from_parquet(train, &LoadOptions::default())?.into_train();
    let tests = tests(&paths, &train, &labelled())?;
    Ok(vec![Task { name: "SKAB".into(), train, tests }])
}

/// Tests of a training series, by the names of their files.
pub(super) fn tests(
    paths: &[PathBuf],
    train: &TrainSeries,
    options: &LoadOptions,
) -> Result<Vec<TestSeries>, DataError> {
    let test = |path: &PathBuf| {
        let series = TimeSeries::from_parquet(path, options)?;
        series.check_channels(train.channels())?;
        let name = stem(path).trim_start_matches("test_").to_string();
        Ok(TestSeries { name, series })
    };
    paths.iter().map(test).collect()
}

/// `train.csv`, `test.csv`, `test_label.csv`, the first column a minute count.
pub(super) fn psm(folder: &Path) -> Result<Vec<Task>, DataError> {
    let time = "timestamp_(min)";
    let options = LoadOptions {
        columns: Columns { time: Some(time.into()), ..Default::default() },
        missing: MissingPolicy::ForwardFill,
        ..Default::default()
    };
    let train = TimeSeries::from_csv(folder.join("train.csv"), &options)?;
    let test = TimeSeries::from_csv(folder.join("test.csv"), &options)?;
    let only_label = LoadOptions {
        columns: Columns {
            label: Some("label".into()),
            features: Some(vec![time.into()]),
            ..Default::default()
        },
        ..Default::default()
    };
    let labels = TimeSeries::from_csv(folder.join("test_label.csv"), &only_label)?;
    let test = test.with_labels(labels.labels().unwrap_or_default().to_vec())?;
    Ok(vec![task("PSM".into(), train, test)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psm_fills_gaps_forward_and_takes_its_labels_from_their_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text| std::fs::write(folder.path().join(name), text).unwrap();
        let header = "timestamp_(min),feature_0,feature_1\n";
        write("train.csv", format!("{header}0.0,0.5,1.0\n1.0,,1.5\n2.0,0.7,2.0\n"));
        write("test.csv", format!("{header}3,0.8,2.5\n4,0.9,3.0\n"));
        write("test_label.csv", "timestamp_(min),label\n3,0\n4,1\n".into());
        let tasks = psm(folder.path()).unwrap();
        assert_eq!(tasks[0].train.channels(), ["feature_0", "feature_1"]);
        assert_eq!(tasks[0].train.values(), [0.5, 1.0, 0.5, 1.5, 0.7, 2.0]);
        assert_eq!(tasks[0].tests[0].series.labels(), Some(&[false, true][..]));
        write("test_label.csv", "timestamp_(min),label\n3,0\n".into());
        assert!(matches!(psm(folder.path()), Err(DataError::Length { .. })));
    }
}
