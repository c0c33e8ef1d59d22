use std::path::PathBuf;

use aster_base::{SettingError, Time};

/// The errors of reading, building and scaling a series.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A row has other than one value per channel.
    #[error("row {row}: expected {expected} values, got {got}")]
    Ragged {
        /// Row, from 0.
        row: usize,
        /// Number of channels C.
        expected: usize,
        /// Values of the row.
        got: usize,
    },
    /// The path names no file.
    #[error("no such file: {}", path.display())]
    MissingFile {
        /// The path asked for.
        path: PathBuf,
    },
    /// The folder holds none of the files that the dataset consists of.
    #[error("{dataset}: expected {expected} in {}, found none", folder.display())]
    MissingDataset {
        /// The dataset's name.
        dataset: String,
        /// The files it expects.
        expected: &'static str,
        /// The folder searched.
        folder: PathBuf,
    },
    /// The dataset's name is not in the catalogue.
    #[error("unknown dataset {got:?}, expected one of {expected}")]
    UnknownDataset {
        /// The name given.
        got: String,
        /// The names known.
        expected: String,
    },
    /// The source holds no rows.
    #[error("{what} has no rows")]
    Empty {
        /// The source.
        what: String,
    },
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file whose parts contradict each other.
    #[error("{} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A Parquet file that cannot be read or written.
    #[cfg(feature = "parquet")]
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// A data frame that polars cannot convert.
    #[cfg(feature = "polars")]
    #[error(transparent)]
    Polars(#[from] polars::error::PolarsError),
    /// A feature column holds something other than numbers.
    #[error(
        "column \"{column}\" is not numeric: expected numbers, got {dtype}; name it in Columns::time, \
         Columns::categorical or Columns::ignored"
    )]
    NonNumeric {
        /// The column.
        column: String,
        /// Type of the column.
        dtype: String,
    },
    /// A cell of a CSV file is neither a number nor a marker of a missing one.
    #[error(
        "{place}, column \"{column}\": expected a number, got {cell:?}; {hint}; a column of words goes \
         in Columns::ignored, Columns::categorical, Columns::label, or, in the long format, \
         Columns::id or Columns::channel"
    )]
    Cell {
        /// The file and the line, from 1.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// Advice on what to do.
        hint: &'static str,
    },
    /// A file that is of another kind than CSV.
    #[error("{} is no CSV file but {found}: {hint}", path.display())]
    NotCsv {
        /// The file.
        path: PathBuf,
        /// Kind of the file.
        found: &'static str,
        /// Advice on what to do.
        hint: &'static str,
    },
    /// A row of a CSV file has more fields than the table has columns.
    #[error("{place}: expected {expected} fields, got {got}")]
    TooManyFields {
        /// The file and the line, from 1.
        place: String,
        /// Columns of the table.
        expected: usize,
        /// Fields of the row.
        got: usize,
    },
    /// Lines of a CSV file that have far fewer fields than its table has columns.
    #[error(
        "{}: expected {columns} fields in a line, got far fewer in most of {rows} lines ({bytes} bytes in all)",
        path.display()
    )]
    ShortLines {
        /// The file.
        path: PathBuf,
        /// Columns of the table.
        columns: usize,
        /// Lines that hold cells.
        rows: usize,
        /// Size of the table's text.
        bytes: usize,
    },
    /// A file is not in the encoding that it should be in.
    #[error("{} is not {encoding}: set CsvFormat::encoding", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding expected.
        encoding: &'static str,
    },
    /// A cell of a time column is no time.
    #[error("{place}, time column \"{column}\": expected {expected}, got {cell:?}")]
    TimeCell {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The column.
        column: String,
        /// Form of the times.
        expected: String,
        /// The cell.
        cell: String,
    },
    /// Times whose day and month could be either way round.
    #[error(
        "column \"{column}\": day and month could be either way round in every row; set \
         Columns::time_format, \"%d/%m/%Y %H:%M\" or \"%m/%d/%Y %H:%M\" say"
    )]
    AmbiguousTime {
        /// The column.
        column: String,
    },
    /// A time column can be read neither as date-time nor as number.
    #[error("time column \"{column}\": expected date-time or number, got {dtype}")]
    NotTime {
        /// The column.
        column: String,
        /// Type of the column.
        dtype: String,
    },
    /// A column that the caller named is not there.
    #[error("no column \"{column}\"; the columns are {available:?}")]
    UnknownColumn {
        /// The column asked for.
        column: String,
        /// The columns found.
        available: Vec<String>,
    },
    /// Nothing is left after time and label columns.
    #[error("no feature columns: expected at least one beside time and label")]
    NoFeatures,
    /// A channel name occurs twice.
    #[error("channel \"{name}\" occurs more than once")]
    DuplicateChannel {
        /// The repeated name.
        name: String,
    },
    /// Two series that belong together have different channels.
    #[error(
        "channels differ: missing {missing:?}, unexpected {unexpected:?}, expected order {expected:?}"
    )]
    ChannelMismatch {
        /// Expected but absent.
        missing: Vec<String>,
        /// Present but not expected.
        unexpected: Vec<String>,
        /// The channels expected, in order.
        expected: Vec<String>,
    },
    /// A column of ids, names or categories holds something else.
    #[error("column \"{column}\": expected text or numbers, got {dtype}")]
    NotText {
        /// The column.
        column: String,
        /// Type of the column.
        dtype: String,
    },
    /// A row without an id, or without the name of its channel.
    #[error("{place}, column \"{column}\": expected a name, got none")]
    MissingId {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The column.
        column: String,
    },
    /// A category that is none of those named.
    #[error("{place}, column \"{column}\": expected one of {categories:?}, got {cell:?}")]
    UnknownCategory {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The categories named.
        categories: Vec<String>,
    },
    /// A label other than 0 or 1.
    #[error(
        "label at {place}: expected 0 or 1, got {got}; where labels are words, Columns::normal is the \
         one that says normal"
    )]
    BadLabel {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The value found.
        got: String,
    },
    /// A missing value under the error policy.
    #[error("column \"{column}\" has no value at row {row}; choose a MissingPolicy to fill it")]
    MissingValue {
        /// The column.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// A column without a single value, which no policy can fill.
    #[error(
        "column \"{column}\" has no value at all: expected at least one; Columns::ignored leaves it out"
    )]
    AllMissing {
        /// The column.
        column: String,
    },
    /// An infinite value, which no policy hides.
    #[error("column \"{column}\" is infinite at row {row}: expected a finite value")]
    Infinite {
        /// The column.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// Timestamps that go back.
    #[error("times go back at {place}: {previous} is followed by {got}; {hint}")]
    Unsorted {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The time before.
        previous: Time,
        /// The time found.
        got: Time,
        /// Advice on what to do.
        hint: &'static str,
    },
    /// A second row of one time.
    #[error("{place}: expected one row of {time}; LoadOptions::duplicates chooses")]
    DuplicateTime {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The time of both.
        time: Time,
    },
    /// A local time that the clocks of its zone leap over.
    #[error("{place}: there is no {time} in {zone}, where clocks are set forward then")]
    SkippedTime {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The time.
        time: Time,
        /// The zone.
        zone: String,
    },
    /// A local time whose instant is beyond what nanoseconds since 1970 count.
    #[error("{place}: expected a time in {zone} from 1678 to 2261, got {time}")]
    TimeBeyond {
        /// The file and the line, from 1, or the row, from 0.
        place: String,
        /// The time.
        time: Time,
        /// The zone.
        zone: String,
    },
    /// A missing time where a time column was asked for.
    #[error("time column \"{column}\" has no value at {place}")]
    MissingTime {
        /// The column.
        column: String,
        /// The file and the line, from 1, or the row, from 0.
        place: String,
    },
    /// The operation needs timestamps.
    #[error("the series has no timestamps; load it with a time column")]
    NoTimestamps,
    /// Timestamps are counts where dates are needed.
    #[error(
        "the timestamps of the series are counts: expected dates, for the hour and the weekday"
    )]
    NoDates,
    /// A count that does not fit what it goes with.
    #[error("{what}: expected {expected}, got {got}")]
    Length {
        /// Name of what was counted.
        what: &'static str,
        /// The count expected.
        expected: usize,
        /// The count found.
        got: usize,
    },
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
}
