//! ASTER beside baselines on public datasets, the same rows in the same call.
//!
//! `cargo run --release -p aster-tools --bin benchmark -- [--suite <folder of folders>]`
//!
//! Without a dataset it compares them on a synthetic one. With `--out`, finished runs are kept in
//! a file and not run again, so a comparison that was stopped goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use aster::data::{Dataset, DatasetId, Task, TimeSeries};
use aster::llm::LlmConfig;
use aster::prelude::*;
use aster_tools::baselines::Baseline;
use aster_tools::contaminate::contaminated;
use aster_tools::evaluate::{measure, score};
use aster_tools::runs::{Key, Log, Run};
use aster_tools::studies::{base_config, synthetic};
use aster_tools::tables::{Table, ranks};
use clap::Parser;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;

/// Fit every method on every series; print the mean over sets, ranks, and a table per set.
#[derive(Parser)]
struct Arguments {
    /// asd, skab, msl, smd, psm, pump, swat or catsv2. Default: a synthetic one.
    #[arg(long, requires = "data")]
    dataset: Option<DatasetId>,
    /// Folder with the dataset's files (see docs/datasets.md).
    #[arg(long, requires = "dataset")]
    data: Option<PathBuf>,
    /// Folder with a folder per set: NAME_train.parquet beside NAME_test*.parquet.
    #[arg(long, conflicts_with = "dataset")]
    suite: Option<PathBuf>,
    /// Only sets of the suite with one of these names, separated by commas.
    #[arg(long, value_delimiter = ',', requires = "suite")]
    sets: Vec<String>,
    /// Share of the training rows that are replaced by bad ones before any method sees them, in [0, 1).
    #[arg(long, default_value_t = 0.0)]
    bad_rows: f64,
    /// Rows of an episode of bad rows; 0 is one episode of them all.
    #[arg(long, default_value_t = 40, requires = "bad_rows")]
    episode: usize,
    /// Seeds 0..n.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Language model: a Hugging Face folder, `bundled`, `random` (weights of a tiny GPT-2)
    /// or `none`. Default: the config's.
    #[arg(long)]
    llm: Option<String>,
    /// A JSON file with config fields that differ from the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only series whose name is one of these, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only ASTER, without the baselines.
    #[arg(long)]
    alone: bool,
    /// A file for the finished runs.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where to compute: auto, or a backend that is compiled in, such as cuda:1.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

const ASTER: &str = "ASTER";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let device = device(arguments.device.clone())?;
    let config = config(&arguments)?;
    let sets = sets(&arguments)?;
    let baselines = if arguments.alone { vec![] } else { Baseline::all() };
    // linfa's ball tree recurses once per point where many points are equal.
    let pool = rayon::ThreadPoolBuilder::new().stack_size(256 << 20).build()?;
    let mut log = Log::open(arguments.out.as_deref())?;
    for seed in 0..arguments.seeds {
        for set in &sets {
            for task in &set.tasks {
                // ASTER has all cores, then each baseline one, as it uses no more.
                let key = key_of(&set.name, task, seed, &config, None);
                if !is_known(&log, &key) {
                    let run = run_aster(key, task, &config, &device)?;
                    let [auroc, aupr, ..] = run.means();
                    let seconds = run.seconds;
                    eprintln!(
                        "{} {}, seed {seed}: AUROC {auroc:.3}, AUPR {aupr:.3}, {seconds:.0} s",
                        set.name, task.name
                    );
                    log.add(run)?;
                }
                let missing = baselines.iter().filter_map(|baseline| {
                    let key = key_of(&set.name, task, seed, &config, Some(*baseline));
                    (!is_known(&log, &key)).then_some((*baseline, key))
                });
                let missing: Vec<(Baseline, Key)> = missing.collect();
                let run = |(baseline, key): (Baseline, Key)| match seed > 0 && !baseline.is_random()
                {
                    true => again(&log, key),
                    false => run_baseline(baseline, key, task, &config),
                };
                let runs = pool.install(|| missing.into_par_iter().map(run).collect::<Vec<_>>());
                for run in runs {
                    log.add(run?)?;
                }
            }
        }
    }
    let methods: Vec<Option<Baseline>> =
        [None].into_iter().chain(baselines.into_iter().map(Some)).collect();
    let table = |set| table(set, &methods, log.runs(), &config, arguments.seeds);
    let tables: Vec<Table> = sets.iter().map(table).collect();
    let llm = &config.model.context.llm;
    let seeds = arguments.seeds;
    println!("{seeds} seeds; mean over series, ± standard deviation over seeds; LLM: {llm:?}\n");
    if tables.len() > 1 {
        println!("{}\n{}", Table::mean_of(&tables).markdown(), ranks(&tables));
    }
    for (table, set) in tables.iter().zip(&sets) {
        print!("{}", table.markdown());
        if let Some([auroc, aupr, f1, vus_pr]) = published_best(&set.name) {
            println!("| best of 58 published (TAB) | {auroc} | {aupr} | {f1} | | {vus_pr} | | |");
        }
        println!("\n{}\n", set.version);
    }
    if let Some(path) = &arguments.json {
        write_json(path, &arguments, &tables)?;
    }
    Ok(())
}

fn sets(arguments: &Arguments) -> anyhow::Result<Vec<Dataset>> {
    let mut sets = match (&arguments.suite, arguments.dataset, &arguments.data) {
        (Some(folder), ..) => Dataset::open_suite(folder)?,
        (None, Some(id), Some(folder)) => vec![Dataset::open(id, folder)?],
        _ => vec![synthetic()?],
    };
    if !arguments.sets.is_empty() {
        sets.retain(|set| arguments.sets.contains(&set.name));
    }
    if !arguments.only.is_empty() {
        sets.iter_mut()
            .for_each(|set| set.tasks.retain(|task| arguments.only.contains(&task.name)));
        sets.retain(|set| !set.tasks.is_empty());
    }
    for task in sets.iter_mut().flat_map(|set| &mut set.tasks) {
        task.tests.retain(|test| {
            let labels = test.series.labels().unwrap_or_default();
            let both = labels.contains(&true) && labels.contains(&false);
            if !both {
                eprintln!("left out: {} has no rows of both classes", test.name);
            }
            both
        });
    }
    sets.iter_mut().for_each(|set| set.tasks.retain(|task| !task.tests.is_empty()));
    sets.retain(|set| !set.tasks.is_empty());
    anyhow::ensure!(!sets.is_empty(), "no series with anomalies of these names");
    contaminate(arguments, &mut sets)?;
    Ok(sets)
}

/// Puts bad rows into training series, whose names then tell.
fn contaminate(arguments: &Arguments, sets: &mut [Dataset]) -> anyhow::Result<()> {
    let Arguments { bad_rows: share, episode, .. } = *arguments;
    anyhow::ensure!((0.0..1.0).contains(&share), "expected bad-rows in [0, 1), got {share}");
    if share == 0.0 {
        return Ok(());
    }
    for task in sets.iter_mut().flat_map(|set| &mut set.tasks) {
        let rows = match episode {
            0 => (share * task.train.rows() as f64).ceil() as usize,
            rows => rows,
        };
        task.train = contaminated(&task.train, share, rows, 0)?;
        task.name += &format!(", {share} bad in episodes of {rows}");
    }
    Ok(())
}

fn table(
    set: &Dataset,
    methods: &[Option<Baseline>],
    runs: &[Run],
    config: &AsterConfig,
    seeds: u64,
) -> Table {
    let (mut keys, mut names) = (vec![], vec![]);
    for method in methods {
        names.push(method.map_or(ASTER.into(), |baseline| baseline.to_string()));
        for task in &set.tasks {
            keys.extend((0..seeds).map(|seed| key_of(&set.name, task, seed, config, *method)));
        }
    }
    let runs: Vec<&Run> = runs.iter().filter(|run| keys.contains(&run.key)).collect();
    Table::of_set(&set.name, &names, &runs, seeds)
}

/// Key of a run, with all that decides about it: of the config, a baseline reads the threshold alone.
fn key_of(
    set: &str,
    task: &Task,
    seed: u64,
    config: &AsterConfig,
    baseline: Option<Baseline>,
) -> Key {
    let (set, series) = (set.into(), task.name.clone());
    match baseline {
        None => {
            let settings = json!(config);
            Key { set, series, seed, method: ASTER.into(), settings }
        }
        Some(baseline) => {
            let AsterConfig { threshold, drift, train, .. } = config;
            let settings = json!([threshold, drift, train.validation]);
            Key { set, series, seed, method: baseline.to_string(), settings }
        }
    }
}

fn is_known(log: &Log<Run>, key: &Key) -> bool {
    log.runs().iter().any(|run| run.key == *key)
}

/// The run of the first seed, for a method that draws nothing.
fn again(log: &Log<Run>, key: Key) -> anyhow::Result<Run> {
    let first = Key { seed: 0, ..key.clone() };
    let run = log.runs().iter().find(|run| run.key == first);
    Ok(Run { key, ..run.context("no run of the first seed")?.clone() })
}

fn run_aster(key: Key, task: &Task, config: &AsterConfig, device: &Device) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut config = config.clone();
    config.train.seed = key.seed;
    let scored = score(&fit(&config, &task.train, device)?, task)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Run { key, metrics: measure(&scored, task)?, seconds })
}

fn run_baseline(
    baseline: Baseline,
    key: Key,
    task: &Task,
    config: &AsterConfig,
) -> anyhow::Result<Run> {
    let started = Instant::now();
    let tests: Vec<&TimeSeries> = task.tests.iter().map(|test| &test.series).collect();
    let scored = baseline.run(&task.train, &tests, config, key.seed)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Run { key, metrics: measure(&scored, task)?, seconds })
}

fn config(arguments: &Arguments) -> anyhow::Result<AsterConfig> {
    let mut config = base_config(arguments.config.as_deref())?;
    if let Some(llm) = &arguments.llm {
        config.model.context.llm = match llm.as_str() {
            "none" => LlmSource::None,
            "bundled" => LlmSource::Bundled,
            "random" => LlmSource::Random(LlmConfig::default()),
            folder => LlmSource::Folder(folder.into()),
        };
    }
    Ok(config)
}

/// The best cell of all methods in the result tables of the TAB benchmark (Qiu et
/// al., VLDB 2025): AUROC, AUPR, F1 at the method's own threshold, VUS-PR. TAB
/// joins all 28 machines of SMD, so its row does not compare with six of them.
fn published_best(set: &str) -> Option<[&'static str; 4]> {
    match set.parse().ok()? {
        DatasetId::Asd => Some([".870 KMeans", ".393 kNN", ".267 KMeans", ".373 kNN"]),
        DatasetId::Skab => Some([".882 KMeans", ".833 KMeans", ".723 KMeans", ".893 KMeans"]),
        DatasetId::Msl => Some([".684 CATCH", ".200 kNN", ".256 kNN", ".261 CATCH"]),
        DatasetId::Psm => Some([".773 HBOS", ".584 LSTM", ".550 KMeans", ".523 LSTM"]),
        DatasetId::Pump => Some([".874 HBOS", ".423 HBOS", ".458 ASTER", ".571 OCSVM"]),
        DatasetId::Swat => Some([".879 CBLOF", ".772 kNN", ".695 ASTER", ".575 VAE"]),
        DatasetId::Catsv2 => Some([".727 kNN", ".261 TimesNet", ".262 TimesNet", ".327 OCSVM"]),
        DatasetId::Smd => None,
    }
}

#[derive(Serialize)]
struct Report<'a> {
    seeds: u64,
    commit: String,
    sets: BTreeMap<&'a str, &'a Table>,
    mean: Table,
}

fn write_json(path: &Path, arguments: &Arguments, tables: &[Table]) -> anyhow::Result<()> {
    let report = Report {
        seeds: arguments.seeds,
        commit: commit(),
        sets: tables.iter().map(|table| (&*table.set, table)).collect(),
        mean: Table::mean_of(tables),
    };
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

/// The checked-out commit, where there is one.
fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let hash = output.ok().filter(|o| o.status.success());
    hash.map_or("unknown".into(), |o| String::from_utf8_lossy(&o.stdout).trim().into())
}
