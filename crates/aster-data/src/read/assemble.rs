//! From tables to series.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aster_base::{Clock, SettingError};
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::found::{Seen, of_channels, of_rows, of_times};
use crate::read::long::pivot;
use crate::read::options::LoadOptions;
use crate::read::parts::Channels;
use crate::read::report::{ChannelFound, LeftOut, LoadReport, LoadWarning, WhyLeftOut};
use crate::read::roles::Roles;
use crate::read::rows::Rows;
use crate::read::table::{Place, Table};
use crate::read::times::{TimeForm, Times};
use crate::read::wide::wide;
use crate::read::zone::{in_zone, zone};
use crate::series::TimeSeries;

/// Series that was loaded, and what was found on the way.
///
/// ```no_run
/// use aster_data::{LoadOptions, Loaded};
///
/// let loaded = Loaded::from_csv("plant.csv", &LoadOptions::default())?;
/// println!("{}", loaded.report);
/// let series = loaded.series;
/// # Ok::<(), aster_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The series.
    pub series: TimeSeries,
    /// What was found.
    pub report: LoadReport,
}

impl Loaded {
    /// Makes the one series of a table.
    pub(crate) fn one(table: &Table, options: &LoadOptions) -> Result<Self, DataError> {
        let roles = Roles::find(table, &options.columns)?;
        if let Some(id) = &options.columns.id {
            let expected = "none, for one series; Loaded::each_from_csv and its like read several";
            return Err(SettingError::new("columns.id", expected, id).into());
        }
        let loaded = assemble(table, &roles, Rows::All(table.rows), options)?;
        tracing::debug!(rows = loaded.series.rows(), "loaded");
        Ok(loaded)
    }

    /// Makes the series of a table, by their ids.
    pub(crate) fn each(
        table: &Table,
        options: &LoadOptions,
    ) -> Result<Vec<(String, Self)>, DataError> {
        let roles = Roles::find(table, &options.columns)?;
        let Some(id) = roles.id else {
            let expected = "the column that tells the series apart";
            return Err(SettingError::new("columns.id", expected, "none").into());
        };
        let ids = table.columns[id].texts()?;
        let mut by_id: Vec<(&str, Vec<usize>)> = vec![];
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for (row, id) in ids.iter().enumerate() {
            let id = id.ok_or_else(|| DataError::MissingId {
                column: options.columns.id.clone().unwrap_or_default(),
                place: table.place.of(row),
            })?;
            let at = *known.entry(id).or_insert(by_id.len());
            match by_id.get_mut(at) {
                Some((_, rows)) => rows.push(row),
                None => by_id.push((id, vec![row])),
            }
        }
        let loaded = |(id, rows): (&str, Vec<usize>)| {
            let mut loaded = assemble(table, &roles, Rows::Some(rows), options)?;
            let source = loaded.report.source.iter().cloned().chain([id.to_string()]);
            loaded.report.source = Some(source.collect::<Vec<_>>().join(", "));
            Ok((id.to_string(), loaded))
        };
        by_id.into_iter().map(loaded).collect()
    }
}

/// Makes a series of some of a table's rows.
fn assemble(
    table: &Table,
    roles: &Roles,
    rows: Rows,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let time = roles.time.as_ref().map(|(at, times)| {
        let times = zoned(times, &rows, options, &table.place)?;
        Ok::<_, DataError>((table.columns[*at].name.as_str(), times))
    });
    let time: Option<(&str, Cow<Times>)> = time.transpose()?;
    let clock = time.as_ref().map_or(Clock::Counts, |(_, times)| times.clock());
    let known = time.as_ref().map(|(name, times)| (*name, &**times, &clock));
    let mut parts = match roles.long {
        Some(long) => pivot(table, roles, (rows, known), long, options)?,
        None => wide(table, roles, (rows, known), options)?,
    };
    let sentinels = sentinels(options);
    if !sentinels.is_empty() {
        parts.channels.par_iter_mut().for_each(|(_, values)| {
            if values.iter().any(|value| sentinels.contains(value)) {
                let known = |value: &f64| if sentinels.contains(value) { f64::NAN } else { *value };
                *values = values.iter().map(known).collect();
            }
        });
    }
    let seen: Vec<Seen> = parts.channels.par_iter().map(|(_, values)| Seen::of(values)).collect();
    let whole = seen.iter().all(Seen::is_finite);
    let names = parts.channels.iter().map(|(name, _)| name.clone());
    let mut seen: BTreeMap<String, Seen> = names.zip(seen).collect();
    let channels: Channels = match whole {
        true => parts.channels,
        false => {
            let columns = parts.channels.into_iter().map(|(name, it)| (name, it.into_owned()));
            let filled = options.missing.apply(columns.collect())?;
            filled.into_iter().map(|(name, values)| (name, values.into())).collect()
        }
    };
    let first = parts.times.as_ref().and_then(|times| Some(clock.at(*times.first()?)));
    let (kinds, mut warnings) = of_channels(&channels, &seen, first);
    let kept = |name: &String| channels.iter().any(|(channel, _)| channel == name);
    let mut left_out = roles.left_out.clone();
    let empty = seen.keys().filter(|name| !kept(name)).cloned();
    left_out.extend(empty.map(|column| LeftOut { column, why: WhyLeftOut::MostlyMissing }));
    warnings.splice(0..0, renamed(table, &channels));
    let mut series = TimeSeries::from_columns(channels)?;
    let mut found = None;
    if let (Some(times), Some((name, form, clock))) = (parts.times, known) {
        found = Some(of_times(name, form, clock, &times));
        warnings.extend(of_rows(&series, &times, clock, options.duplicates));
        series = series.with_timestamps(times)?.with_clock(clock.clone());
    }
    if let Some(labels) = parts.labels {
        series = series.with_labels(labels)?;
    }
    let channels = (series.channels().iter().zip(kinds))
        .map(|(name, kind)| ChannelFound {
            name: name.clone(),
            kind,
            filled: seen.remove(name).map_or(0, |seen| seen.missing),
        })
        .collect();
    let report = LoadReport {
        source: table.place.file.clone(),
        csv: table.csv.clone(),
        rows: series.rows(),
        time: found,
        label: roles.label.map(|at| table.columns[at].name.clone()),
        channels,
        left_out,
        dropped: parts.dropped,
        reordered: parts.reordered,
        warnings,
    };
    Ok(Loaded { series, report })
}

/// Numbers that stand for a missing value.
fn sentinels(options: &LoadOptions) -> Vec<f64> {
    #[allow(unused_mut)] // without CSV there are no markers
    let mut sentinels = options.sentinels.clone();
    #[cfg(feature = "csv")]
    sentinels
        .extend(options.csv.missing.iter().filter_map(|marker| marker.trim().parse::<f64>().ok()));
    sentinels.retain(|value: &f64| !value.is_nan());
    sentinels
}

/// Times of a zone, where the options name one.
fn zoned<'a>(
    times: &'a Times,
    rows: &Rows,
    options: &LoadOptions,
    place: &Place,
) -> Result<Cow<'a, Times>, DataError> {
    let Some(name) = &options.columns.zone else { return Ok(Cow::Borrowed(times)) };
    let zone = zone(name)?;
    if !matches!(times.form, TimeForm::Local | TimeForm::Spreadsheet | TimeForm::Compact) {
        let expected = "none, for times that are instants or counts";
        return Err(SettingError::new("columns.zone", expected, name).into());
    }
    let skipped = |row: usize| DataError::SkippedTime {
        place: place.of(row),
        time: Clock::Local.at(times.values[row].unwrap_or(0)),
        zone: name.clone(),
    };
    Ok(Cow::Owned(in_zone(times, rows, zone).map_err(skipped)?))
}

/// Channels that have another name than their column, which is that of one before.
fn renamed<'a>(
    table: &'a Table,
    channels: &'a Channels,
) -> impl Iterator<Item = LoadWarning> + use<'a> {
    let of_channel = |(column, channel): &(String, String)| LoadWarning::Renamed {
        column: column.clone(),
        channel: channel.clone(),
    };
    let is_channel = |(_, name): &&(String, String)| channels.iter().any(|(it, _)| it == name);
    table.renamed.iter().filter(is_channel).map(of_channel)
}
