use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::{Deref, Range};

use aster_base::{Clock, DAY, Time, open_share, quantile};
use rayon::prelude::*;

use crate::error::DataError;

/// Named channels over time: finite values, row-major `[rows, C]`, in double precision, so that a
/// signal on a large offset keeps its digits.
///
/// Timestamps, where present, never go back; the [`Clock`] says what they count: nanoseconds since
/// the Unix epoch where they were read from date-times or epochs, else the unit of the column they
/// were read from. Labels, where present, are one per row.
///
/// ```
/// use aster_data::TimeSeries;
///
/// let values = vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0]; // row by row
/// let series = TimeSeries::new(vec!["flow".into(), "pressure".into()], values)?
///     .with_timestamps(vec![0, 1000, 2000])?;
/// assert_eq!(series.row(1), [2.0, 20.0]);
/// assert_eq!(series.channel(1).collect::<Vec<_>>(), [10.0, 20.0, 30.0]);
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSeries {
    channels: Vec<String>,
    values: Vec<f64>,
    timestamps: Option<Vec<i64>>,
    clock: Clock,
    labels: Option<Vec<bool>>,
}

impl TimeSeries {
    /// Creates a series from row-major values `[rows, C]`, of `f64` or of whatever becomes one
    /// without loss.
    ///
    /// # Errors
    /// No channel, a repeated channel name, a length that is no multiple of C,
    /// no row, or a value that is not finite (named by column and row; fill
    /// gaps first with [`MissingPolicy::apply`](crate::MissingPolicy::apply)).
    pub fn new<T: Into<f64>>(channels: Vec<String>, values: Vec<T>) -> Result<Self, DataError> {
        let values: Vec<f64> = values.into_iter().map(Into::into).collect();
        check_names(&channels)?;
        let c = channels.len();
        if values.is_empty() {
            return Err(DataError::Empty { what: "the series".into() });
        }
        if !values.len().is_multiple_of(c) {
            return Err(DataError::Length {
                what: "values in the last row",
                expected: c,
                got: values.len() % c,
            });
        }
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            let (row, column) = (i / c, channels[i % c].clone());
            return Err(match values[i].is_nan() {
                true => DataError::MissingValue { column, row },
                false => DataError::Infinite { column, row },
            });
        }
        Ok(Self { channels, values, timestamps: None, clock: Clock::Counts, labels: None })
    }

    /// Creates a series with channels named `c0, c1, ...` from row-major values.
    ///
    /// # Errors
    /// As [`TimeSeries::new`].
    pub fn from_slice<T: Copy + Into<f64>>(
        values: &[T],
        channels: usize,
    ) -> Result<Self, DataError> {
        Self::new((0..channels).map(|c| format!("c{c}")).collect(), values.to_vec())
    }

    /// Creates a series from rows of one value per channel.
    ///
    /// ```
    /// use aster_data::TimeSeries;
    ///
    /// let names = || ["flow", "pressure"].map(String::from).to_vec();
    /// let series = TimeSeries::from_rows(names(), &[vec![1.0, 10.0], vec![2.0, 20.0]])?;
    /// assert_eq!(series.row(1), [2.0, 20.0]);
    /// assert!(TimeSeries::from_rows(names(), &[vec![1.0, 10.0], vec![2.0]]).is_err());
    /// # Ok::<(), aster_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// A row of another number of values, named; and as [`TimeSeries::new`].
    pub fn from_rows<T: Copy + Into<f64>>(
        channels: Vec<String>,
        rows: &[impl AsRef<[T]>],
    ) -> Result<Self, DataError> {
        let expected = channels.len();
        let ragged = rows.iter().position(|row| row.as_ref().len() != expected);
        if let Some(row) = ragged {
            return Err(DataError::Ragged { row, expected, got: rows[row].as_ref().len() });
        }
        let values: Vec<T> = rows.iter().flat_map(|row| row.as_ref()).copied().collect();
        Self::new(channels, values)
    }

    /// A series from whole columns of equal length and finite values.
    pub(crate) fn from_columns(
        columns: Vec<(String, impl AsRef<[f64]> + Sync)>,
    ) -> Result<Self, DataError> {
        let c = columns.len();
        let rows = columns.first().map_or(0, |(_, values)| values.as_ref().len());
        let channels: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        check_names(&channels)?;
        if rows == 0 {
            return Err(DataError::Empty { what: "the series".into() });
        }
        let mut values = vec![0.0; rows * c];
        // Rows that fit a core's cache at a time: a whole column would touch every line of
        // the memory, and the next column again.
        const BLOCK: usize = 256;
        values.par_chunks_mut(BLOCK * c).enumerate().for_each(|(block, rows)| {
            for (i, (_, column)) in columns.iter().enumerate() {
                for (row, value) in rows.chunks_mut(c).zip(&column.as_ref()[block * BLOCK..]) {
                    row[i] = *value;
                }
            }
        });
        debug_assert!(values.iter().all(|value| value.is_finite()));
        Ok(Self { channels, values, timestamps: None, clock: Clock::Counts, labels: None })
    }

    /// A series from row-major values that are finite.
    #[cfg(feature = "tables")]
    pub(crate) fn from_finite_rows(
        channels: Vec<String>,
        values: Vec<f64>,
    ) -> Result<Self, DataError> {
        check_names(&channels)?;
        debug_assert!(values.iter().all(|value| value.is_finite()));
        Ok(Self { channels, values, timestamps: None, clock: Clock::Counts, labels: None })
    }

    /// Adds one timestamp per row. They are counts, until a clock is added.
    ///
    /// # Errors
    /// A wrong count, or timestamps that go back.
    pub fn with_timestamps(mut self, timestamps: Vec<i64>) -> Result<Self, DataError> {
        self.check_rows("timestamps", timestamps.len())?;
        if let Some(i) = timestamps.windows(2).position(|w| w[1] < w[0]) {
            return Err(DataError::Unsorted {
                place: format!("row {}", i + 1),
                previous: self.clock.at(timestamps[i]),
                got: self.clock.at(timestamps[i + 1]),
                hint: "sort the rows by time",
            });
        }
        self.timestamps = Some(timestamps);
        Ok(self)
    }

    /// Says what the timestamps count.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Adds one label per row (`true` = anomalous).
    ///
    /// # Errors
    /// A wrong count.
    pub fn with_labels(mut self, labels: Vec<bool>) -> Result<Self, DataError> {
        self.check_rows("labels", labels.len())?;
        self.labels = Some(labels);
        Ok(self)
    }

    /// Series of the same rows, times and labels with other values of its channels.
    pub(crate) fn with_values(&self, values: Vec<f64>) -> Result<Self, DataError> {
        self.with_channels(self.channels.clone(), values)
    }

    /// Series of the same rows, times and labels with other channels, and their values.
    pub(crate) fn with_channels(
        &self,
        channels: Vec<String>,
        values: Vec<f64>,
    ) -> Result<Self, DataError> {
        let (timestamps, labels) = (self.timestamps.clone(), self.labels.clone());
        Ok(Self { timestamps, labels, clock: self.clock.clone(), ..Self::new(channels, values)? })
    }

    fn check_rows(&self, what: &'static str, got: usize) -> Result<(), DataError> {
        match self.rows() {
            expected if expected == got => Ok(()),
            expected => Err(DataError::Length { what, expected, got }),
        }
    }

    /// Returns the number of rows (timestamps).
    pub fn rows(&self) -> usize {
        self.values.len() / self.channels.len()
    }

    /// Returns the number of channels C.
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// Returns the channel names in order.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Returns all values, row-major `[rows, C]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns a row `[C]`.
    pub fn row(&self, row: usize) -> &[f64] {
        let c = self.channels.len();
        &self.values[row * c..(row + 1) * c]
    }

    /// Iterates over one channel in time.
    pub fn channel(&self, channel: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.values[channel..].iter().step_by(self.channels.len()).copied()
    }

    /// Returns the timestamps, if the source had them.
    pub fn timestamps(&self) -> Option<&[i64]> {
        self.timestamps.as_deref()
    }

    /// Returns what the timestamps count.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the rows of a day by the median step of the timestamps; none where they are no dates,
    /// or fewer than two.
    pub fn rows_per_day(&self) -> Option<f64> {
        let times = self.timestamps.as_ref().filter(|_| self.clock != Clock::Counts)?;
        let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.retain(|step| *step > 0);
        steps.sort_unstable();
        let step = quantile(&steps, 0.5)?;
        Some(DAY as f64 / step as f64)
    }

    /// Returns the time of a row, as a person reads it, if the source had times.
    pub fn time(&self, row: usize) -> Option<Time> {
        self.timestamps.as_ref()?.get(row).map(|timestamp| self.clock.at(*timestamp))
    }

    /// Names of the columns of a file of this series, in order.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn column_names(&self) -> Result<Vec<&str>, DataError> {
        let time = self.timestamps.as_ref().map(|_| "time");
        let label = self.labels.as_ref().map(|_| "label");
        let channels = self.channels.iter().map(String::as_str);
        match channels.clone().find(|name| Some(*name) == time || Some(*name) == label) {
            Some(name) => Err(DataError::DuplicateChannel { name: name.into() }),
            None => Ok(time.into_iter().chain(channels).chain(label).collect()),
        }
    }

    /// Returns the labels, if the source had them. Read them in evaluation only.
    pub fn labels(&self) -> Option<&[bool]> {
        self.labels.as_deref()
    }

    /// Returns the rows of a range.
    ///
    /// # Errors
    /// A range that is empty or reaches past the end.
    pub fn slice(&self, range: Range<usize>) -> Result<Self, DataError> {
        self.check_range(&range)?;
        let c = self.channels.len();
        Ok(Self {
            channels: self.channels.clone(),
            values: self.values[range.start * c..range.end * c].to_vec(),
            timestamps: self.timestamps.as_ref().map(|t| t[range.clone()].to_vec()),
            clock: self.clock.clone(),
            labels: self.labels.as_ref().map(|l| l[range].to_vec()),
        })
    }

    fn check_range(&self, range: &Range<usize>) -> Result<(), DataError> {
        if range.end > self.rows() {
            return Err(DataError::Length {
                what: "rows in the series",
                expected: range.end,
                got: self.rows(),
            });
        }
        if range.is_empty() {
            return Err(DataError::Empty { what: format!("the slice {range:?}") });
        }
        Ok(())
    }

    /// Checks that the channels are exactly `expected`, in order.
    ///
    /// # Errors
    /// [`DataError::ChannelMismatch`], naming what is missing and unexpected.
    pub fn check_channels(&self, expected: &[String]) -> Result<(), DataError> {
        check_channels(&self.channels, expected)
    }

    /// Declares the series to be training data: its labels, if any, are dropped,
    /// so that nothing fitted on it can have read them.
    pub fn into_train(self) -> TrainSeries {
        TrainSeries(Self { labels: None, ..self })
    }
}

/// Series that its owner declared to be training data.
///
/// Everything that is fitted takes this type, so that fitting on a test series
/// is a visible decision ([`TimeSeries::into_train`]) rather than an accident.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSeries(TimeSeries);

impl TrainSeries {
    /// Training series of what was made of its rows.
    pub(crate) fn made<'a>(&'a self, series: Cow<'a, TimeSeries>) -> Cow<'a, Self> {
        match series {
            Cow::Borrowed(_) => Cow::Borrowed(self),
            Cow::Owned(series) => Cow::Owned(series.into_train()),
        }
    }

    /// Returns the first of the last `share` of the rows, in time, which validate.
    ///
    /// # Errors
    /// A share outside (0, 1), or a part without a row.
    pub fn validation_start(&self, share: f64) -> Result<usize, DataError> {
        open_share("validation share", share)?;
        let cut = ((self.rows() as f64) * (1.0 - share)).round() as usize;
        self.check_range(&(0..cut))?;
        self.check_range(&(cut..self.rows()))?;
        Ok(cut)
    }

    /// Splits off the last `share` of the rows, in time, for validation.
    ///
    /// # Errors
    /// A share outside (0, 1), or a part without a row.
    pub fn split_validation(&self, share: f64) -> Result<(Self, Self), DataError> {
        let cut = self.validation_start(share)?;
        Ok((Self(self.slice(0..cut)?), Self(self.slice(cut..self.rows())?)))
    }
}

impl Deref for TrainSeries {
    type Target = TimeSeries;

    fn deref(&self) -> &TimeSeries {
        &self.0
    }
}

/// Checks that channels are exactly those expected, in order.
pub(crate) fn check_channels(got: &[String], expected: &[String]) -> Result<(), DataError> {
    if got == expected {
        return Ok(());
    }
    let absent = |from: &[String], of: &[String]| {
        of.iter().filter(|name| !from.contains(name)).cloned().collect()
    };
    Err(DataError::ChannelMismatch {
        missing: absent(got, expected),
        unexpected: absent(expected, got),
        expected: expected.to_vec(),
    })
}

fn check_names(channels: &[String]) -> Result<(), DataError> {
    if channels.is_empty() {
        return Err(DataError::NoFeatures);
    }
    let mut seen = HashSet::new();
    match channels.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(DataError::DuplicateChannel { name: name.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinity_are_named_by_column_and_row() {
        let nan = TimeSeries::from_slice(&[0.0, 1.0, 2.0, f64::NAN], 2);
        assert!(matches!(nan, Err(DataError::MissingValue { column, row: 1 }) if column == "c1"));
        let inf = TimeSeries::from_slice(&[f64::INFINITY, 1.0], 2);
        assert!(matches!(inf, Err(DataError::Infinite { column, row: 0 }) if column == "c0"));
    }

    #[test]
    fn a_day_has_the_rows_of_the_median_step() {
        let minutes = [0, 1, 2, 60, 61].map(|minute: i64| minute * 60_000_000_000);
        let series = TimeSeries::from_slice(&[0.0; 5], 1).unwrap();
        assert_eq!(series.rows_per_day(), None);
        let counted = series.with_timestamps(minutes.to_vec()).unwrap();
        assert_eq!(counted.rows_per_day(), None);
        assert_eq!(counted.with_clock(Clock::UTC).rows_per_day(), Some(1440.0));
    }

    #[test]
    fn malformed_shapes_are_errors() {
        assert!(matches!(TimeSeries::from_slice::<f64>(&[], 2), Err(DataError::Empty { .. })));
        assert!(matches!(TimeSeries::from_slice(&[1.0], 0), Err(DataError::NoFeatures)));
        assert!(matches!(
            TimeSeries::from_slice(&[1.0; 3], 2),
            Err(DataError::Length { expected: 2, got: 1, .. })
        ));
        let twice = TimeSeries::new(vec!["a".into(), "a".into()], vec![0.0; 2]);
        assert!(matches!(twice, Err(DataError::DuplicateChannel { name }) if name == "a"));
    }

    #[test]
    fn channel_mismatch_names_both_sides() {
        let series = TimeSeries::from_slice(&[0.0; 4], 2).unwrap();
        let error = series.check_channels(&["c0".into(), "flow".into()]).unwrap_err();
        let DataError::ChannelMismatch { missing, unexpected, .. } = error else { panic!() };
        assert_eq!((missing, unexpected), (vec!["flow".into()], vec!["c1".to_string()]));
    }

    #[test]
    fn timestamps_must_not_go_back() {
        let series = TimeSeries::from_slice(&[0.0; 3], 1).unwrap();
        let error = series.clone().with_timestamps(vec![1, 3, 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "times go back at row 2: 3 is followed by 2; sort the rows by time"
        );
        assert!(matches!(
            series.with_timestamps(vec![1]),
            Err(DataError::Length { expected: 3, got: 1, .. })
        ));
    }

    #[test]
    fn training_data_carries_no_labels_and_splits_in_time() {
        let series = TimeSeries::from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0], 1).unwrap();
        let train = series.with_labels(vec![true; 5]).unwrap().into_train();
        assert!(train.labels().is_none());
        let (fit, validation) = train.split_validation(0.2).unwrap();
        assert_eq!((fit.rows(), validation.values()), (4, &[4.0][..]));
        assert!(train.split_validation(1.0).is_err());
    }
}
