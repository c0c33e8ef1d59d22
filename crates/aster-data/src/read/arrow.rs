//! Tables from Arrow record batches.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::table::{Cells, Column, Table, unique};
use crate::read::times::Times;

/// Reads a record batch, whose columns without gaps are not copied.
pub(crate) fn table(batch: &RecordBatch) -> Result<Table<'_>, DataError> {
    if batch.num_rows() == 0 {
        return Err(DataError::Empty { what: "the record batch".into() });
    }
    let schema = batch.schema_ref();
    let written: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let (names, renamed) = unique(&written);
    let cells: Vec<Cells> = batch.columns().par_iter().map(cells).collect();
    let columns = names.into_iter().zip(cells).map(|(name, cells)| Column::new(name, cells));
    Ok(Table { columns: columns.collect(), rows: batch.num_rows(), renamed, ..Default::default() })
}

/// The cells of a column. Conversions lose nothing but digits that a double cannot hold.
pub(crate) fn cells(array: &ArrayRef) -> Cells<'_> {
    let kind = array.data_type();
    let other = || Cells::Other(kind.to_string());
    let as_kind = |kind: &DataType| {
        let options = CastOptions { safe: false, ..Default::default() };
        cast_with_options(array, kind, &options).ok()
    };
    match kind {
        // A column without one value has no type of its own.
        DataType::Null => Cells::Numbers(vec![f64::NAN; array.len()].into()),
        DataType::Float64 if array.null_count() == 0 => {
            Cells::Numbers(Cow::Borrowed(array.as_primitive::<Float64Type>().values()))
        }
        DataType::Int64 => Cells::Integers(array.as_primitive::<Int64Type>().iter().collect()),
        DataType::UInt64 => {
            let numbers = array.as_primitive::<UInt64Type>();
            let whole = numbers.iter().map(|it| it.map(i64::try_from).transpose());
            match whole.collect::<Result<_, _>>() {
                Ok(whole) => Cells::Integers(whole),
                Err(_) => Cells::Numbers(
                    numbers.iter().map(|it| it.map_or(f64::NAN, |it| it as f64)).collect(),
                ),
            }
        }
        DataType::Boolean
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => match as_kind(&DataType::Float64) {
            Some(numbers) => {
                let numbers = numbers.as_primitive::<Float64Type>();
                match numbers.null_count() {
                    0 => Cells::Numbers(numbers.values().to_vec().into()),
                    _ => Cells::Numbers(
                        numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect(),
                    ),
                }
            }
            None => other(),
        },
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            let zone = match kind {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
            match as_kind(&nanoseconds) {
                Some(times) => {
                    let times = times.as_primitive::<TimestampNanosecondType>();
                    let times = times.iter().collect();
                    Cells::Times(Times::of_type(times, zone.as_deref()))
                }
                None => Cells::beyond_nanoseconds(kind),
            }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match as_kind(&DataType::Utf8)
        {
            Some(texts) => Cells::Texts(texts.as_string::<i32>().iter().collect()),
            None => other(),
        },
        DataType::Dictionary(_, values) => match as_kind(values) {
            Some(values) => cells(&values).into_owned(),
            None => other(),
        },
        _ => other(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Int64Array, ListArray,
        StringArray, TimestampMillisecondArray, UInt8Array,
    };

    use super::*;
    use crate::read::columns::Columns;
    use crate::read::options::LoadOptions;
    use crate::series::TimeSeries;

    fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
        RecordBatch::try_from_iter(columns.iter().cloned()).unwrap()
    }

    fn mixed() -> RecordBatch {
        batch(&[
            ("tick", Arc::new(Int64Array::from(vec![5, 6, 7]))),
            ("flow", Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0]))),
            ("open", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("label", Arc::new(UInt8Array::from(vec![0, 1, 0]))),
            ("note", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ])
    }

    fn roles(change: impl FnOnce(&mut Columns)) -> LoadOptions {
        let mut columns = Columns {
            time: Some("tick".into()),
            features: Some(vec!["open".into(), "flow".into()]),
            ..Default::default()
        };
        change(&mut columns);
        LoadOptions { columns, ..Default::default() }
    }

    fn read(batch: &RecordBatch, options: &LoadOptions) -> Result<TimeSeries, DataError> {
        TimeSeries::from_record_batch(batch, options)
    }

    #[test]
    fn columns_have_their_roles() {
        let series = read(&mixed(), &roles(|it| it.label = Some("label".into()))).unwrap();
        assert_eq!(series.channels(), ["open", "flow"]);
        assert_eq!(series.values(), [1.0, 1.0, 0.0, 2.0, 1.0, 3.0]);
        assert_eq!(series.timestamps(), Some(&[5, 6, 7][..]));
        assert_eq!(series.labels(), Some(&[false, true, false][..]));
    }

    #[test]
    fn timestamps_keep_their_zone_and_decimals_and_dictionaries_are_numbers() {
        let time = TimestampMillisecondArray::from(vec![1_709_251_200_000, 1_709_251_260_000]);
        let words: DictionaryArray<arrow_array::types::Int8Type> =
            vec!["on", "off"].into_iter().collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("at", Arc::new(time.with_timezone("Europe/Berlin"))),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![150, 225]).with_precision_and_scale(9, 2).unwrap(),
                ),
            ),
            ("state", Arc::new(words)),
        ];
        let options = roles(|it| {
            (it.time, it.features) = (None, None);
            it.categorical = vec![crate::read::Categorical::of("state")];
        });
        let series = read(&batch(&columns), &options).unwrap();
        assert_eq!(series.channels(), ["price", "state=off", "state=on"]);
        assert_eq!(series.values(), [1.5, 0.0, 1.0, 2.25, 1.0, 0.0]);
        assert_eq!(series.time(1).unwrap().to_string(), "2024-03-01 01:01:00+01:00");
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = read(&mixed(), &LoadOptions::default()).unwrap_err();
        assert!(error.to_string().contains("note"), "{error}");
        let unknown = read(&mixed(), &roles(|it| it.time = Some("when".into()))).unwrap_err();
        assert!(unknown.to_string().contains("when"));
        let label = roles(|it| {
            (it.label, it.features) = (Some("flow".into()), Some(vec!["open".into()]));
        });
        let error = read(&mixed(), &label).unwrap_err();
        assert!(matches!(error, DataError::BadLabel { .. }), "{error}");
        let format = roles(|it| it.time_format = Some("%Y".into()));
        assert!(matches!(read(&mixed(), &format), Err(DataError::Setting(_))));
        let empty = read(&mixed().slice(0, 0), &LoadOptions::default());
        assert!(matches!(empty, Err(DataError::Empty { .. })));
        let lists =
            ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>(vec![Some(
                vec![Some(1)],
            )]);
        let error = read(&batch(&[("lists", Arc::new(lists))]), &LoadOptions::default());
        assert!(error.unwrap_err().to_string().contains("\"lists\" is not numeric"));
    }
}
