use std::fs::File;
use std::path::Path;

use crate::error::DataError;
use crate::series::TimeSeries;

impl TimeSeries {
    /// Writes a CSV file that [`TimeSeries::from_csv`] reads: a column `time` where the series has
    /// times (dates as RFC 3339 has them, or counts), one per channel, a column `label` of 0 and 1
    /// where it has labels.
    ///
    /// ```
    /// use aster_data::{LoadOptions, TimeSeries};
    ///
    /// let path = std::env::temp_dir().join("aster-write.csv");
    /// let series = TimeSeries::from_slice(&[0.5, 1.0, 0.25, 2.0], 2)?.with_timestamps(vec![5, 7])?;
    /// series.write_csv(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "time,c0,c1\n5,0.5,1\n7,0.25,2\n");
    /// assert_eq!(TimeSeries::from_csv(&path, &LoadOptions::default())?, series);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A channel that is named `time` or `label` as another column is, a file that cannot be
    /// written.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let io = |source| DataError::Io { path: path.into(), source };
        let names = self.column_names()?;
        let mut writer = csv::Writer::from_writer(File::create(path).map_err(io)?);
        let fault = |error: csv::Error| io(error.into());
        writer.write_record(&names).map_err(fault)?;
        for row in 0..self.rows() {
            let time = self.time(row).map(|time| time.rfc_3339());
            let label = self.labels().map(|labels| u8::from(labels[row]).to_string());
            let values = self.row(row).iter().map(f64::to_string);
            let cells = time.into_iter().chain(values).chain(label);
            writer.write_record(cells).map_err(fault)?;
        }
        writer.flush().map_err(io)
    }
}
