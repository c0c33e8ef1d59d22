use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::*;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::missing::MissingPolicy;
use crate::read::columns::{Columns, Custom, only};
use crate::read::csv::{self, CsvFormat, Table};
use crate::read::open::open;
use crate::read::time::{TimeFault, read_by_format, read_times};
use crate::series::TimeSeries;

impl Columns {
    /// The column of timestamps of a table, if there is one.
    fn time_in<'a>(&self, frame: &'a DataFrame) -> Result<Option<&'a Column>, DataError> {
        if self.time.is_some() || self.features.is_some() {
            return self.time.as_deref().map(|name| column(frame, name)).transpose();
        }
        let is_date =
            |column: &&Column| matches!(column.dtype(), DataType::Date | DataType::Datetime(..));
        let named = |column: &&Column| {
            column.dtype().is_primitive_numeric() && Custom::TIME.has(column.name())
        };
        let dated = only(frame.columns().iter().filter(is_date));
        Ok(dated.or_else(|| only(frame.columns().iter().filter(named))))
    }
}

/// Options of the loaders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Roles of the columns.
    pub columns: Columns,
    /// Format of the file; CSV only.
    pub csv: CsvFormat,
    /// Imputation of missing values.
    pub missing: MissingPolicy,
}

impl TimeSeries {
    /// Reads a CSV file.
    ///
    /// # Errors
    /// A missing, empty or malformed file, and all of [`TimeSeries::from_frame`].
    pub fn from_csv(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        let Table { frame, faults } = csv::read(path.as_ref(), &options.csv, &options.columns)?;
        Self::of_table(&frame, options, Some(faults))
    }

    /// Reads a Parquet file.
    ///
    /// # Errors
    /// A missing, empty or malformed file, and all of [`TimeSeries::from_frame`].
    pub fn from_parquet(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self, DataError> {
        Self::from_frame(&read_parquet(path.as_ref())?, options)
    }

    /// Builds a series from a polars frame.
    ///
    /// # Errors
    /// Unknown columns, no feature column, columns that are not numeric, labels
    /// other than 0 and 1, timestamps that go back, and gaps as the policy says.
    pub fn from_frame(frame: &DataFrame, options: &LoadOptions) -> Result<Self, DataError> {
        Self::of_table(frame, options, None)
    }

    /// `faults` say why columns of a CSV file are text.
    fn of_table(
        frame: &DataFrame,
        options: &LoadOptions,
        mut faults: Option<BTreeMap<String, DataError>>,
    ) -> Result<Self, DataError> {
        if frame.height() == 0 {
            return Err(DataError::Empty { what: "the table".into() });
        }
        let roles = &options.columns;
        if faults.is_none() {
            roles.check_time_of_day()?;
        }
        let time = roles.time_in(frame)?;
        let label = match (&roles.label, &roles.features) {
            (Some(name), _) => Some(column(frame, name)?),
            (None, Some(_)) => None,
            (None, None) => label_in(frame),
        };
        let role = |name: &str| [time, label].into_iter().flatten().any(|role| role.name() == name);
        let is_feature = |name: &&str| !role(name) && !frame.column(name).is_ok_and(is_index);
        let names: Vec<&str> = match &roles.features {
            Some(features) => features.iter().map(String::as_str).collect(),
            None => frame
                .get_column_names()
                .into_iter()
                .map(|n| n.as_str())
                .filter(is_feature)
                .collect(),
        };
        let read = |name: &&str| floats(column(frame, name)?);
        // Collected before it is searched for errors, so that the first column's is told.
        let columns: Vec<Result<_, DataError>> = names.par_iter().map(read).collect();
        let columns = columns.into_iter().zip(&names).map(|(column, name)| {
            column.map_err(|error| match error {
                DataError::NonNumeric { .. } => {
                    faults.as_mut().and_then(|it| it.remove(*name)).unwrap_or(error)
                }
                error => error,
            })
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let named = || names.iter().map(|name| (*name).to_string());
        let complete: Option<Vec<&[f64]>> = columns.par_iter().map(complete).collect();
        let mut series = match complete {
            Some(columns) => Self::from_columns(named().zip(columns).collect())?,
            None => {
                let columns = named().zip(columns.iter().map(with_gaps)).collect();
                Self::from_columns(options.missing.apply(columns)?)?
            }
        };
        if let Some(time) = time {
            let times = timestamps(time, roles.time_format.as_deref())?;
            series = series.with_timestamps(times)?;
        }
        if let Some(label) = label {
            series = series.with_labels(labels(label)?)?;
        }
        Ok(series)
    }
}

/// The column of zeros and ones whose name says label, if there is exactly one.
fn label_in(frame: &DataFrame) -> Option<&Column> {
    let labels = |column: &&Column| {
        Custom::LABEL.has(column.name())
            && floats(column).is_ok_and(|values| {
                values.iter().all(|value| value == Some(0.0) || value == Some(1.0))
            })
    };
    only(frame.columns().iter().filter(labels))
}

/// Tells the index that data frames are written with: without a name of its own, it counts rows.
fn is_index(column: &Column) -> bool {
    let unnamed =
        ["", "index"].contains(&column.name().as_str()) || column.name().starts_with("Unnamed: ");
    let counts = |values: &Float64Chunked| {
        let first = values.get(0).unwrap_or(f64::NAN);
        let whole = values.iter().enumerate().all(|(row, value)| value == Some(first + row as f64));
        [0.0, 1.0].contains(&first) && whole
    };
    unnamed && floats(column).is_ok_and(|values| counts(&values))
}

/// Reads a CSV file whose roles are still open.
pub(crate) fn read_csv(path: &Path, format: &CsvFormat) -> Result<DataFrame, DataError> {
    Ok(csv::read(path, format, &Columns::default())?.frame)
}

pub(crate) fn read_parquet(path: &Path) -> Result<DataFrame, DataError> {
    guarded(path, || Ok(ParquetReader::new(open(path)?).finish()?))
}

/// Reads a file with polars, which panics on some malformed ones.
pub(crate) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, DataError>,
) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(DataError::Malformed { path: path.into() }))
}

/// A column by name; the error lists the columns there are.
pub(crate) fn column<'a>(frame: &'a DataFrame, name: &str) -> Result<&'a Column, DataError> {
    frame.column(name).map_err(|_| DataError::UnknownColumn {
        column: name.into(),
        available: column_names(frame),
    })
}

pub(crate) fn column_names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().into_iter().map(|name| name.to_string()).collect()
}

pub(crate) fn floats(column: &Column) -> Result<Float64Chunked, DataError> {
    let dtype = column.dtype();
    // A column without one value has no type of its own; CSV calls it text.
    if column.null_count() == column.len() {
        return Ok(Float64Chunked::full_null(column.name().clone(), column.len()));
    }
    if !(dtype.is_primitive_numeric() || dtype.is_bool() || dtype.is_decimal()) {
        return Err(DataError::NonNumeric {
            column: column.name().to_string(),
            dtype: dtype.to_string(),
        });
    }
    Ok(column.cast(&DataType::Float64)?.f64()?.rechunk().into_owned())
}

/// The values of a column without gaps, which need no copy.
fn complete(column: &Float64Chunked) -> Option<&[f64]> {
    column.cont_slice().ok().filter(|values| values.iter().all(|value| value.is_finite()))
}

pub(crate) fn with_gaps(column: &Float64Chunked) -> Vec<f64> {
    column.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

pub(crate) fn timestamps(column: &Column, format: Option<&str>) -> Result<Vec<i64>, DataError> {
    let name = column.name().to_string();
    let nanoseconds = DataType::Datetime(TimeUnit::Nanoseconds, None);
    let column = match column.dtype() {
        DataType::String => return times_of_text(&name, column.str()?, format),
        DataType::Date | DataType::Datetime(..) => {
            column.cast(&nanoseconds)?.cast(&DataType::Int64)?
        }
        dtype if dtype.is_float() => {
            let numbers = column.cast(&DataType::Float64)?;
            let numbers = numbers.f64()?;
            let whole = numbers.iter().flatten().all(|number| number.fract() == 0.0);
            // A fraction is not cut: billionths of the unit, which are nanoseconds of seconds.
            let unit = if whole { 1.0 } else { 1e9 };
            let times = numbers.iter().map(|number| number.map(|number| (unit * number) as i64));
            times.collect::<Int64Chunked>().into_column()
        }
        dtype if dtype.is_primitive_numeric() => column.cast(&DataType::Int64)?,
        dtype => return Err(DataError::NotTime { column: name, dtype: dtype.to_string() }),
    };
    let missing = |row| DataError::MissingTime { column: name.clone(), row };
    column.i64()?.iter().enumerate().map(|(row, t)| t.ok_or_else(|| missing(row))).collect()
}

fn times_of_text(
    column: &str,
    cells: &StringChunked,
    format: Option<&str>,
) -> Result<Vec<i64>, DataError> {
    let times = match format {
        Some(format) => read_by_format(cells.iter(), format),
        None => read_times(cells.iter().collect::<Vec<_>>().iter().copied()),
    };
    let times = times.map_err(|fault| match fault {
        TimeFault::Ambiguous => DataError::AmbiguousTime { column: column.into() },
        TimeFault::Cell(row) => {
            let expected = format.map_or("a date-time or a number".into(), |it| format!("{it:?}"));
            let cell = cells.get(row).unwrap_or_default().into();
            DataError::TimeCell {
                place: format!("row {row}"),
                column: column.into(),
                expected,
                cell,
            }
        }
    })?;
    let missing = |row| DataError::MissingTime { column: column.into(), row };
    let times = times.values.into_iter().enumerate();
    times.map(|(row, time)| time.ok_or_else(|| missing(row))).collect()
}

fn labels(column: &Column) -> Result<Vec<bool>, DataError> {
    binary(&with_gaps(&floats(column)?))
}

/// Labels from numbers that must be 0 or 1.
pub(crate) fn binary(values: &[f64]) -> Result<Vec<bool>, DataError> {
    let label = |(row, value): (usize, &f64)| match *value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(DataError::BadLabel { row, got: value.to_string() }),
    };
    values.iter().enumerate().map(label).collect()
}

/// Adds a column `label` that is 0 where a textual status is `normal`, else 1.
pub(crate) fn label_from_status(
    frame: &mut DataFrame,
    status: &str,
    normal: &str,
) -> Result<(), DataError> {
    let label = |text: Option<&str>| i32::from(text.is_some_and(|text| text.trim() != normal));
    let labels: Vec<i32> = column(frame, status)?.str()?.iter().map(label).collect();
    frame.with_column(Column::new("label".into(), labels))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn csv(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn load(text: &str, columns: Columns) -> Result<TimeSeries, DataError> {
        TimeSeries::from_csv(csv(text).path(), &LoadOptions { columns, ..Default::default() })
    }

    #[test]
    fn roles_delimiter_decimals_and_dates() {
        let file = csv("t;a;b;y\n2024-01-01 00:00:00;1,5;2;0\n2024-01-01 00:00:10;2,5;3;1\n");
        let options = LoadOptions {
            columns: Columns {
                time: Some("t".into()),
                label: Some("y".into()),
                ..Default::default()
            },
            csv: CsvFormat {
                delimiter: Some(';'),
                decimal_comma: Some(true),
                ..Default::default()
            },
            ..Default::default()
        };
        let series = TimeSeries::from_csv(file.path(), &options).unwrap();
        assert_eq!(series.channels(), ["a", "b"]);
        assert_eq!(series.values(), [1.5, 2.0, 2.5, 3.0]);
        assert_eq!(series.labels(), Some(&[false, true][..]));
        let times = series.timestamps().unwrap();
        assert_eq!(times[1] - times[0], 10_000_000_000);
        assert_eq!(times[0], 1_704_067_200_000_000_000);
    }

    #[test]
    fn the_only_column_of_dates_is_the_time() {
        let one = "a,when\n1,2024-01-01T00:00:00\n2,2024-01-01T00:00:10\n";
        let series = load(one, Columns::default()).unwrap();
        assert_eq!((series.channels(), series.rows()), (&["a".to_string()][..], 2));
        assert_eq!(series.timestamps().unwrap()[0], 1_704_067_200_000_000_000);
        let features = Columns { features: Some(vec!["a".into()]), ..Default::default() };
        assert_eq!(
            load(one, features).unwrap().timestamps(),
            None,
            "what is named is all there is"
        );
        let misspelt = Columns { time: Some("wen".into()), ..Default::default() };
        let unknown = load(one, misspelt);
        assert!(matches!(unknown, Err(DataError::UnknownColumn { column, .. }) if column == "wen"));
        let two = "begin,end,a\n2024-01-01,2024-01-02,1\n2024-01-02,2024-01-03,2\n";
        let ambiguous = load(two, Columns::default());
        assert!(
            matches!(ambiguous, Err(DataError::NonNumeric { column, .. }) if column == "begin")
        );
    }

    #[test]
    fn dates_and_times_of_the_day_make_one_time_where_they_can() {
        let load = |text: &str, columns| load(text, columns).unwrap();
        let split =
            load("Date,Time,a\n2024-01-01,00:00:10,1\n2024-01-01,00:00:20,2\n", Columns::default());
        assert_eq!(split.timestamps().unwrap()[0], 1_704_067_210_000_000_000);
        assert_eq!(split.channels(), ["a"]);
        // A number of the day beside a whole time is a channel.
        let whole = load(
            "day,time,a\n1,2024-01-01 00:00:10,1\n1,2024-01-01 00:00:20,2\n",
            Columns::default(),
        );
        assert_eq!(whole.timestamps().unwrap()[0], 1_704_067_210_000_000_000);
        assert_eq!(whole.channels(), ["day", "a"]);
        let named =
            Columns { time: Some("d".into()), time_of_day: Some("h".into()), ..Default::default() };
        let named = load("d,h,a\n1.2.2024,7,1\n1.2.2024,8,2\n", named);
        assert_eq!(named.timestamps().unwrap()[1], 1_706_774_400_000_000_000);
        let alone = Columns { time_of_day: Some("h".into()), ..Default::default() };
        assert!(matches!(super::tests::load("h,a\n1,2\n", alone), Err(DataError::Setting(_))));
    }

    #[test]
    fn explicit_time_format() {
        let columns = Columns {
            time: Some("t".into()),
            time_format: Some("%d.%m.%Y %H:%M".into()),
            ..Default::default()
        };
        let series = load("t,a\n01.02.2024 00:00,1\n01.02.2024 00:01,2\n", columns).unwrap();
        assert_eq!(series.timestamps().unwrap()[0], 1_706_745_600_000_000_000);
    }

    #[test]
    fn features_can_be_chosen_and_ordered() {
        let columns =
            Columns { features: Some(vec!["b".into(), "a".into()]), ..Default::default() };
        assert_eq!(load("a,b,c\n1,2,x\n", columns).unwrap().values(), [2.0, 1.0]);
    }

    #[test]
    fn bad_files_are_typed_errors() {
        let options = LoadOptions::default();
        let missing = TimeSeries::from_csv("/no/such/file.csv", &options);
        assert!(matches!(missing, Err(DataError::MissingFile { .. })));
        assert!(matches!(load("", Columns::default()), Err(DataError::Empty { .. })));
        assert!(matches!(load("a,b\n", Columns::default()), Err(DataError::Empty { .. })));
        let text = load("a,b\n1,x\n", Columns::default());
        assert!(matches!(text, Err(DataError::Cell { place, column, cell, .. })
                if place.ends_with("line 2") && column == "b" && cell == "x"));
        let only_label = Columns { label: Some("y".into()), ..Default::default() };
        assert!(matches!(load("y\n0\n", only_label), Err(DataError::NoFeatures)));
        let label = || Columns { label: Some("y".into()), ..Default::default() };
        assert!(matches!(
            load("a,y\n1,0\n1,2\n", label()),
            Err(DataError::BadLabel { row: 1, .. })
        ));
        assert!(
            matches!(load("a\n1\n", label()), Err(DataError::UnknownColumn { column, .. }) if column == "y")
        );
        let gap = load("a,b\n1,2\n1,\n", Columns::default());
        assert!(matches!(gap, Err(DataError::MissingValue { column, row: 1 }) if column == "b"));
        let garbage = csv("this is not parquet at all");
        assert!(matches!(
            TimeSeries::from_parquet(garbage.path(), &options),
            Err(DataError::Polars(_))
        ));
    }

    #[test]
    fn a_late_decimal_makes_the_column_a_float() {
        let mut text = String::from("a\n");
        text.push_str(&"0\n".repeat(2000));
        text.push_str("0.5\n");
        let series = load(&text, Columns::default()).unwrap();
        assert_eq!(series.row(2000), [0.5]);
    }

    #[test]
    fn a_sensor_that_is_silent_at_first_is_not_text() {
        let mut text = String::from("a,b\n");
        text.push_str(&"1,\n".repeat(2000));
        text.push_str("1,0.5\n");
        let options = LoadOptions { missing: MissingPolicy::ForwardFill, ..Default::default() };
        let series = TimeSeries::from_csv(csv(&text).path(), &options).unwrap();
        assert_eq!((series.row(0), series.row(2000)), (&[1.0, 0.5][..], &[1.0, 0.5][..]));
    }
}
