use std::fmt::{Display, Formatter};

use aster_base::Time;
use serde::{Deserialize, Serialize};

use crate::read::csv_found::CsvFound;
use crate::read::table::Table;
use crate::read::times::{DateOrder, EpochUnit, TimeForm};
use crate::span::Span;

/// Report of a load: what was found in a table, and what was done to make a series of it.
///
/// It prints as a few lines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// The file, where there is one, and which of its series, where it holds several.
    pub source: Option<String>,
    /// Format of the file; CSV only.
    pub csv: Option<CsvFound>,
    /// Rows of the series.
    pub rows: usize,
    /// The column of times.
    pub time: Option<TimeFound>,
    /// The column of labels.
    pub label: Option<String>,
    /// The channels.
    pub channels: Vec<ChannelFound>,
    /// Columns that became none.
    pub left_out: Vec<LeftOut>,
    /// Rows of the table that another row of the same time replaces.
    pub dropped: usize,
    /// Rows of the series that stood elsewhere in the table.
    pub reordered: usize,
    /// What is likely to be another thing than it was taken for.
    pub warnings: Vec<LoadWarning>,
}

/// Column of times, or columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeFound {
    /// The column of times; or of dates, and that of the time of the day; or of years, months, days and
    /// so on.
    pub columns: Vec<String>,
    /// Form of its cells.
    pub form: TimeForm,
    /// Order of days and months, where it had to be found.
    pub order: Option<DateOrder>,
    /// The first and the last time.
    pub span: [Time; 2],
    /// The step between rows, in nanoseconds, or in the unit of counts: the median.
    pub step: Option<i64>,
    /// Steps that are another one.
    pub irregular: usize,
    /// Whether most steps are that one.
    pub regular: bool,
}

/// Channel of a loaded series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChannelFound {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ChannelKind,
    /// Values that were missing, and are filled.
    pub filled: usize,
}

/// Kind of a channel, by its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelKind {
    /// One value.
    Constant,
    /// Zeros and ones.
    Binary,
    /// Other whole numbers.
    Whole,
    /// Any number.
    Continuous,
}

/// Column that is no channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The column.
    pub column: String,
    /// The reason.
    pub why: WhyLeftOut,
}

/// Reason why a column is no channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhyLeftOut {
    /// The options ignore it.
    Ignored,
    /// It counts the rows.
    Index,
    /// It has neither name nor value.
    Empty,
    /// More than the permitted share of its values is missing.
    MostlyMissing,
    /// The long format has no use for it.
    BesideLongFormat,
}

/// Something that is likely to be another thing than it was taken for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoadWarning {
    /// Rows have the time of the row before.
    DuplicateTimes {
        /// How many.
        count: usize,
        /// The first few, of the series.
        rows: Vec<usize>,
    },
    /// Steps between rows that are longer than the usual one.
    TimeGaps {
        /// How many.
        count: usize,
        /// The rows after the longest few, of the series.
        rows: Vec<usize>,
        /// The ends of the longest one.
        longest: [Time; 2],
        /// The usual step.
        step: i64,
    },
    /// A channel of few whole numbers, of which rows of one time have different ones.
    LikelyId {
        /// The channel.
        channel: String,
        /// How many different ones.
        ids: usize,
    },
    /// A channel that rises as an epoch does.
    LikelyEpoch {
        /// The channel.
        channel: String,
        /// Its unit, then.
        unit: EpochUnit,
    },
    /// A channel whose name says label, but which holds other values than 0 and 1.
    LikelyLabel {
        /// The channel.
        channel: String,
    },
    /// One value far from all others, such as -9999, that stands for a missing one.
    LikelySentinel {
        /// The channel.
        channel: String,
        /// The value.
        value: f64,
        /// How often it occurs.
        count: usize,
        /// The first few rows, of the series.
        rows: Vec<usize>,
    },
    /// A channel of one value, which cannot be judged.
    Constant {
        /// The channel.
        channel: String,
    },
    /// A column that has the name of another one.
    Renamed {
        /// The name of both.
        column: String,
        /// The channel's.
        channel: String,
    },
}

impl LeftOut {
    pub(crate) fn new(table: &Table, at: usize, why: WhyLeftOut) -> Self {
        Self { column: table.columns[at].name.clone(), why }
    }
}

/// A count and its noun: `1 row`, `2 rows`.
fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// A list of rows: `row 3`, `rows 3, 5 and 2 more`.
fn rows_of(rows: &[usize], count: usize) -> String {
    let s = if count == 1 { "" } else { "s" };
    let listed: Vec<String> = rows.iter().map(usize::to_string).collect();
    let more = count.saturating_sub(rows.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("row{s} {}{more}", listed.join(", "))
}

impl Display for LoadReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (rows, channels) = (counted(self.rows, "row"), counted(self.channels.len(), "channel"));
        match &self.source {
            Some(source) => write!(f, "{source}: {rows}, {channels}")?,
            None => write!(f, "{rows}, {channels}")?,
        }
        if let Some(csv) = &self.csv {
            write!(f, "\nformat: {csv}")?;
        }
        if let Some(time) = &self.time {
            write!(f, "\ntime: {time}")?;
        }
        if let Some(label) = &self.label {
            write!(f, "\nlabel: \"{label}\"")?;
        }
        write!(f, "\nchannels: {}", self.kinds())?;
        if !self.left_out.is_empty() {
            let each: Vec<String> = self.left_out.iter().map(LeftOut::to_string).collect();
            write!(f, "\nleft out: {}", each.join(", "))?;
        }
        let filled = self.channels.iter().filter(|channel| channel.filled > 0);
        let filled: Vec<String> =
            filled.map(|channel| format!("{} of \"{}\"", channel.filled, channel.name)).collect();
        if !filled.is_empty() {
            write!(f, "\nfilled values: {}", filled.join(", "))?;
        }
        if self.reordered > 0 {
            write!(f, "\nreordered: {}", counted(self.reordered, "row"))?;
        }
        if self.dropped > 0 {
            write!(f, "\ndropped: {}", counted(self.dropped, "row"))?;
        }
        self.warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

impl LoadReport {
    /// The channels by kind, each kind with as many names as a line holds.
    fn kinds(&self) -> String {
        const NAMES: usize = 8;
        use ChannelKind::{Binary, Constant, Continuous, Whole};
        let of_kind = |kind: ChannelKind| {
            let all: Vec<&str> = (self.channels.iter().filter(|it| it.kind == kind))
                .map(|channel| channel.name.as_str())
                .collect();
            let more = all.len().saturating_sub(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = all[..all.len().min(NAMES)].join(", ");
            (!all.is_empty()).then(|| format!("{names}{more} ({kind})"))
        };
        let kinds = [Continuous, Whole, Binary, Constant].into_iter().filter_map(of_kind);
        kinds.collect::<Vec<_>>().join("; ")
    }
}

impl Display for CsvFound {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { encoding, delimiter, decimal_comma, header, first_line, short_lines } = self;
        let point = if *decimal_comma { ',' } else { '.' };
        let header = if *header { "" } else { ", no header" };
        write!(
            f,
            "{encoding}, delimiter {delimiter:?}, decimals with {point:?}{header}, data from line \
             {first_line}"
        )?;
        if !short_lines.is_empty() {
            let lines: Vec<String> = short_lines.iter().map(u64::to_string).collect();
            write!(f, ", fewer fields in lines {}", lines.join(", "))?;
        }
        Ok(())
    }
}

impl Display for TimeFound {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { columns, form, order, span: [first, last], step, irregular, regular } = self;
        columns.iter().try_for_each(|column| write!(f, "\"{column}\", "))?;
        write!(f, "{form}")?;
        match order {
            Some(DateOrder::DayFirst) => write!(f, ", day first")?,
            Some(DateOrder::MonthFirst) => write!(f, ", month first")?,
            None => (),
        }
        write!(f, ", {first} to {last}")?;
        let Some(step) = step else { return Ok(()) };
        let step = Span::of(*step, form.is_count());
        match irregular {
            0 => write!(f, ", every {step}"),
            1 => write!(f, ", every {step}, 1 step differs"),
            _ if !regular => write!(f, ", unevenly, about every {step}"),
            more => write!(f, ", every {step}, {more} steps differ"),
        }
    }
}

impl Display for TimeForm {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Zoned => write!(f, "date-times with offsets"),
            Self::Local => write!(f, "local date-times"),
            Self::Epoch(unit) => write!(f, "{unit} since 1970"),
            Self::Spreadsheet => write!(f, "days of a spreadsheet"),
            Self::Compact => write!(f, "dates as digits"),
            Self::Counts => write!(f, "counts"),
            Self::Billionths => write!(f, "counts in billionths"),
        }
    }
}

impl Display for EpochUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        })
    }
}

impl Display for ChannelKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Binary => "0 and 1",
            Self::Whole => "whole",
            Self::Continuous => "continuous",
        })
    }
}

impl Display for LeftOut {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let why = match self.why {
            WhyLeftOut::Ignored => "ignored",
            WhyLeftOut::Index => "counts the rows",
            WhyLeftOut::Empty => "empty",
            WhyLeftOut::MostlyMissing => "mostly missing",
            WhyLeftOut::BesideLongFormat => "not of the long format",
        };
        write!(f, "\"{}\" ({why})", self.column)
    }
}

impl Display for LoadWarning {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DuplicateTimes { count, rows } => {
                let rows = rows_of(rows, *count);
                write!(f, "equal times: {rows}; LoadOptions::duplicates keeps one of each")
            }
            Self::TimeGaps { count, rows, longest: [from, to], step } => {
                let step = Span::of(*step, matches!(from, Time::Count(_)));
                let (gaps, rows) = (counted(*count, "gap"), rows_of(rows, *count));
                write!(
                    f,
                    "{gaps} in time, before {rows}, the longest from {from} to {to}, where rows come \
                     every {step}; TimeSeries::resample fills them"
                )
            }
            Self::LikelyId { channel, ids } => write!(
                f,
                "channel \"{channel}\" tells rows of one time apart by {ids} whole numbers: as \
                 Columns::id it makes a series of each, as Columns::channel a channel of each"
            ),
            Self::LikelyEpoch { channel, unit } => write!(
                f,
                "channel \"{channel}\" rises like {unit} since 1970: name it in Columns::time or \
                 Columns::ignored"
            ),
            Self::LikelyLabel { channel } => write!(
                f,
                "channel \"{channel}\" is named like a label, but holds other values than 0 and 1: name it \
                 in Columns::label, with Columns::normal, or in Columns::ignored"
            ),
            Self::LikelySentinel { channel, value, count, rows } => write!(
                f,
                "{value} in channel \"{channel}\", {}, seems to stand for a missing value: name it in \
                 LoadOptions::sentinels",
                rows_of(rows, *count)
            ),
            Self::Constant { channel } => {
                write!(f, "channel \"{channel}\" has one value alone, and cannot be judged")
            }
            Self::Renamed { column, channel } => {
                write!(f, "a second column \"{column}\" is channel \"{channel}\"")
            }
        }
    }
}
