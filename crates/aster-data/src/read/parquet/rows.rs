use std::ops::Range;
use std::path::Path;

use aster_base::Clock;
use rayon::prelude::*;

use super::file::ParquetFile;
use crate::error::DataError;
use crate::read::columns::Columns;
use crate::read::roles::{check, named_times};
use crate::read::table::{Column, Place, Table};

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
        let names = self.file.names();
        let needed: Vec<usize> = self.channels.iter().copied().chain(self.time).collect();
        let read =
            |at: &usize| Ok(Column::new(names[*at].clone(), self.file.cells(*at, rows.clone())?));
        let columns: Result<Vec<Column>, DataError> = needed.par_iter().map(read).collect();
        let place = Place { file: Some(self.place.clone()), lines: vec![] };
        let (count, columns) = (rows.len(), columns?);
        let table = Table { columns, rows: count, place, ..Default::default() };
        let width = self.channels.len();
        let mut values = vec![0.0; count * width];
        for channel in 0..width {
            let numbers = table.numbers(channel)?;
            let places = values.iter_mut().skip(channel).step_by(width);
            places.zip(numbers.iter()).for_each(|(place, value)| *place = *value);
        }
        let Some(_) = self.time else {
            return Ok(RowBlock { values, times: None, clock: Clock::Counts });
        };
        let times = named_times(&table, width, &self.columns)?;
        let missing = |row: usize| DataError::MissingTime {
            column: table.columns[width].name.clone(),
            place: format!("{}, row {}", self.place, rows.start + row),
        };
        let known = times.values.iter().enumerate().map(|(row, it)| it.ok_or_else(|| missing(row)));
        let known = known.collect::<Result<_, _>>()?;
        Ok(RowBlock { values, clock: times.clock(), times: Some(known) })
    }
}
