use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};

use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::read::columns::{Columns, only};
use crate::series::TimeSeries;

impl TimeSeries {
    /// Creates a series from an Arrow record batch: numbers and truth values become channels,
    /// nulls are missing, date-times become nanoseconds since the Unix epoch.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_array::{Float64Array, RecordBatch, TimestampSecondArray};
    /// use aster_data::{Columns, MissingPolicy, TimeSeries};
    ///
    /// let time = TimestampSecondArray::from(vec![60, 120]);
    /// let flow = Float64Array::from(vec![Some(1.5), None]);
    /// let batch =
    ///     RecordBatch::try_from_iter([("t", Arc::new(time) as _), ("flow", Arc::new(flow) as _)])?;
    /// let missing = MissingPolicy::ForwardFill;
    /// let series = TimeSeries::from_record_batch(&batch, &Columns::default(), missing)?;
    /// assert_eq!(series.values(), [1.5, 1.5]);
    /// assert_eq!(series.timestamps(), Some(&[60_000_000_000, 120_000_000_000][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Unknown columns, no feature column, columns of another type, labels other than 0 and 1,
    /// timestamps that are missing or go back, and gaps as the policy says.
    pub fn from_record_batch(
        batch: &RecordBatch,
        columns: &Columns,
        missing: MissingPolicy,
    ) -> Result<Self, DataError> {
        if batch.num_rows() == 0 {
            return Err(DataError::Empty { what: "the record batch".into() });
        }
        columns.check_time_of_day()?;
        let time = time_in(batch, columns)?;
        let role = |name: &str| time == Some(name) || columns.label.as_deref() == Some(name);
        let schema = batch.schema();
        let all = || schema.fields().iter().map(|field| field.name().clone());
        let features = columns.features.clone();
        let features = features.unwrap_or_else(|| all().filter(|name| !role(name)).collect());
        let read = |name: String| {
            let values = numbers(&name, column(batch, &name)?)?;
            Ok((name, values))
        };
        let read: Result<Vec<_>, DataError> = features.into_iter().map(read).collect();
        let mut series = Self::from_columns(missing.apply(read?)?)?;
        if let Some(name) = time {
            series = series.with_timestamps(times(name, column(batch, name)?)?)?;
        }
        match &columns.label {
            Some(name) => series.with_labels(labels(name, column(batch, name)?)?),
            None => Ok(series),
        }
    }
}

/// The column of timestamps that is named, or the only one of date-times.
fn time_in<'a>(batch: &'a RecordBatch, columns: &'a Columns) -> Result<Option<&'a str>, DataError> {
    if columns.time_format.is_some() {
        let expected = "none, for a record batch has no times as text";
        return Err(aster_base::SettingError::new("time_format", expected, "one").into());
    }
    if columns.time.is_some() || columns.features.is_some() {
        return Ok(columns.time.as_deref());
    }
    let dated = |kind: &DataType| {
        matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
    };
    let schema = batch.schema_ref();
    let dates = schema.fields().iter().filter(|field| dated(field.data_type()));
    Ok(only(dates).map(|field| field.name().as_str()))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, DataError> {
    let found = batch.column_by_name(name).map(|column| &**column);
    found.ok_or_else(|| DataError::UnknownColumn {
        column: name.into(),
        available: batch.schema().fields().iter().map(|field| field.name().clone()).collect(),
    })
}

/// Reads numbers of a primitive type, if it is one of those listed.
macro_rules! primitives {
    ($array:expr, $($kind:pat => $type:ty),+ $(,)?) => {
        match $array.data_type() {
            $($kind => Some(
                $array.as_primitive::<$type>().iter().map(|x| x.map(|x| x as f64)).collect(),
            ),)+
            _ => None,
        }
    };
}

/// The numbers of a column; nothing where it is of another type.
fn f64s(array: &dyn Array) -> Option<Vec<Option<f64>>> {
    if let Some(flags) = array.as_boolean_opt() {
        return Some(flags.iter().map(|flag| flag.map(f64::from)).collect());
    }
    primitives! { array,
        DataType::Float32 => Float32Type, DataType::Float64 => Float64Type,
        DataType::Int8 => Int8Type, DataType::Int16 => Int16Type,
        DataType::Int32 => Int32Type, DataType::Int64 => Int64Type,
        DataType::UInt8 => UInt8Type, DataType::UInt16 => UInt16Type,
        DataType::UInt32 => UInt32Type, DataType::UInt64 => UInt64Type,
    }
}

fn numbers(name: &str, array: &dyn Array) -> Result<Vec<f64>, DataError> {
    let values = f64s(array).ok_or_else(|| not_numeric(name, array))?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

fn labels(name: &str, array: &dyn Array) -> Result<Vec<bool>, DataError> {
    let values = f64s(array).ok_or_else(|| not_numeric(name, array))?;
    let label = |(row, value): (usize, Option<f64>)| match value {
        Some(0.0) => Ok(false),
        Some(1.0) => Ok(true),
        other => {
            let got = other.map_or("null".into(), |value| value.to_string());
            Err(DataError::BadLabel { row, got })
        }
    };
    values.into_iter().enumerate().map(label).collect()
}

fn times(name: &str, array: &dyn Array) -> Result<Vec<i64>, DataError> {
    /// Each value times the nanoseconds of its unit.
    macro_rules! scaled {
        ($type:ty, $factor:expr) => {
            array
                .as_primitive::<$type>()
                .iter()
                .map(|x| x.and_then(|x| i64::from(x).checked_mul($factor)))
                .collect()
        };
    }
    const DAY: i64 = 86_400 * 1_000_000_000;
    let times: Vec<Option<i64>> = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => scaled!(TimestampSecondType, 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled!(TimestampMillisecondType, 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => scaled!(TimestampMicrosecondType, 1000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => scaled!(TimestampNanosecondType, 1),
        DataType::Date32 => scaled!(Date32Type, DAY),
        DataType::Date64 => scaled!(Date64Type, 1_000_000),
        DataType::Int64 => scaled!(Int64Type, 1),
        DataType::Int32 => scaled!(Int32Type, 1),
        DataType::UInt32 => scaled!(UInt32Type, 1),
        other => {
            return Err(DataError::NotTime { column: name.into(), dtype: other.to_string() });
        }
    };
    match times.iter().position(Option::is_none) {
        Some(row) => Err(DataError::MissingTime { column: name.into(), row }),
        None => Ok(times.into_iter().flatten().collect()),
    }
}

fn not_numeric(name: &str, array: &dyn Array) -> DataError {
    DataError::NonNumeric { column: name.into(), dtype: array.data_type().to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray, UInt8Array};

    use super::*;

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 5] = [
            ("tick", Arc::new(Int64Array::from(vec![5, 6, 7]))),
            ("flow", Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0]))),
            ("open", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("label", Arc::new(UInt8Array::from(vec![0, 1, 0]))),
            ("note", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn columns() -> Columns {
        Columns {
            time: Some("tick".into()),
            label: Some("label".into()),
            features: Some(vec!["open".into(), "flow".into()]),
            ..Default::default()
        }
    }

    fn read(batch: &RecordBatch, columns: &Columns) -> Result<TimeSeries, DataError> {
        TimeSeries::from_record_batch(batch, columns, MissingPolicy::Error)
    }

    #[test]
    fn columns_have_their_roles() {
        let series = read(&batch(), &columns()).unwrap();
        assert_eq!(series.channels(), ["open", "flow"]);
        assert_eq!(series.values(), [1.0, 1.0, 0.0, 2.0, 1.0, 3.0]);
        assert_eq!(series.timestamps(), Some(&[5, 6, 7][..]));
        assert_eq!(series.labels(), Some(&[false, true, false][..]));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = read(&batch(), &Columns::default()).unwrap_err();
        assert!(error.to_string().contains("note"), "{error}");
        let unknown = Columns { time: Some("when".into()), ..columns() };
        assert!(read(&batch(), &unknown).unwrap_err().to_string().contains("when"));
        let label = Columns { label: Some("flow".into()), ..columns() };
        let error = read(&batch(), &label).unwrap_err();
        assert!(matches!(error, DataError::BadLabel { row: 1, .. }), "{error}");
        let format = Columns { time_format: Some("%Y".into()), ..columns() };
        assert!(matches!(read(&batch(), &format), Err(DataError::Setting(_))));
        assert!(matches!(read(&batch().slice(0, 0), &columns()), Err(DataError::Empty { .. })));
    }
}
