//! Files as people have them: those of `../shared/cases`, up to 79, against the facts beside this
//! test.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::collections::BTreeMap;
use std::path::Path;

use aster_base::Configure;
use aster_data::{LoadOptions, MissingPolicy, TimeSeries};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Fact {
    Error {
        error: String,
    },
    Series {
        rows: usize,
        channels: Vec<String>,
        first: Vec<f64>,
        last: Vec<f64>,
        /// The first time, the first step and the whole span, in seconds.
        times: [f64; 3],
    },
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

fn load(path: &Path, change: impl FnOnce(&mut LoadOptions)) -> Result<TimeSeries, String> {
    let mut options = LoadOptions::with(|it| it.missing = MissingPolicy::Linear);
    change(&mut options);
    TimeSeries::from_csv(path, &options).map_err(|error| error.to_string())
}

#[test]
fn each_file_gives_its_outcome() {
    let Some(folder) = folder() else { return };
    let mut wrong = vec![];
    for (name, fact) in facts() {
        let found = load(&folder.join(format!("{name}.csv")), |_| ());
        let right = match (&fact, &found) {
            (Fact::Error { error }, Err(message)) => message.contains(error.as_str()),
            (Fact::Series { rows, channels, first, last, times }, Ok(series)) => {
                let at = series.timestamps().unwrap();
                let seconds = |time: i64| time as f64 / 1e9;
                let found =
                    [seconds(at[0]), seconds(at[1] - at[0]), seconds(at[at.len() - 1] - at[0])];
                *rows == series.rows()
                    && channels == series.channels()
                    && first == series.row(0)
                    && last == series.row(series.rows() - 1)
                    && *times == found
            }
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: expected {fact:?}, got {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_understood_has_a_way_on() {
    let Some(folder) = folder() else { return };
    let load = |name: &str, change: fn(&mut LoadOptions)| load(&folder.join(name), change);
    let units = load("22-units-in-cells.csv", |it| it.csv.units = true).unwrap();
    assert_eq!(units.row(0), [19.55]);
    let influx = load("30c-influx-annotated.csv", |it| {
        it.columns.time = Some("_time".into());
        it.columns.features = Some(vec!["_value".into()]);
    });
    assert_eq!(influx.unwrap().rows(), 72);
    let category = load("25-category-column.csv", |it| {
        it.columns.features = Some(vec!["temp".into()]);
    });
    assert_eq!(category.unwrap().row(0), [19.49]);
    let marked = load("66-footer.csv", |it| {
        it.columns.time = Some("time".into());
        it.csv.missing.push("Average".into());
    });
    assert!(marked.unwrap_err().contains("no value at row 72"), "the footer is no row");
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
