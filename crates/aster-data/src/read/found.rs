//! What is told of a series that was loaded.

use std::collections::HashSet;

use aster_base::{Clock, Time};
use rayon::prelude::*;

use crate::check::sentinel;
use crate::read::columns::Custom;
use crate::read::matrix::Matrix;
use crate::read::report::{ChannelKind, LoadWarning, TimeFound};
use crate::read::roles::looks_like_epoch;
use crate::read::rows::{DuplicateTimes, runs};
use crate::read::times::Times;
use crate::series::TimeSeries;

/// Rows that a warning lists.
pub(crate) const LISTED: usize = 5;

/// What one look at a column's values tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) missing: usize,
    /// Of the values that are there.
    low: f64,
    high: f64,
}

impl Seen {
    pub(crate) fn of(values: &[f64]) -> Self {
        // Several at a time, which a processor's vectors hold.
        const LANES: usize = 8;
        let SeenColumns { lows, highs, missing } = SeenColumns::of(values, LANES);
        Self {
            missing: missing.iter().sum::<u64>() as usize,
            low: lows.into_iter().fold(f64::INFINITY, f64::min),
            high: highs.into_iter().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// What one look at the columns of a matrix tells, of each.
    pub(crate) fn of_columns(matrix: &Matrix) -> Vec<Self> {
        const ROWS: usize = 1 << 14;
        let width = matrix.width.max(1);
        let parts = matrix.values.par_chunks(ROWS * width).map(|rows| SeenColumns::of(rows, width));
        let SeenColumns { lows, highs, missing } =
            parts.reduce(|| SeenColumns::new(width), SeenColumns::with);
        let each = lows.into_iter().zip(highs).zip(missing);
        each.map(|((low, high), missing)| Self { missing: missing as usize, low, high }).collect()
    }

    /// Whether every value is there and finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.missing == 0 && self.low.is_finite() && self.high.is_finite()
    }
}

/// What one look at rows tells of each of their columns.
struct SeenColumns {
    lows: Vec<f64>,
    highs: Vec<f64>,
    missing: Vec<u64>,
}

impl SeenColumns {
    /// Before the first row.
    fn new(width: usize) -> Self {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { lows: vec![low; width], highs: vec![high; width], missing: vec![0; width] }
    }

    fn of(rows: &[f64], width: usize) -> Self {
        let mut seen = Self::new(width);
        for row in rows.chunks(width) {
            // One after the other, each as wide as a processor's vectors.
            for (low, value) in seen.lows.iter_mut().zip(row) {
                *low = if *value < *low { *value } else { *low };
            }
            for (high, value) in seen.highs.iter_mut().zip(row) {
                *high = if *value > *high { *value } else { *high };
            }
            for (missing, value) in seen.missing.iter_mut().zip(row) {
                *missing += u64::from(value.is_nan());
            }
        }
        seen
    }

    /// Of the rows of both.
    fn with(mut self, more: Self) -> Self {
        self.lows.iter_mut().zip(more.lows).for_each(|(a, b)| *a = a.min(b));
        self.highs.iter_mut().zip(more.highs).for_each(|(a, b)| *a = a.max(b));
        self.missing.iter_mut().zip(more.missing).for_each(|(a, b)| *a += b);
        self
    }
}

/// Kinds of channels, and what their values are likely to be.
pub(crate) fn of_channels<V: Iterator<Item = f64> + Clone>(
    names: &[String],
    values: impl Fn(usize) -> V + Sync,
    seen: &[Seen],
    first: Option<Time>,
) -> (Vec<ChannelKind>, Vec<LoadWarning>) {
    let each = |at: usize| {
        let kind = kind_of(values(at), &seen[at]);
        (kind, of_channel((&names[at], values(at)), kind, &seen[at], first))
    };
    let found: Vec<(ChannelKind, Vec<LoadWarning>)> =
        (0..names.len()).into_par_iter().map(each).collect();
    let (kinds, warnings): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    (kinds, warnings.into_iter().flatten().collect())
}

fn of_channel(
    (name, values): (&str, impl Iterator<Item = f64> + Clone),
    kind: ChannelKind,
    seen: &Seen,
    first: Option<Time>,
) -> Vec<LoadWarning> {
    let channel = || name.to_string();
    let mut warnings = vec![];
    let several = values.clone().nth(1).is_some();
    if kind == ChannelKind::Constant && several {
        warnings.push(LoadWarning::Constant { channel: channel() });
    }
    if let Some(unit) = looks_like_epoch(values.clone(), first) {
        warnings.push(LoadWarning::LikelyEpoch { channel: channel(), unit });
    }
    if Custom::LABEL.has(name) && kind != ChannelKind::Binary {
        warnings.push(LoadWarning::LikelyLabel { channel: channel() });
    }
    let found = sentinel(values.clone(), [seen.low, seen.high]);
    warnings.extend(found.map(|(value, count)| LoadWarning::LikelySentinel {
        channel: channel(),
        value,
        count,
        rows: rows_with(values, |it| it == value),
    }));
    warnings
}

fn rows_with(values: impl Iterator<Item = f64>, is: impl Fn(f64) -> bool) -> Vec<usize> {
    let rows = values.enumerate().filter(|(_, value)| is(*value));
    rows.map(|(row, _)| row).take(LISTED).collect()
}

fn kind_of(mut values: impl Iterator<Item = f64> + Clone, seen: &Seen) -> ChannelKind {
    match () {
        () if seen.low == seen.high => ChannelKind::Constant,
        () if values.clone().all(|value| [0.0, 1.0].contains(&value)) => ChannelKind::Binary,
        () if values.all(|value| value.fract() == 0.0) => ChannelKind::Whole,
        () => ChannelKind::Continuous,
    }
}

/// The step that times take mostly, and steps that are another one.
fn steps(times: &[i64]) -> Option<(i64, usize)> {
    let steps: Vec<i64> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let mut positive: Vec<i64> = steps.iter().copied().filter(|step| *step > 0).collect();
    let middle = positive.len() / 2;
    let median = (!positive.is_empty()).then(|| *positive.select_nth_unstable(middle).1)?;
    Some((median, steps.iter().filter(|step| **step != median).count()))
}

/// What is told of a column of times.
pub(crate) fn of_times(
    columns: &[String],
    form: &Times,
    clock: &Clock,
    times: &[i64],
) -> TimeFound {
    let ends = [times.first(), times.last()].map(|time| clock.at(time.copied().unwrap_or(0)));
    let found = steps(times);
    TimeFound {
        columns: columns.to_vec(),
        form: form.form,
        order: form.order,
        span: ends,
        step: found.map(|(step, _)| step),
        irregular: found.map_or(0, |(_, irregular)| irregular),
        regular: found.is_some_and(|(_, irregular)| irregular * 2 < times.len()),
    }
}

/// What the times of rows make one wonder about.
pub(crate) fn of_rows(
    series: &TimeSeries,
    (found, times): (&TimeFound, &[i64]),
    clock: &Clock,
    duplicates: DuplicateTimes,
) -> Vec<LoadWarning> {
    let mut warnings = vec![];
    let equal: Vec<usize> = (1..times.len()).filter(|row| times[*row] == times[row - 1]).collect();
    if !equal.is_empty() && duplicates == DuplicateTimes::Keep {
        warnings.extend(ids(series, times));
        let rows = equal.iter().copied().take(LISTED).collect();
        warnings.push(LoadWarning::DuplicateTimes { count: equal.len(), rows });
    }
    if let Some(step) = found.step {
        // Times that come as they like have gaps of all sizes.
        let most = if found.irregular * 2 > times.len() {
            step.saturating_mul(10)
        } else {
            step.saturating_add(step / 2)
        };
        let gap = |row: usize| times[row].saturating_sub(times[row - 1]);
        let mut gaps: Vec<usize> = (1..times.len()).filter(|row| gap(*row) > most).collect();
        gaps.sort_by_key(|row| std::cmp::Reverse(gap(*row)));
        if let Some(longest) = gaps.first() {
            let ends = [times[longest - 1], times[*longest]].map(|time| clock.at(time));
            let rows = gaps.iter().copied().take(LISTED).collect();
            warnings.push(LoadWarning::TimeGaps { count: gaps.len(), rows, longest: ends, step });
        }
    }
    warnings
}

/// Channels by which rows of one time differ as series do.
fn ids(series: &TimeSeries, times: &[i64]) -> Vec<LoadWarning> {
    let shared: Vec<_> = runs(times).filter(|run| run.len() > 1).collect();
    if shared.iter().map(|run| run.len()).sum::<usize>() * 2 < times.len() {
        return vec![];
    }
    let is_id = |channel: usize| {
        let values: Vec<f64> = series.channel(channel).collect();
        let whole = values.iter().all(|value| value.fract() == 0.0);
        let different: HashSet<u64> = values.iter().map(|value| value.to_bits()).collect();
        let apart = shared.iter().all(|run| {
            let of_run: HashSet<u64> = values[run.clone()].iter().map(|it| it.to_bits()).collect();
            of_run.len() == run.len()
        });
        (whole && apart && different.len() * 2 <= values.len()).then_some(different.len())
    };
    let channels = series.channels().iter().enumerate();
    let ids = channels.filter_map(|(at, name)| is_id(at).map(|ids| (name, ids)));
    ids.map(|(channel, ids)| LoadWarning::LikelyId { channel: channel.clone(), ids }).collect()
}
