//! Tables from data frames of polars.

use polars::prelude::*;

use crate::error::DataError;
use crate::read::table::{Cells, Column as Cell, Table};
use crate::read::times::{TimeForm, Times};

/// Reads a data frame.
pub(crate) fn table(frame: &DataFrame) -> Result<Table<'static>, DataError> {
    if frame.height() == 0 {
        return Err(DataError::Empty { what: "the data frame".into() });
    }
    let columns = frame.columns().iter();
    let columns = columns.map(|it| Ok(Cell::new(it.name().as_str(), cells(it)?)));
    let columns = columns.collect::<Result<_, DataError>>()?;
    Ok(Table { columns, rows: frame.height(), ..Default::default() })
}

fn cells(column: &Column) -> Result<Cells<'static>, DataError> {
    let kind = column.dtype();
    Ok(match kind {
        // A column without one value has no type of its own.
        _ if column.null_count() == column.len() => {
            Cells::Numbers(vec![f64::NAN; column.len()].into())
        }
        DataType::Int64 => Cells::Integers(column.i64()?.iter().collect()),
        kind if kind.is_primitive_numeric() || kind.is_bool() || kind.is_decimal() => {
            let numbers = column.cast(&DataType::Float64)?;
            let numbers = numbers.f64()?.iter().map(|number| number.unwrap_or(f64::NAN));
            Cells::Numbers(numbers.collect())
        }
        DataType::Date | DataType::Datetime(..) => {
            let zone = match kind {
                DataType::Datetime(_, zone) => zone.as_ref().map(|zone| zone.to_string()),
                _ => None,
            };
            let nanoseconds = DataType::Datetime(TimeUnit::Nanoseconds, None);
            let local = match zone {
                // The instant, not the clock of the zone.
                Some(_) => {
                    column.cast(&DataType::Datetime(TimeUnit::Nanoseconds, time_zone(kind)))?
                }
                None => column.cast(&nanoseconds)?,
            };
            let values = local.cast(&DataType::Int64)?.i64()?.iter().collect();
            Cells::Times(match zone {
                Some(zone) => Times::in_named_zone(values, &zone),
                None => Times::new(values, TimeForm::Local),
            })
        }
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => {
            Cells::Texts(column.cast(&DataType::String)?.str()?.iter().collect())
        }
        kind => Cells::Other(kind.to_string()),
    })
}

fn time_zone(kind: &DataType) -> Option<TimeZone> {
    match kind {
        DataType::Datetime(_, zone) => zone.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::assemble::Loaded;
    use crate::read::columns::Columns;
    use crate::read::options::LoadOptions;
    use crate::series::TimeSeries;

    #[test]
    fn frames_are_read_as_batches_are() {
        let frame = df!(
            "epoch" => [1_709_251_200i64, 1_709_251_260],
            "a" => [1.5f32, 2.5],
            "b" => [Some(1i32), None],
            "open" => [true, false],
        );
        let mut options = LoadOptions::default();
        options.missing = crate::MissingPolicy::ForwardFill;
        let loaded = Loaded::from_frame(&frame.unwrap(), &options).unwrap();
        let series = &loaded.series;
        assert_eq!(series.values(), [1.5, 1.0, 1.0, 2.5, 1.0, 0.0]);
        assert_eq!(series.time(1).unwrap().to_string(), "2024-03-01 00:01:00Z");
        assert_eq!(loaded.report.channels[1].filled, 1);
        let lists = df!("a" => [1.0, 2.0], "l" => [Series::new("".into(), [1]), Series::new("".into(), [2])]);
        let error = TimeSeries::from_frame(&lists.unwrap(), &LoadOptions::default());
        assert!(error.unwrap_err().to_string().contains("\"l\" is not numeric"));
        let columns = Columns { id: Some("epoch".into()), ..Default::default() };
        let options = LoadOptions { columns, ..Default::default() };
        let frame = df!("epoch" => ["x", "y", "x"], "a" => [1.0, 2.0, 3.0]).unwrap();
        let each = Loaded::each_from_frame(&frame, &options).unwrap();
        assert_eq!((each[0].0.as_str(), each[0].1.series.values()), ("x", &[1.0, 3.0][..]));
    }
}
