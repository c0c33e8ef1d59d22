//! SWaT: CSV exports of the Normal and Attack workbooks.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{DatasetId, Task, list, task};
use crate::error::DataError;
use crate::read::{Columns, CsvFormat, LoadOptions};
use crate::series::TimeSeries;

pub(super) fn open(folder: &Path) -> Result<Vec<Task>, DataError> {
    let part = |word: &str| -> Result<PathBuf, DataError> {
        let named = |name: &str| {
            let name = name.to_lowercase();
            name.ends_with(".csv") && name.contains(word)
        };
        let expected = "one CSV with 'normal' and one with 'attack' in its name";
        Ok(list(DatasetId::Swat.name(), folder, expected, named)?.swap_remove(0))
    };
    let (train, test) = (read(&part("normal")?)?, read(&part("attack")?)?);
    Ok(vec![task("SWaT".into(), train, test)?])
}

/// Reads one export: an optional banner line, padded column names, and a label
/// column spelled `Normal`, `Attack` or, in some rows, `A ttack`.
fn read(path: &Path) -> Result<TimeSeries, DataError> {
    let format = CsvFormat { skip_lines: Some(banner_lines(path)?), ..Default::default() };
    let options = LoadOptions {
        columns: Columns {
            label: Some("Normal/Attack".into()),
            normal: Some("Normal".into()),
            ignored: vec!["Timestamp".into()],
            ..Default::default()
        },
        csv: format,
        ..Default::default()
    };
    TimeSeries::from_csv(path, &options)
}

fn banner_lines(path: &Path) -> Result<usize, DataError> {
    let io = |source| DataError::Io { path: path.into(), source };
    let lines = BufReader::new(File::open(path).map_err(io)?).lines().take(3);
    for (number, line) in lines.enumerate() {
        if line.map_err(io)?.contains("Timestamp") {
            return Ok(number);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banner_padding_and_misspelled_labels() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..51).map(|c| format!(" S{c}")).collect();
        let header = format!(" Timestamp,{},Normal/Attack", names.join(","));
        let row = |label: &str| format!(" 28/12/2015 10:00:00 AM,{}{label}", "1.5,".repeat(51));
        let normal = format!(",P1,,P2\n{header}\n{}\n{}\n", row("Normal"), row("Normal"));
        let attack =
            format!("{header}\n{}\n{}\n{}\n", row("Normal"), row("Attack"), row("A ttack"));
        std::fs::write(folder.path().join("SWaT_Dataset_Normal_v1.csv"), normal).unwrap();
        std::fs::write(folder.path().join("SWaT_Dataset_Attack_v0.csv"), attack).unwrap();
        let dataset = crate::catalogue::Dataset::open(DatasetId::Swat, folder.path()).unwrap();
        let task = &dataset.tasks[0];
        assert_eq!((task.train.rows(), task.train.channel_count()), (2, 51));
        assert_eq!(task.tests[0].series.labels(), Some(&[false, true, true][..]));
    }
}
