use std::ops::Range;
use std::path::Path;

use super::file::ParquetFile;
use crate::error::DataError;
use crate::read::columns::Columns;
use crate::read::roles::{check, named_times};
use crate::read::table::{Column, Place, Table};
use aster_base::Clock;

/// The rows of a Parquet file that is larger than memory, of which any part can be read without
/// the rest.
#[derive(Debug, Clone)]
pub struct ParquetRows {
    file: ParquetFile,
    place: String,
    /// Where the channels and the times stand.
    channels: Vec<usize>,
    time: Option<usize>,
    columns: Columns,
}

/// Block of rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct RowBlock {
    /// `[rows, C]`, NaN where missing.
    pub values: Vec<f64>,
    /// Times, one per row, where the file has them.
    pub times: Option<Vec<i64>>,
    /// What the times count.
    pub clock: Clock,
}

impl ParquetRows {
    /// Opens a file that has columns of these names, in any order; `columns` says which one holds
    /// the time.
    ///
    /// # Errors
    /// A missing, empty or malformed file, columns that it does not have, roles in `columns` that
    /// mean nothing for rows of their own.
    pub fn open(
        path: impl AsRef<Path>,
        channels: &[String],
        columns: &Columns,
    ) -> Result<Self, DataError> {
        check(columns)?;
        let none = Columns {
            time: columns.time.clone(),
            time_format: columns.time_format.clone(),
            ..Default::default()
        };
        if none != *columns {
            let expected = "no role but time and time_format, where rows are read in parts";
            return Err(aster_base::SettingError::new("columns", expected, "others").into());
        }
        let file = ParquetFile::open(path.as_ref())?;
        let available = file.names();
        let find = |name: &String| {
            available.iter().position(|it| it == name).ok_or_else(|| DataError::UnknownColumn {
                column: name.clone(),
                available: available.clone(),
            })
        };
        Ok(Self {
            channels: channels.iter().map(find).collect::<Result<_, _>>()?,
            time: columns.time.as_ref().map(find).transpose()?,
            place: path.as_ref().display().to_string(),
            columns: none,
            file,
        })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.file.rows()
    }

    /// Reads some of the rows.
    ///
    /// # Errors
    /// Rows that the file does not have, columns that are not numeric, a row without a time.
    pub fn read(&self, rows: Range<usize>) -> Result<RowBlock, DataError> {
        if rows.is_empty() || rows.end > self.rows() {
            let what = "rows of the file";
            return Err(DataError::Length { what, expected: self.rows(), got: rows.end });
        }
        let values = self.file.numbers(&self.channels, rows.clone())?.values;
        let Some(time) = self.time else {
            return Ok(RowBlock { values, times: None, clock: Clock::Counts });
        };
        let name = self.file.names().swap_remove(time);
        let column = Column::new(name.clone(), self.file.cells(time, rows.clone())?);
        let place = Place { file: Some(self.place.clone()), lines: vec![] };
        let table = Table { columns: vec![column], rows: rows.len(), place, ..Default::default() };
        let times = named_times(&table, 0, &self.columns)?;
        let missing = |row: usize| DataError::MissingTime {
            column: name.clone(),
            place: format!("{}, row {}", self.place, rows.start + row),
        };
        let known = times.values.iter().enumerate().map(|(row, it)| it.ok_or_else(|| missing(row)));
        let known = known.collect::<Result<_, _>>()?;
        Ok(RowBlock { values, clock: times.clock(), times: Some(known) })
    }
}
