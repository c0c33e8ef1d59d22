//! From tables to series.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use aster_base::{Clock, SettingError};
use rayon::prelude::*;

use crate::error::DataError;
use crate::read::found::{Seen, of_channels, of_rows, of_times};
use crate::read::long::pivot;
use crate::read::options::LoadOptions;
use crate::read::parts::{Channels, Parts};
use crate::read::report::{
    ChannelFound, ChannelKind, LeftOut, LoadReport, LoadWarning, WhyLeftOut,
};
use crate::read::roles::Roles;
use crate::read::rows::Rows;
use crate::read::table::{Cells, Place, Table};
use crate::read::times::{TimeForm, Times};
use crate::read::wide::wide;
use crate::read::zone::{ZoneFault, in_zone, zone};
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
    pub(crate) fn one(mut table: Table, options: &LoadOptions) -> Result<Self, DataError> {
        let mut roles = Roles::find(&table, &options.columns)?;
        if let Some(id) = &options.columns.id {
            let expected = "none, for one series; Loaded::each_from_csv and its like read several";
            return Err(SettingError::new("columns.id", expected, id).into());
        }
        let loaded = match in_place(&mut table, &mut roles, options)? {
            Some(loaded) => loaded,
            None => assemble(&table, &roles, Rows::All(table.rows), options)?,
        };
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
        let ids = table.texts(id)?;
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

/// A series of a table, before what was found in it is told.
struct Draft {
    /// Without times and labels.
    series: TimeSeries,
    kinds: Vec<ChannelKind>,
    /// How many values of each channel were missing.
    missing: Vec<usize>,
    warnings: Vec<LoadWarning>,
    /// Columns without enough values.
    left_out: Vec<LeftOut>,
}

/// Times of a table, if it has some: the columns that they are of, themselves in some zone, and their clock.
type Known<'a> = Option<(Vec<String>, Cow<'a, Times>, Clock)>;

fn known<'a>(
    table: &Table,
    roles: &'a Roles,
    rows: &Rows,
    options: &LoadOptions,
) -> Result<Known<'a>, DataError> {
    let Some((at, times)) = &roles.time else { return Ok(None) };
    let times = zoned(times, rows, options, &table.place)?;
    let clock = times.clock();
    let columns = std::iter::once(at).chain(&roles.beside_time);
    let names = columns.map(|at| table.columns[*at].name.clone()).collect();
    Ok(Some((names, times, clock)))
}

/// Makes a series of the numbers of a table as they lie, where nothing is to be done to them.
fn in_place(
    table: &mut Table,
    roles: &mut Roles,
    options: &LoadOptions,
) -> Result<Option<Loaded>, DataError> {
    let place = |at: &usize| match table.columns[*at].cells {
        Cells::InRows(place) => Some(place),
        _ => None,
    };
    let places: Option<Vec<usize>> = roles.features.iter().map(place).collect();
    let simple = roles.long.is_none() && roles.categorical.is_empty();
    let simple = simple && !roles.features.is_empty() && sentinels(options).is_empty();
    let Some(places) = places.filter(|places| simple && places.is_sorted_by(|a, b| a < b)) else {
        return Ok(None);
    };
    let seen = Seen::of_columns(&table.numbers);
    let seen: Vec<Seen> = places.iter().map(|place| seen[*place]).collect();
    if !seen.iter().all(Seen::is_finite) {
        return Ok(None);
    }
    let features = std::mem::take(&mut roles.features);
    let rows = Rows::All(table.rows);
    let known = known(table, roles, &rows, options)?;
    let time = known.as_ref().map(|(names, times, clock)| (&names[..], &**times, clock));
    let Parts { times, labels, dropped, reordered, .. } =
        wide(table, roles, (rows, time), options)?;
    if dropped + reordered > 0 {
        drop(known);
        roles.features = features;
        return Ok(None);
    }
    let first = time.zip(times.as_ref()).and_then(|((.., clock), it)| Some(clock.at(*it.first()?)));
    let names: Vec<String> = features.iter().map(|at| table.columns[*at].name.clone()).collect();
    let numbers = std::mem::take(&mut table.numbers);
    let values = |at: usize| numbers.column(places[at]);
    let (kinds, warnings) = of_channels(&names, values, &seen, first);
    let series = TimeSeries::from_finite_rows(names, numbers.select(&places))?;
    let missing = vec![0; kinds.len()];
    let draft = Draft { series, kinds, missing, warnings, left_out: vec![] };
    let channels = Channels::new();
    let parts = Parts { channels, times, labels, dropped, reordered };
    finish(table, roles, &known, draft, parts, options).map(Some)
}

/// Makes a series of some of a table's rows.
fn assemble(
    table: &Table,
    roles: &Roles,
    rows: Rows,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let known = known(table, roles, &rows, options)?;
    let time = known.as_ref().map(|(names, times, clock)| (&names[..], &**times, clock));
    let mut parts = match roles.long {
        Some(long) => pivot(table, roles, (rows, time), long, options)?,
        None => wide(table, roles, (rows, time), options)?,
    };
    let mut channels = std::mem::take(&mut parts.channels);
    let sentinels = sentinels(options);
    if !sentinels.is_empty() {
        channels.par_iter_mut().for_each(|(_, values)| {
            if values.iter().any(|value| sentinels.contains(value)) {
                let known = |value: &f64| if sentinels.contains(value) { f64::NAN } else { *value };
                *values = values.iter().map(known).collect();
            }
        });
    }
    let all: Vec<(String, Seen)> =
        channels.par_iter().map(|(name, values)| (name.clone(), Seen::of(values))).collect();
    let channels: Channels = match all.iter().all(|(_, seen)| seen.is_finite()) {
        true => channels,
        false => {
            let columns = channels.into_iter().map(|(name, it)| (name, it.into_owned()));
            let filled = options.missing.apply(columns.collect())?;
            filled.into_iter().map(|(name, values)| (name, values.into())).collect()
        }
    };
    // Of channels, some columns may have been dropped. Values that are filled lie between those
    // that are there.
    let names: Vec<String> = channels.iter().map(|(name, _)| name.clone()).collect();
    let filled: HashSet<&String> = names.iter().collect();
    let (kept, dropped): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(it, _)| filled.contains(it));
    let seen: Vec<Seen> = kept.into_iter().map(|(_, seen)| seen).collect();
    let first = time.zip(parts.times.as_ref());
    let first = first.and_then(|((.., clock), times)| Some(clock.at(*times.first()?)));
    let values = |at: usize| channels[at].1.iter().copied();
    let (kinds, warnings) = of_channels(&names, values, &seen, first);
    let empty = |(column, _): (String, Seen)| LeftOut { column, why: WhyLeftOut::MostlyMissing };
    let draft = Draft {
        kinds,
        missing: seen.iter().map(|seen| seen.missing).collect(),
        warnings,
        left_out: dropped.into_iter().map(empty).collect(),
        series: TimeSeries::from_columns(channels)?,
    };
    finish(table, roles, &known, draft, parts, options)
}

/// Adds times and labels, and tells what was found.
fn finish(
    table: &Table,
    roles: &Roles,
    known: &Known,
    draft: Draft,
    parts: Parts,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let Draft { mut series, kinds, missing, mut warnings, left_out } = draft;
    warnings.splice(0..0, renamed(table, series.channels()));
    let mut found = None;
    if let (Some(times), Some((name, form, clock))) = (parts.times, known) {
        let told = of_times(name, form, clock, &times);
        warnings.extend(of_rows(&series, (&told, &times), clock, options.duplicates));
        found = Some(told);
        series = series.with_timestamps(times)?.with_clock(clock.clone());
    }
    if let Some(labels) = parts.labels {
        series = series.with_labels(labels)?;
    }
    let channels = series.channels().iter().zip(kinds).zip(missing);
    let channels =
        channels.map(|((name, kind), filled)| ChannelFound { name: name.clone(), kind, filled });
    let report = LoadReport {
        source: table.place.file.clone(),
        csv: table.csv.clone(),
        rows: series.rows(),
        time: found,
        label: roles.label.map(|at| table.columns[at].name.clone()),
        channels: channels.collect(),
        left_out: roles.left_out.iter().cloned().chain(left_out).collect(),
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
    let fault = |fault: ZoneFault| {
        let (ZoneFault::Skipped(row) | ZoneFault::Beyond(row)) = fault;
        let time = Clock::Local.at(times.values[row].unwrap_or(0));
        let (place, zone) = (place.of(row), name.clone());
        match fault {
            ZoneFault::Skipped(_) => DataError::SkippedTime { place, time, zone },
            ZoneFault::Beyond(_) => DataError::TimeBeyond { place, time, zone },
        }
    };
    Ok(Cow::Owned(in_zone(times, rows, zone).map_err(fault)?))
}

/// Channels that have another name than their column, which is that of one before.
fn renamed(table: &Table, channels: &[String]) -> Vec<LoadWarning> {
    let of_channel = |(column, channel): &(String, String)| LoadWarning::Renamed {
        column: column.clone(),
        channel: channel.clone(),
    };
    let channels: HashSet<&String> = channels.iter().collect();
    let is_channel = |(_, name): &&(String, String)| channels.contains(name);
    table.renamed.iter().filter(is_channel).map(of_channel).collect()
}
