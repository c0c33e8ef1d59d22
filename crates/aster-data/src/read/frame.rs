//! Tables from data frames of polars.

use aster_base::DAY;
use polars::prelude::*;

use crate::error::DataError;
use crate::read::table::{Cells, Column as Cell, Table};
use crate::read::times::Times;

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
            let (unit, zone) = match kind {
                DataType::Datetime(unit, zone) => (nanoseconds(*unit), zone.as_ref()),
                _ => (DAY, None),
            };
            // Of a zone, too, they count instants. A cast would go round beyond what nanoseconds count.
            let counts = column.to_physical_repr().cast(&DataType::Int64)?;
            let times = counts.i64()?.iter().map(|count| match count {
                Some(count) => count.checked_mul(unit).map(Some),
                None => Some(None),
            });
            match times.collect::<Option<Vec<_>>>() {
                Some(times) => Cells::Times(Times::of_type(times, zone.map(|zone| zone.as_str()))),
                None => Cells::beyond_nanoseconds(kind),
            }
        }
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => {
            Cells::Texts(column.cast(&DataType::String)?.str()?.iter().collect())
        }
        kind => Cells::Other(kind.to_string()),
    })
}

/// Nanoseconds of a unit.
fn nanoseconds(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Nanoseconds => 1,
        TimeUnit::Microseconds => 1000,
        TimeUnit::Milliseconds => 1_000_000,
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

    #[test]
    fn times_of_any_unit_are_read_as_far_as_nanoseconds_count() {
        let timed = |unit, zone: Option<TimeZone>, counts: [i64; 2]| {
            let times = Series::new("time".into(), counts).cast(&DataType::Datetime(unit, zone));
            let frame = df!("time" => times.unwrap(), "a" => [1.0, 2.0]).unwrap();
            let series = TimeSeries::from_frame(&frame, &LoadOptions::default());
            series.map(|it| it.time(0).unwrap().to_string()).map_err(|error| error.to_string())
        };
        let utc = || TimeZone::opt_try_new(Some("UTC")).unwrap();
        let minutes = [1_709_251_200_000, 1_709_251_260_000];
        assert_eq!(timed(TimeUnit::Milliseconds, None, minutes), Ok("2024-03-01 00:00:00".into()));
        let finer = minutes.map(|time| time * 1000);
        assert_eq!(timed(TimeUnit::Microseconds, utc(), finer), Ok("2024-03-01 00:00:00Z".into()));
        // The year 9999.
        let beyond = timed(TimeUnit::Milliseconds, None, [0, 253_402_214_400_000]).unwrap_err();
        assert!(beyond.contains("beyond what nanoseconds count"), "{beyond}");
        let days = Series::new("time".into(), [19_783i32, 19_784]).cast(&DataType::Date).unwrap();
        let frame = df!("time" => days, "a" => [1.0, 2.0]).unwrap();
        let series = TimeSeries::from_frame(&frame, &LoadOptions::default()).unwrap();
        assert_eq!(series.time(0).unwrap().to_string(), "2024-03-01 00:00:00");
    }
}
