//! ASTER beside baselines on a public dataset, the same rows in the same call.
//!
//! `cargo run --release -p aster-tools --bin benchmark -- [--dataset asd --data <folder>]`
//!
//! Without a dataset it compares them on a synthetic one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use aster::data::{Dataset, DatasetId, Task, TimeSeries};
use aster::llm::LlmConfig;
use aster::prelude::*;
use aster_tools::baselines::Baseline;
use aster_tools::evaluate::{Metrics, Summary, measure, score, summaries};
use aster_tools::studies::{base_config, synthetic};
use clap::Parser;
use rayon::prelude::*;
use serde::Serialize;

/// Train per series, print one row per series and the means.
#[derive(Parser)]
struct Arguments {
    /// asd, skab, msl, smd, psm, pump, swat or catsv2. Default: a synthetic one.
    #[arg(long, requires = "data")]
    dataset: Option<DatasetId>,
    /// Folder with the dataset's files (see docs/datasets.md).
    #[arg(long, requires = "dataset")]
    data: Option<PathBuf>,
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
    /// Where to write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where to compute: auto, or a backend that is compiled in, such as cuda:1.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// Results of a method, by seed and task.
struct Results {
    method: Method,
    runs: Vec<Vec<Run>>,
}

enum Method {
    Aster(Device),
    Baseline(Baseline),
}

/// One fit and what its scores are worth, by test.
#[derive(Clone)]
struct Run {
    metrics: Vec<Metrics>,
    seconds: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let device = device(arguments.device.clone())?;
    let config = config(&arguments)?;
    let mut dataset = match (arguments.dataset, &arguments.data) {
        (Some(id), Some(folder)) => Dataset::open(id, folder)?,
        _ => synthetic()?,
    };
    if !arguments.only.is_empty() {
        dataset.tasks.retain(|task| arguments.only.contains(&task.name));
    }
    let llm = &config.model.context.llm;
    println!("# {}\n\n{}; language model: {llm:?}\n", dataset.name, dataset.version);

    // linfa's ball tree recurses once per point where many points are equal.
    let pool = rayon::ThreadPoolBuilder::new().stack_size(256 << 20).build()?;
    let methods = [Method::Aster(device)];
    let methods = methods.into_iter().chain(Baseline::all().into_iter().map(Method::Baseline));
    let mut methods: Vec<_> = methods.map(|method| Results { method, runs: vec![] }).collect();
    println!("| series | seed | method | {} | s |", Metrics::NAMES.join(" | "));
    println!("|---|---|---|{}---|", "---|".repeat(Metrics::NAMES.len()));
    for seed in 0..arguments.seeds {
        methods.iter_mut().for_each(|results| results.runs.push(vec![]));
        for task in &dataset.tasks {
            // ASTER has all cores, then each baseline one, as it uses no more.
            let (aster, baselines) = methods.split_at_mut(1);
            aster[0].add(task, &config, seed)?;
            pool.install(|| {
                baselines.par_iter_mut().try_for_each(|results| results.add(task, &config, seed))
            })?;
            methods.iter().for_each(|results| results.print_last(task, seed));
        }
    }
    print_summary(arguments.dataset, &methods);
    if let Some(path) = &arguments.json {
        write_json(path, &arguments, &methods)?;
    }
    Ok(())
}

impl Results {
    fn name(&self) -> String {
        match &self.method {
            Method::Aster(..) => "aster".into(),
            Method::Baseline(baseline) => baseline.to_string(),
        }
    }

    /// Runs the last of the seeds on the next task.
    fn add(&mut self, task: &Task, config: &AsterConfig, seed: u64) -> anyhow::Result<()> {
        let place = self.runs.last().map_or(0, Vec::len);
        let run = match &self.method {
            Method::Baseline(baseline) if seed > 0 && !baseline.is_random() => {
                self.runs[0][place].clone()
            }
            method => Run::of(method, task, config, seed)?,
        };
        self.runs.last_mut().context("no seed was begun")?.push(run);
        Ok(())
    }

    fn print_last(&self, task: &Task, seed: u64) {
        let Some(Run { metrics, seconds }) = self.runs.last().and_then(|runs| runs.last()) else {
            return;
        };
        for (metrics, test) in metrics.iter().zip(&task.tests) {
            let cells = metrics.values().map(|value| format!("{value:.3}")).join(" | ");
            let share = seconds / task.tests.len() as f64;
            println!("| {} | {seed} | {} | {cells} | {share:.1} |", test.name, self.name());
        }
    }

    /// Seconds of all tasks, per seed.
    fn seconds(&self) -> Summary {
        let sum = |runs: &Vec<Run>| runs.iter().map(|run| run.seconds).sum();
        Summary::of(&self.runs.iter().map(sum).collect::<Vec<_>>())
    }

    /// Over seeds, of the mean over series; per metric.
    fn summaries(&self) -> [Summary; Metrics::NAMES.len()] {
        let of_seed = |runs: &Vec<Run>| runs.iter().flat_map(|run| run.metrics.clone()).collect();
        summaries(&self.runs.iter().map(of_seed).collect::<Vec<_>>())
    }
}

impl Run {
    fn of(method: &Method, task: &Task, config: &AsterConfig, seed: u64) -> anyhow::Result<Self> {
        let started = Instant::now();
        let scored = match method {
            Method::Aster(device) => {
                let mut config = config.clone();
                config.train.seed = seed;
                score(&fit(&config, &task.train, device)?, task)?
            }
            Method::Baseline(baseline) => {
                let tests: Vec<&TimeSeries> = task.tests.iter().map(|test| &test.series).collect();
                baseline.run(&task.train, &tests, config, seed)?
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        Ok(Self { metrics: measure(&scored, task)?, seconds })
    }
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

fn print_summary(dataset: Option<DatasetId>, methods: &[Results]) {
    println!("\nMean over series, ± standard deviation over seeds:\n");
    println!("| method | {} | s |", Metrics::NAMES.join(" | "));
    println!("|---|{}---|", "---|".repeat(Metrics::NAMES.len()));
    for results in methods {
        let cells = results.summaries().map(|summary| summary.to_string()).join(" | ");
        println!("| {} | {cells} | {:.0} |", results.name(), results.seconds().mean);
    }
    if let Some([auroc, aupr, f1, vus_pr]) = dataset.and_then(published_best) {
        println!("| best of 58 published (TAB) | {auroc} | {aupr} | {f1} | | {vus_pr} | | |");
    }
}

/// The best cell of all methods in the result tables of the TAB benchmark (Qiu et
/// al., VLDB 2025): AUROC, AUPR, F1 at the method's own threshold, VUS-PR. TAB
/// joins all 28 machines of SMD, so its row does not compare with six of them.
fn published_best(dataset: DatasetId) -> Option<[&'static str; 4]> {
    match dataset {
        DatasetId::Asd => Some([".870 KMeans", ".393 kNN", ".267 KMeans", ".373 kNN"]),
        DatasetId::Skab => Some([".882 KMeans", ".833 KMeans", ".723 KMeans", ".893 KMeans"]),
        DatasetId::Msl => Some([".684 CATCH", ".200 kNN", ".256 kNN", ".261 CATCH"]),
        DatasetId::Psm => Some([".773 HBOS", ".584 LSTM", ".550 KMeans", ".523 LSTM"]),
        DatasetId::Pump => Some([".874 HBOS", ".423 HBOS", ".458 ASTER", ".571 OCSVM"]),
        DatasetId::Swat => Some([".879 CBLOF", ".772 kNN", ".695 ASTER", ".575 VAE"]),
        DatasetId::Catsv2 => Some([".727 kNN", ".261 TimesNet", ".262 TimesNet", ".327 OCSVM"]),
        _ => None,
    }
}

#[derive(Serialize)]
struct Report {
    dataset: String,
    seeds: u64,
    commit: String,
    methods: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    auroc: Summary,
    aupr: Summary,
    f1: Summary,
    f1_oracle: Summary,
    vus_pr: Summary,
    affiliation_f1: Summary,
    seconds: Summary,
}

fn write_json(path: &Path, arguments: &Arguments, methods: &[Results]) -> anyhow::Result<()> {
    let row = |results: &Results| {
        let [auroc, aupr, f1, f1_oracle, vus_pr, affiliation_f1] = results.summaries();
        let (name, seconds) = (results.name(), results.seconds());
        Row { name, auroc, aupr, f1, f1_oracle, vus_pr, affiliation_f1, seconds }
    };
    let report = Report {
        dataset: arguments.dataset.map_or("synthetic".into(), |id| id.name().to_lowercase()),
        seeds: arguments.seeds,
        commit: commit(),
        methods: methods.iter().map(row).collect(),
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
