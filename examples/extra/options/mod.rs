//! What can be said of a file on the command line.

use std::path::Path;

use anyhow::{Context, bail};
use aster::prelude::*;
use clap::Args;

/// Everything that loaders have an option for.
#[derive(Args)]
pub(crate) struct FileOptions {
    /// Column of times. Default: the one of dates, if there is one.
    #[arg(long)]
    time: Option<String>,
    /// Column of the time of day, where the times are dates alone.
    #[arg(long)]
    time_of_day: Option<String>,
    /// Form of the times, such as %d/%m/%Y %H:%M.
    #[arg(long)]
    time_format: Option<String>,
    /// Zone of times without an offset, such as Europe/Berlin.
    #[arg(long)]
    zone: Option<String>,
    /// Order of the rows: keep, reverse (the newest comes first) or sort.
    #[arg(long, default_value_t)]
    order: RowOrder,
    /// Rows of one time: keep, error, first or last.
    #[arg(long, default_value_t)]
    duplicates: DuplicateTimes,
    /// Column of labels, to judge by.
    #[arg(long)]
    label: Option<String>,
    /// Label that says normal, where labels are words.
    #[arg(long)]
    normal: Option<String>,
    /// Column that tells several series apart.
    #[arg(long, requires = "series")]
    id: Option<String>,
    /// The one of these series that is meant.
    #[arg(long, requires = "id")]
    series: Option<String>,
    /// Column of the names of channels, where each row has one value.
    #[arg(long, requires = "value")]
    channel: Option<String>,
    /// Column of these values.
    #[arg(long, requires = "channel")]
    value: Option<String>,
    /// Columns of states, each of which becomes a channel; separated by commas, as all lists.
    #[arg(long, value_delimiter = ',')]
    categorical: Vec<String>,
    /// Columns that are left out.
    #[arg(long, value_delimiter = ',')]
    ignored: Vec<String>,
    /// Channels. Default: every other column.
    #[arg(long, value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// Numbers that stand for a missing value, such as -9999.
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true)]
    sentinels: Vec<f64>,
    /// Missing values: error, forward_fill or linear.
    #[arg(long, default_value = "forward_fill")]
    fill: String,
    /// Encoding of the text, such as latin1; CSV only, as all that follows.
    #[arg(long)]
    encoding: Option<String>,
    /// Delimiter of columns.
    #[arg(long)]
    delimiter: Option<char>,
    /// Decimals are written 1,5.
    #[arg(long)]
    decimal_comma: bool,
    /// Lines before the table.
    #[arg(long)]
    skip_lines: Option<usize>,
    /// The first line holds values.
    #[arg(long)]
    no_header: bool,
    /// More cells that stand for a missing value.
    #[arg(long, value_delimiter = ',')]
    missing: Vec<String>,
    /// Numbers have a unit or a percent sign behind them.
    #[arg(long)]
    units: bool,
}

impl FileOptions {
    /// Reads a CSV or Parquet file.
    pub(crate) fn load(&self, path: &Path) -> anyhow::Result<Loaded> {
        let options = self.options()?;
        let parquet = path.extension().is_some_and(|extension| extension == "parquet");
        let Some(wanted) = &self.series else {
            return Ok(match parquet {
                true => Loaded::from_parquet(path, &options)?,
                false => Loaded::from_csv(path, &options)?,
            });
        };
        let each = match parquet {
            true => Loaded::each_from_parquet(path, &options)?,
            false => Loaded::each_from_csv(path, &options)?,
        };
        let ids: Vec<&str> = each.iter().map(|(id, _)| id.as_str()).collect();
        let missing = format!("no series {wanted:?}; there are {}", ids.join(", "));
        each.into_iter().find(|(id, _)| id == wanted).map(|(_, loaded)| loaded).context(missing)
    }

    fn options(&self) -> anyhow::Result<LoadOptions> {
        let missing = match self.fill.as_str() {
            "error" => MissingPolicy::Error,
            "forward_fill" => MissingPolicy::ForwardFill,
            "linear" => MissingPolicy::Linear,
            other => bail!("fill: expected error, forward_fill or linear, got {other}"),
        };
        let columns = Columns::with(|it| {
            (it.time, it.time_of_day) = (self.time.clone(), self.time_of_day.clone());
            (it.time_format, it.zone) = (self.time_format.clone(), self.zone.clone());
            (it.label, it.normal) = (self.label.clone(), self.normal.clone());
            (it.id, it.channel, it.value) =
                (self.id.clone(), self.channel.clone(), self.value.clone());
            it.categorical = self.categorical.iter().map(Categorical::of).collect();
            (it.ignored, it.features) = (self.ignored.clone(), self.features.clone());
        });
        let csv = CsvFormat::with(|it| {
            (it.encoding, it.delimiter) = (self.encoding.clone(), self.delimiter);
            it.decimal_comma = self.decimal_comma.then_some(true);
            (it.skip_lines, it.units) = (self.skip_lines, self.units);
            it.header = self.no_header.then_some(false);
            it.missing.extend(self.missing.iter().cloned());
        });
        Ok(LoadOptions::with(|it| {
            (it.columns, it.csv) = (columns, csv);
            (it.order, it.duplicates) = (self.order, self.duplicates);
            (it.sentinels, it.missing) = (self.sentinels.clone(), missing);
        }))
    }
}
