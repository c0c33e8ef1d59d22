use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::arrow::cells;
use crate::read::columns::Columns;
use crate::read::open::open;
use crate::read::table::{Cells, Column, Place, Table, unique};

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

    fn decode(&self, column: usize, rows: Range<usize>) -> Result<Cells<'static>, Fault> {
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
        let mut all: Option<Cells<'static>> = None;
        for batch in builder.with_limit(rows.len()).build()? {
            let batch = batch?;
            let Some(array) = batch.columns().first() else { continue };
            match (&mut all, floats(array)) {
                (Some(Cells::Numbers(numbers)), Some(floats)) => floats.append_to(numbers.to_mut()),
                (None, Some(floats)) => {
                    let mut numbers = Vec::with_capacity(rows.len());
                    floats.append_to(&mut numbers);
                    all = Some(Cells::Numbers(numbers.into()));
                }
                _ => append(&mut all, array),
            }
        }
        let kind = || self.metadata.schema().field(column).data_type().to_string();
        Ok(all.unwrap_or_else(|| Cells::Other(kind())))
    }
}

/// Floating-point numbers without gaps: most columns, which take no detour.
enum Floats<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

fn floats(array: &ArrayRef) -> Option<Floats<'_>> {
    let single = || Some(Floats::Single(array.as_primitive_opt::<Float32Type>()?.values()));
    let double = || Some(Floats::Double(array.as_primitive_opt::<Float64Type>()?.values()));
    if array.null_count() == 0 { single().or_else(double) } else { None }
}

impl Floats<'_> {
    fn append_to(&self, numbers: &mut Vec<f64>) {
        match self {
            Self::Single(values) => numbers.extend(values.iter().copied().map(f64::from)),
            Self::Double(values) => numbers.extend_from_slice(values),
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
            let more = more.iter().map(|it| it.map_or(f64::NAN, |it| it as f64));
            numbers.to_mut().extend(more);
        }
        (Some(Cells::Integers(numbers)), Cells::Numbers(more)) => {
            let before = numbers.iter().map(|it| it.map_or(f64::NAN, |it| it as f64));
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
    let read = |(at, name): (usize, &String)| match &needed {
        Some(needed) if !needed.contains(name) => Ok(Cells::Other("nothing".into())),
        _ => file.cells(at, 0..rows),
    };
    let cells: Vec<Result<Cells, DataError>> = names.par_iter().enumerate().map(read).collect();
    let cells = cells.into_iter().collect::<Result<Vec<_>, _>>()?;
    let lengths = cells.iter().all(|cells| cells.len().is_none_or(|length| length == rows));
    if !lengths {
        return Err(DataError::Malformed { path: path.into() });
    }
    let columns = names.into_iter().zip(cells).map(|(name, cells)| Column::new(name, cells));
    let place = Place { file: Some(path.display().to_string()), lines: vec![] };
    Ok(Table { columns: columns.collect(), rows, place, renamed, ..Default::default() })
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
