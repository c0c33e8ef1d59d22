use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::arrow::cells;
use crate::read::columns::Columns;
use crate::read::matrix::Matrix;
use crate::read::open::open;
use crate::read::table::{Cells, Column, Place, Table, doubles, unique};

/// Rows that are decoded at a time, which fit a core's cache.
const BATCH: usize = 1 << 14;

/// A Parquet file of which the description has been read.
#[derive(Debug, Clone)]
pub(crate) struct ParquetFile {
    metadata: ArrowReaderMetadata,
    path: std::path::PathBuf,
}

impl ParquetFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let options = ArrowReaderOptions::new();
        let load = || Ok(ArrowReaderMetadata::load(&open(path)?, options)?);
        Ok(Self { metadata: guarded(path, load)?, path: path.into() })
    }

    pub(crate) fn rows(&self) -> usize {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        usize::try_from(rows).unwrap_or(0)
    }

    /// Names of the columns, as they are written.
    pub(crate) fn names(&self) -> Vec<String> {
        let fields = self.metadata.schema().fields();
        fields.iter().map(|field| field.name().clone()).collect()
    }

    /// Some rows of a column. Reading several at the same time needs a file each: they would share
    /// one's position.
    pub(crate) fn cells(
        &self,
        column: usize,
        rows: Range<usize>,
    ) -> Result<Cells<'static>, DataError> {
        guarded(&self.path, || self.decode(column, rows))
    }

    /// Some rows of columns of numbers, NaN where missing, row by row.
    pub(crate) fn numbers(
        &self,
        columns: &[usize],
        rows: Range<usize>,
    ) -> Result<Matrix, DataError> {
        guarded(&self.path, || self.decode_numbers(columns, rows))
    }

    fn decode_numbers(&self, columns: &[usize], rows: Range<usize>) -> Result<Matrix, Fault> {
        /// Rows that fit a core's first cache.
        const BLOCK: usize = 64;
        let width = columns.len();
        let readers = columns.iter().map(|column| self.reader(*column, rows.clone()));
        let mut readers = readers.collect::<Result<Vec<_>, Fault>>()?;
        // What a damaged file claims is not what it holds: beyond what its size makes likely, memory
        // is taken as rows come. Fresh zeros cost nothing until threads write over them.
        let size = open(&self.path)?.metadata().map_or(0, |metadata| metadata.len() as usize);
        let claimed = rows.len().saturating_mul(width);
        let mut values = vec![0.0; if claimed <= size.saturating_mul(2) { claimed } else { 0 }];
        let mut from = 0;
        loop {
            let batches: Vec<Option<_>> = readers.par_iter_mut().map(Iterator::next).collect();
            let batches = batches.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
            let arrays: Vec<&ArrayRef> =
                batches.iter().filter_map(|batch| batch.columns().first()).collect();
            let Some(first) = arrays.first() else { break };
            let count = first.len();
            if arrays.len() != width || arrays.iter().any(|array| array.len() != count) {
                return Err(DataError::Malformed { path: self.path.clone() }.into());
            }
            let named = columns.par_iter().zip(arrays);
            let parts = named.map(|(column, array)| self.numbers_of(*column, array));
            let parts = parts.collect::<Result<Vec<Floats>, Fault>>()?;
            let to = from + count * width;
            values.resize(values.len().max(to), 0.0);
            values[from..to].par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, rows)| {
                for (column, part) in parts.iter().enumerate() {
                    let places = rows.iter_mut().skip(column).step_by(width);
                    part.write(block * BLOCK, places);
                }
            });
            from = to;
        }
        values.truncate(from);
        Ok(Matrix { values, width })
    }

    fn numbers_of<'a>(&self, column: usize, array: &'a ArrayRef) -> Result<Floats<'a>, Fault> {
        if let Some(single) = array.as_primitive_opt::<Float32Type>()
            && array.null_count() == 0
        {
            return Ok(Floats::Single(single.values()));
        }
        match cells(array) {
            Cells::Numbers(numbers) => Ok(Floats::Double(numbers)),
            Cells::Integers(numbers) => Ok(Floats::Double(doubles(&numbers).collect())),
            _ => {
                let field = self.metadata.schema().field(column);
                let (column, dtype) = (field.name().clone(), field.data_type().to_string());
                Err(DataError::NonNumeric { column, dtype }.into())
            }
        }
    }

    /// Reads some rows of a column, in batches.
    fn reader(&self, column: usize, rows: Range<usize>) -> Result<ParquetRecordBatchReader, Fault> {
        // Only row groups that hold some of the rows are looked at.
        let (mut groups, mut before, mut at) = (vec![], 0, 0);
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let size = usize::try_from(group.num_rows()).unwrap_or(0);
            if at + size <= rows.start {
                before = at + size;
            } else if at < rows.end {
                groups.push(number);
            }
            at += size;
        }
        let file = open(&self.path)?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
        let builder = builder.with_projection(mask).with_row_groups(groups).with_batch_size(BATCH);
        let builder = match rows.start - before {
            0 => builder,
            offset => builder.with_offset(offset),
        };
        Ok(builder.with_limit(rows.len()).build()?)
    }

    fn decode(&self, column: usize, rows: Range<usize>) -> Result<Cells<'static>, Fault> {
        let mut all: Option<Cells<'static>> = None;
        for batch in self.reader(column, rows)? {
            let batch = batch?;
            let Some(array) = batch.columns().first() else { continue };
            append(&mut all, array);
        }
        let kind = || self.metadata.schema().field(column).data_type().to_string();
        Ok(all.unwrap_or_else(|| Cells::Other(kind())))
    }

    /// Whether a column holds numbers that a double holds.
    fn is_numeric(&self, column: usize) -> bool {
        use DataType::{Boolean, Int8, Int16, Int32, UInt8, UInt16, UInt32};
        let kind = self.metadata.schema().field(column).data_type();
        kind.is_floating()
            || kind.is_decimal()
            || matches!(kind, Boolean | Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32)
    }
}

/// Numbers of a column, NaN where missing.
enum Floats<'a> {
    Single(&'a [f32]),
    Double(Cow<'a, [f64]>),
}

impl Floats<'_> {
    /// Writes them from a row on, as far as the places go.
    fn write<'p>(&self, from: usize, places: impl Iterator<Item = &'p mut f64>) {
        match self {
            Self::Single(values) => {
                places.zip(&values[from..]).for_each(|(place, value)| *place = f64::from(*value));
            }
            Self::Double(values) => {
                places.zip(&values[from..]).for_each(|(place, value)| *place = *value);
            }
        }
    }
}

fn append(all: &mut Option<Cells<'static>>, array: &ArrayRef) {
    let more = cells(array).into_owned();
    match (all.as_mut(), more) {
        (None, more) => *all = Some(more),
        (Some(Cells::Numbers(numbers)), Cells::Numbers(more)) => {
            numbers.to_mut().extend_from_slice(&more);
        }
        (Some(Cells::Integers(numbers)), Cells::Integers(more)) => numbers.extend(more),
        // Beyond the largest signed one, unsigned numbers become doubles.
        (Some(Cells::Numbers(numbers)), Cells::Integers(more)) => {
            numbers.to_mut().extend(doubles(&more));
        }
        (Some(Cells::Integers(numbers)), Cells::Numbers(more)) => {
            let before = doubles(numbers);
            *all = Some(Cells::Numbers(before.chain(more.iter().copied()).collect()));
        }
        (Some(Cells::Texts(texts)), Cells::Texts(more)) => texts.append(&more),
        (Some(Cells::Times(times)), Cells::Times(more)) => {
            times.values.extend(more.values);
            if let (Some(offsets), Some(more)) = (&mut times.offsets, more.offsets) {
                offsets.extend(more);
            }
        }
        // Batches of a column have one type.
        (Some(all), Cells::Other(kind)) => *all = Cells::Other(kind),
        _ => (),
    }
}

/// Reads a whole file, but for the columns that nothing needs.
pub(crate) fn read(path: &Path, roles: &Columns) -> Result<Table<'static>, DataError> {
    let file = ParquetFile::open(path)?;
    let rows = file.rows();
    if rows == 0 {
        return Err(DataError::Empty { what: path.display().to_string() });
    }
    let (names, renamed) = unique(&file.names());
    let needed = needed(roles);
    let is_needed = |at: usize| needed.as_ref().is_none_or(|it| it.contains(&names[at]));
    let numeric: Vec<usize> =
        (0..names.len()).filter(|at| is_needed(*at) && file.is_numeric(*at)).collect();
    let numbers = file.numbers(&numeric, 0..rows)?;
    let read = |(at, _): (usize, &String)| match numeric.binary_search(&at) {
        Ok(place) => Ok(Cells::InRows(place)),
        Err(_) if !is_needed(at) => Ok(Cells::Other("nothing".into())),
        Err(_) => file.cells(at, 0..rows),
    };
    let cells: Vec<Result<Cells, DataError>> = names.par_iter().enumerate().map(read).collect();
    let cells = cells.into_iter().collect::<Result<Vec<_>, _>>()?;
    let lengths = cells.iter().all(|cells| cells.len().is_none_or(|length| length == rows));
    if !lengths || numbers.values.len() != rows * numeric.len() {
        return Err(DataError::Malformed { path: path.into() });
    }
    let columns = names.into_iter().zip(cells).map(|(name, cells)| Column::new(name, cells));
    let place = Place { file: Some(path.display().to_string()), lines: vec![] };
    Ok(Table { columns: columns.collect(), rows, place, renamed, numbers, csv: None })
}

/// The columns that have a role, where all of them are named.
fn needed(roles: &Columns) -> Option<HashSet<&String>> {
    let features = roles.features.as_ref().filter(|_| roles.channel.is_none())?;
    let named = [&roles.time, &roles.time_of_day, &roles.label, &roles.id];
    let categorical = roles.categorical.iter().map(|it| &it.column);
    Some(named.into_iter().flatten().chain(features).chain(categorical).collect())
}

/// What goes wrong while a file is read.
pub(crate) enum Fault {
    Data(DataError),
    Parquet(ParquetError),
}

impl From<DataError> for Fault {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Self::Parquet(error.into())
    }
}

/// Reads a file whose damage might make the reader panic.
pub(crate) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, DataError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(Fault::Data(error))) => Err(error),
        Ok(Err(Fault::Parquet(source))) => Err(DataError::Parquet { path: path.into(), source }),
        Err(_) => Err(DataError::Malformed { path: path.into() }),
    }
}
