//! ASTER beside baselines on a public dataset, the same rows in the same call.
//!
//! `cargo run --release --example benchmark -- --dataset asd --data <folder>`

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use aster::data::{Dataset, DatasetId, Task, TimeSeries};
use aster::llm::LlmConfig;
use aster::prelude::*;
use aster_examples::baselines::Baseline;
use aster_examples::evaluate::{Metrics, Scored, Summary, score};
use aster_examples::studies::base_config;
use clap::Parser;
use serde::Serialize;

/// Train per series, print one row per series and the means.
#[derive(Parser)]
struct Arguments {
    /// asd, skab, msl, smd, psm, pump, swat or catsv2.
    #[arg(long)]
    dataset: DatasetId,
    /// Folder with the dataset's files (see docs/datasets.md).
    #[arg(long)]
    data: PathBuf,
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

/// A method's metrics by seed and series.
struct Results {
    /// Nothing for ASTER.
    baseline: Option<Baseline>,
    metrics: Vec<Vec<Metrics>>,
    seconds: Vec<f64>,
}

impl Results {
    fn name(&self) -> String {
        self.baseline.map_or("aster".into(), |baseline| baseline.to_string())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let device = device(arguments.device.clone())?;
    let config = config(&arguments)?;
    let mut dataset = Dataset::open(arguments.dataset, &arguments.data)?;
    if !arguments.only.is_empty() {
        dataset.tasks.retain(|task| arguments.only.contains(&task.name));
    }
    let llm = &config.context.llm;
    println!("# {}\n\n{}; language model: {llm:?}\n", dataset.name, dataset.version);

    let methods = [None].into_iter().chain(Baseline::all().into_iter().map(Some));
    let results = |baseline| Results { baseline, metrics: vec![], seconds: vec![] };
    let mut methods: Vec<Results> = methods.map(results).collect();
    println!("| series | seed | method | {} | s |", Metrics::NAMES.join(" | "));
    println!("|---|---|---|{}---|", "---|".repeat(Metrics::NAMES.len()));
    for seed in 0..arguments.seeds {
        for results in &mut methods {
            results.metrics.push(vec![]);
            results.seconds.push(0.0);
        }
        for task in &dataset.tasks {
            for results in &mut methods {
                let started = Instant::now();
                let scored = run(results.baseline, task, &config, seed, &device)?;
                let seconds = started.elapsed().as_secs_f64();
                *last(&mut results.seconds)? += seconds;
                for (scored, test) in scored.iter().zip(&task.tests) {
                    let metrics = Metrics::of(scored, &test.series)?;
                    let share = seconds / task.tests.len() as f64;
                    print_row(&[&test.name, &seed.to_string(), &results.name()], &metrics, share);
                    last(&mut results.metrics)?.push(metrics);
                }
            }
        }
    }
    print_summary(arguments.dataset, &methods);
    if let Some(path) = &arguments.json {
        write_json(path, &arguments, &methods)?;
    }
    Ok(())
}

fn last<T>(values: &mut [T]) -> Result<&mut T, Box<dyn Error>> {
    values.last_mut().ok_or_else(|| "no seed was run".into())
}

fn config(arguments: &Arguments) -> Result<AsterConfig, Box<dyn Error>> {
    let mut config = base_config(arguments.config.as_deref())?;
    if let Some(llm) = &arguments.llm {
        config.context.llm = match llm.as_str() {
            "none" => LlmSource::None,
            "bundled" => LlmSource::Bundled,
            "random" => LlmSource::Random(LlmConfig::default()),
            folder => LlmSource::Folder(folder.into()),
        };
    }
    Ok(config)
}

fn run(
    baseline: Option<Baseline>,
    task: &Task,
    config: &AsterConfig,
    seed: u64,
    device: &Device,
) -> Result<Vec<Scored>, Box<dyn Error>> {
    if let Some(baseline) = baseline {
        let tests: Vec<&TimeSeries> = task.tests.iter().map(|test| &test.series).collect();
        return baseline.run(&task.train, &tests, &config.threshold, seed);
    }
    let mut config = config.clone();
    config.train.seed = seed;
    Ok(score(&Detector::fit(&config, &task.train, device)?, task)?)
}

fn print_row(names: &[&str], metrics: &Metrics, seconds: f64) {
    let cells = metrics.values().map(|value| format!("{value:.3}"));
    println!("| {} | {} | {seconds:.1} |", names.join(" | "), cells.join(" | "));
}

/// Over seeds, of the mean over series; per metric.
fn summaries(results: &Results) -> [Summary; 6] {
    std::array::from_fn(|metric| {
        let mean = |series: &Vec<Metrics>| {
            series.iter().map(|m| m.values()[metric]).sum::<f64>() / series.len() as f64
        };
        Summary::of(&results.metrics.iter().map(mean).collect::<Vec<_>>())
    })
}

fn print_summary(dataset: DatasetId, methods: &[Results]) {
    println!("\nMean over series, ± standard deviation over seeds:\n");
    println!("| method | {} | s |", Metrics::NAMES.join(" | "));
    println!("|---|{}---|", "---|".repeat(Metrics::NAMES.len()));
    for results in methods {
        let cells = summaries(results).map(|summary| summary.to_string());
        let seconds = Summary::of(&results.seconds).mean;
        println!("| {} | {} | {seconds:.0} |", results.name(), cells.join(" | "));
    }
    if let Some([auroc, aupr, f1, vus_pr]) = published_best(dataset) {
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

fn write_json(
    path: &Path,
    arguments: &Arguments,
    methods: &[Results],
) -> Result<(), Box<dyn Error>> {
    let row = |results: &Results| {
        let [auroc, aupr, f1, f1_oracle, vus_pr, affiliation_f1] = summaries(results);
        let seconds = Summary::of(&results.seconds);
        let name = results.name();
        Row { name, auroc, aupr, f1, f1_oracle, vus_pr, affiliation_f1, seconds }
    };
    let report = Report {
        dataset: arguments.dataset.name().to_lowercase(),
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
