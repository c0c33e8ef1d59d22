//! Series from the columns of a query.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema};
use aster::data::{
    Columns, DataError, DuplicateTimes, LoadOptions, MissingPolicy, RowOrder, TimeSeries,
};
use datafusion::error::{DataFusionError, Result};

use crate::error::SqlError;

/// Checks that a column can be a channel.
pub(crate) fn check_channel(function: &'static str, kind: &DataType) -> Result<()> {
    let inner = match kind {
        DataType::Dictionary(_, values) => values,
        kind => kind,
    };
    match inner.is_numeric() || matches!(inner, DataType::Boolean | DataType::Null) {
        true => Ok(()),
        false => {
            let (expected, got) = ("columns of numbers as channels".into(), kind.to_string());
            Err(SqlError::Argument { function, expected, got }.into())
        }
    }
}

/// A table of columns by their fields.
pub(crate) fn table(fields: &[FieldRef], columns: &[ArrayRef]) -> Result<RecordBatch> {
    // Whether there are missing values is seen from these, not from what was planned.
    let fields = fields.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true)));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.to_vec()).map_err(DataFusionError::from)
}

/// The series of a table, whose column of times, if it has one, is named, and says the order of rows.
pub(crate) fn series(
    table: &RecordBatch,
    time: Option<&str>,
    missing: MissingPolicy,
) -> Result<TimeSeries, DataError> {
    let names = table.schema_ref().fields().iter().map(|field| field.name().clone());
    let mut columns = Columns::default();
    columns.time = time.map(String::from);
    columns.features = Some(names.filter(|name| Some(name.as_str()) != time).collect());
    let mut options = LoadOptions::default();
    (options.columns, options.missing) = (columns, missing);
    (options.order, options.duplicates) = (RowOrder::Sort, DuplicateTimes::Error);
    if time.is_none() {
        (options.order, options.duplicates) = (RowOrder::Keep, DuplicateTimes::Keep);
    }
    TimeSeries::from_record_batch(table, &options)
}
