//! Files as people have them: those of `../shared/cases`, up to 79, against the facts beside this
//! test.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::collections::BTreeMap;
use std::path::Path;

use aster_base::Configure;
use aster_data::{LoadOptions, Loaded, MissingPolicy, TimeSeries};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    /// The file, where it is not called as the fact is.
    file: Option<String>,
    /// With these options; without any, gaps are interpolated.
    options: Option<LoadOptions>,
    /// A part of the message, where it cannot be read.
    error: Option<String>,
    series: Option<Series>,
    /// The ids of the series that it is read into, of which the first is the one above.
    #[serde(default)]
    ids: Vec<String>,
    /// Parts of the warnings, one each, in order.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    rows: usize,
    channels: Vec<String>,
    first: Vec<f64>,
    last: Vec<f64>,
    /// The first time, the first step and the whole span, in seconds.
    times: [f64; 3],
}

fn facts() -> BTreeMap<String, Fact> {
    toml::from_str(include_str!("cases/facts.toml")).unwrap()
}

fn folder() -> Option<&'static Path> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases"));
    let there = folder.is_dir();
    if !there {
        println!("skipped: {} is not there", folder.display());
    }
    there.then_some(folder)
}

fn interpolated() -> LoadOptions {
    LoadOptions::with(|it| it.missing = MissingPolicy::Linear)
}

fn load(path: &Path, change: impl FnOnce(&mut LoadOptions)) -> Result<TimeSeries, String> {
    let mut options = interpolated();
    change(&mut options);
    TimeSeries::from_csv(path, &options).map_err(|error| error.to_string())
}

impl Fact {
    fn load(&self, path: &Path) -> Result<(Vec<String>, Loaded), String> {
        let options = self.options.clone().unwrap_or_else(interpolated);
        let told = |error: aster_data::DataError| error.to_string();
        if self.ids.is_empty() {
            return Ok((vec![], Loaded::from_csv(path, &options).map_err(told)?));
        }
        let each = Loaded::each_from_csv(path, &options).map_err(told)?;
        let (ids, mut series): (Vec<String>, Vec<Loaded>) = each.into_iter().unzip();
        Ok((ids, series.swap_remove(0)))
    }

    /// What is other than it should be.
    fn wrong(&self, found: &Result<(Vec<String>, Loaded), String>) -> Option<String> {
        let (ids, loaded) = match (found, &self.error) {
            (Err(message), Some(error)) => {
                return (!message.contains(error)).then(|| format!("{error:?}, got {message:?}"));
            }
            (Err(message), None) => return Some(format!("a series, got {message:?}")),
            (Ok(_), Some(error)) => return Some(format!("{error:?}, got a series")),
            (Ok(found), None) => found,
        };
        let warnings: Vec<String> =
            loaded.report.warnings.iter().map(|it| it.to_string()).collect();
        let told = self.warnings.len() == warnings.len()
            && self.warnings.iter().zip(&warnings).all(|(part, warning)| warning.contains(part));
        if !told {
            return Some(format!("warnings {:?}, got {warnings:?}", self.warnings));
        }
        let Loaded { series, .. } = loaded;
        let at = series.timestamps().unwrap();
        let seconds = |time: i64| time as f64 / 1e9;
        let times = [seconds(at[0]), seconds(at[1] - at[0]), seconds(at[at.len() - 1] - at[0])];
        let right = self.series.as_ref().is_some_and(|fact| {
            fact.rows == series.rows()
                && fact.channels == series.channels()
                && fact.first == series.row(0)
                && fact.last == series.row(series.rows() - 1)
                && fact.times == times
        });
        let same = right && *ids == self.ids;
        (!same).then(|| {
            format!("{:?} of {:?}, got {series:?} of {ids:?} {times:?}", self.series, self.ids)
        })
    }
}

#[test]
fn each_file_gives_its_outcome() {
    let Some(folder) = folder() else { return };
    let mut wrong = vec![];
    for (name, fact) in facts() {
        let file = fact.file.as_ref().unwrap_or(&name);
        let found = fact.load(&folder.join(format!("{file}.csv")));
        wrong.extend(fact.wrong(&found).map(|text| format!("{name}: expected {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_format_that_is_given_is_used() {
    let Some(folder) = folder() else { return };
    let path = folder.join("06-month-first-early.csv");
    let steps = |format: &'static str| -> Vec<i64> {
        let series = load(&path, |it| {
            (it.columns.time, it.columns.time_format) = (Some("date".into()), Some(format.into()));
        });
        let times = series.unwrap().timestamps().unwrap().to_vec();
        times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000_000).collect()
    };
    assert!(steps("%m/%d/%Y %H:%M").iter().all(|step| *step == 3600));
    // Also where the other way round is more regular.
    assert_eq!(steps("%d/%m/%Y %H:%M")[23], 30 * 86_400 + 3600);
}
