//! PUMP: one `sensor.csv`, split in time where TAB splits it.

use std::path::Path;

use super::{Task, task};
use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::read::{Columns, LoadOptions};
use crate::series::TimeSeries;

/// Training rows of TAB's split; of a file of another length, the same share.
const TRAIN: (usize, usize) = (76_901, 76_901 + 143_401);

pub(super) fn open(folder: &Path) -> Result<Vec<Task>, DataError> {
    let options = LoadOptions {
        columns: Columns {
            time: Some("timestamp".into()),
            // Anomalous is everything that is not normal: BROKEN and RECOVERING.
            label: Some("machine_status".into()),
            normal: Some("NORMAL".into()),
            ..Default::default()
        },
        missing: MissingPolicy::DropChannel { max_missing: 0.1 },
        ..Default::default()
    };
    let series = TimeSeries::from_csv(folder.join("sensor.csv"), &options)?;
    let rows = series.rows();
    let cut = (rows as f64 * TRAIN.0 as f64 / TRAIN.1 as f64).round() as usize;
    Ok(vec![task("PUMP".into(), series.slice(0..cut)?, series.slice(cut..rows)?)?])
}

#[cfg(test)]
mod tests {
    use crate::catalogue::{Dataset, DatasetId};

    #[test]
    fn a_small_file_of_the_same_form() {
        let mut text = String::from(",timestamp,sensor_00,sensor_01,sensor_15,machine_status\n");
        for row in 0..100 {
            let status = if (60..70).contains(&row) { "RECOVERING" } else { "NORMAL" };
            let first = if row == 5 { String::new() } else { row.to_string() };
            text.push_str(&format!(
                "{row},2018-04-01 {:02}:{:02}:00,{first},0.5,,{status}\n",
                row / 60,
                row % 60
            ));
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sensor.csv"), text).unwrap();
        let dataset = Dataset::open(DatasetId::Pump, folder.path()).unwrap();
        let task = &dataset.tasks[0];
        assert_eq!(task.train.channels(), ["sensor_00", "sensor_01"]);
        assert_eq!((task.train.rows(), task.tests[0].series.rows()), (35, 65));
        assert_eq!(task.train.row(5)[0], 4.0);
        let labels = task.tests[0].series.labels().unwrap();
        assert_eq!(labels.iter().filter(|l| **l).count(), 10);
        assert!(dataset.version.starts_with("not a published version"), "{}", dataset.version);
    }
}
