//! Ablations: one setting changed at a time, the rest as it is.
//!
//! `cargo run --release -p aster-tools --bin ablation -- [--study llm --data <folder>]`
//!
//! Without a folder with datasets it uses a synthetic one.
//!
//! Finished runs are kept in a file and not run again, so a study that was stopped goes on.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use aster::data::{Dataset, DatasetId, Task};
use aster::detect::{EpochRecord, Losses};
use aster::prelude::*;
use aster_tools::choice::leave_one_out;
use aster_tools::evaluate::{
    METRICS, Metrics, mean, mean_of_known, measure, over_seeds, summaries,
};
use aster_tools::fused::Components;
use aster_tools::runs::Log;
use aster_tools::studies::{Study, Variant, base_config, synthetic};
use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

/// Train every variant of a study on every series with every seed; print a table.
#[derive(Parser)]
struct Arguments {
    /// Setting that is varied.
    #[arg(long, default_value = "head")]
    study: Study,
    /// Folder with a folder per dataset (see docs/datasets.md). Default: a synthetic dataset.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Datasets, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "asd,skab")]
    datasets: Vec<DatasetId>,
    /// Folder with a folder per set, all of which are used: NAME_train.parquet beside
    /// NAME_test*.parquet.
    #[arg(long, conflicts_with = "data")]
    suite: Option<PathBuf>,
    /// Only sets of the suite with one of these names, separated by commas.
    #[arg(long, value_delimiter = ',', requires = "suite")]
    sets: Vec<String>,
    /// Folder of the language model that study `llm` is about. Default: the bundled one.
    #[arg(long)]
    llm: Option<PathBuf>,
    /// Only variants of the study with one of these names, separated by semicolons.
    #[arg(long, value_delimiter = ';')]
    variants: Vec<String>,
    /// Seeds 0..n.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Only series whose name is one of these, separated by commas, in datasets that have
    /// one of them.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A JSON file with config fields in which all variants differ from the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder for the finished runs and the table.
    #[arg(long, default_value = "ablation-output")]
    out: PathBuf,
    /// Where to compute: auto, or a backend that is compiled in, such as cuda:1.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// One detector, trained and scored.
#[derive(Serialize, Deserialize)]
struct Run {
    dataset: String,
    series: String,
    config: AsterConfig,
    parameters: usize,
    trainable: usize,
    seconds: f64,
    /// The training curves.
    epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept.
    best_epoch: usize,
    /// By test series.
    metrics: Vec<Metrics>,
}

impl Run {
    /// Validation losses and measures of the epoch that was kept.
    fn kept(&self) -> Losses {
        let kept = self.epochs.iter().find(|epoch| epoch.epoch == self.best_epoch);
        kept.map_or_else(Losses::default, |epoch| epoch.validation)
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let device = device(arguments.device.clone())?;
    let base = base_config(arguments.config.as_deref())?;
    let model = arguments.llm.clone().map_or(LlmSource::Bundled, LlmSource::Folder);
    let mut variants = arguments.study.variants(&base, &model)?;
    for name in &arguments.variants {
        let known: Vec<&str> = variants.iter().map(|it| it.name.as_str()).collect();
        ensure!(known.contains(&name.as_str()), "no variant {name:?}, but {}", known.join("; "));
    }
    variants.retain(|it| arguments.variants.is_empty() || arguments.variants.contains(&it.name));
    let study = arguments.study.to_possible_value().context("a study without a name")?;
    std::fs::create_dir_all(&arguments.out)?;
    let kept = arguments.out.join(format!("{}.jsonl", study.get_name()));
    let mut log: Log<Run> = Log::open(Some(&kept))?;
    let (mut table, mut names) = (vec![], vec![]);
    // By set, variant and seed.
    let mut means: Vec<Vec<Vec<[f64; METRICS]>>> = vec![];
    for (name, mut tasks) in datasets(&arguments)? {
        if tasks.iter().any(|task| arguments.only.contains(&task.name)) {
            tasks.retain(|task| arguments.only.contains(&task.name));
        }
        // Seeds outermost: a study that is stopped has compared all variants.
        for seed in 0..arguments.seeds {
            for task in &tasks {
                let mut last = None;
                for variant in &variants {
                    let config = seeded(variant, seed);
                    if find(log.runs(), &name, task, &config).is_none() {
                        let run = run(&name, task, config, &mut last, &device)?;
                        report(variant, seed, &run);
                        log.add(run)?;
                    }
                }
            }
        }
        let title = format!("{name}, {} series, seeds 0 to {}", tasks.len(), arguments.seeds - 1);
        let runs_of = |variant: &Variant, seed| -> Vec<&Run> {
            let config = seeded(variant, seed);
            tasks.iter().filter_map(|task| find(log.runs(), &name, task, &config)).collect()
        };
        let of_seed = |variant: &Variant, seed| {
            let metrics = runs_of(variant, seed).into_iter().flat_map(|run| run.metrics.clone());
            Metrics::means(&metrics.collect::<Vec<_>>())
        };
        let of_variant =
            |variant| (0..arguments.seeds).map(|seed| of_seed(variant, seed)).collect();
        means.push(variants.iter().map(of_variant).collect());
        table.push(of_dataset(arguments.study, &title, &variants, arguments.seeds, runs_of));
        table.push(course(&variants, arguments.seeds, runs_of));
        names.push(name);
    }
    if names.len() > 2 {
        table.insert(0, over_sets(arguments.study, &variants, &means));
        table.insert(1, choice(arguments.study, &variants, &names, &means));
    }
    let table = table.join("\n");
    println!("\n{table}");
    std::fs::write(arguments.out.join(format!("{}.md", study.get_name())), table)?;
    Ok(())
}

/// Names and tasks.
fn datasets(arguments: &Arguments) -> anyhow::Result<Vec<(String, Vec<Task>)>> {
    if let Some(folder) = &arguments.suite {
        let sets = Dataset::open_suite(folder)?.into_iter();
        let sets = sets.map(|set| (set.name, set.tasks));
        let wanted = |name: &String| arguments.sets.is_empty() || arguments.sets.contains(name);
        return Ok(sets.filter(|(name, _)| wanted(name)).collect());
    }
    let Some(folder) = &arguments.data else {
        return Ok(vec![("synthetic".into(), synthetic()?.tasks)]);
    };
    let open = |id: &DatasetId| {
        let name = id.name().to_lowercase();
        let tasks = Dataset::open(*id, folder.join(&name))?.tasks;
        Ok((name, tasks))
    };
    arguments.datasets.iter().map(open).collect()
}

fn seeded(variant: &Variant, seed: u64) -> AsterConfig {
    let mut config = variant.config.clone();
    config.train.seed = seed;
    config
}

fn find<'a>(runs: &'a [Run], dataset: &str, task: &Task, config: &AsterConfig) -> Option<&'a Run> {
    let same =
        |run: &&Run| run.dataset == dataset && run.series == task.name && run.config == *config;
    runs.iter().find(same)
}

/// A detector and what its components say of a task's series.
type Last = (Detector, Components);

/// Trains, unless the last detector on this series differs only in what is read after
/// training; scores, unless it differs only in how its components are fused.
fn run(
    dataset: &str,
    task: &Task,
    config: AsterConfig,
    last: &mut Option<Last>,
    device: &Device,
) -> anyhow::Result<Run> {
    let started = Instant::now();
    if last.as_ref().is_some_and(|(last, _)| !trained_alike(last.config(), &config)) {
        *last = None;
    }
    let fused = match last {
        Some((detector, components)) => components.fused(detector, &config)?,
        None => None,
    };
    let scored = match fused {
        Some(scored) => scored,
        None => {
            let detector = match last.take() {
                Some((detector, _)) => detector.recalibrate(&config.score, &task.train)?,
                None => fit(&config, &task.train, device)?,
            };
            let components = Components::of(&detector, task)?;
            let (detector, components) = last.insert((detector, components));
            components.fused(detector, &config)?.context("a score that is not its own")?
        }
    };
    let detector = &last.as_ref().context("no detector")?.0;
    let run = Run {
        dataset: dataset.into(),
        series: task.name.clone(),
        parameters: detector.record().parameters,
        trainable: detector.record().trainable,
        epochs: detector.record().epochs.clone(),
        best_epoch: detector.record().best_epoch,
        metrics: measure(&scored, task)?,
        config,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(run)
}

fn trained_alike(a: &AsterConfig, b: &AsterConfig) -> bool {
    let mut a = a.clone();
    (a.score, a.threshold, a.alarm, a.drift) = (b.score.clone(), b.threshold, b.alarm, b.drift);
    a == *b
}

fn report(variant: &Variant, seed: u64, run: &Run) {
    let Run { dataset, series, seconds, metrics, .. } = run;
    let auroc = mean(&metrics.iter().map(|m| m.auroc).collect::<Vec<_>>());
    eprintln!(
        "{dataset} {series}, seed {seed}, {}: AUROC {auroc:.3}, {seconds:.0} s",
        variant.name
    );
}

/// Means over the test series, ± standard deviation over seeds.
fn of_dataset<'a>(
    study: Study,
    title: &str,
    variants: &[Variant],
    seeds: u64,
    runs: impl Fn(&Variant, u64) -> Vec<&'a Run>,
) -> String {
    let columns = Metrics::heads(0..study.columns());
    let mut table = format!(
        "### {title}\n\n| variant | {columns} | cosine | effective rank | separation | \
         trainable numbers | s |\n|---|{}---|---|---|---|---|\n",
        "---|".repeat(study.columns())
    );
    for variant in variants {
        let by_seed: Vec<Vec<&Run>> = (0..seeds).map(|seed| runs(variant, seed)).collect();
        let metrics = |runs: &Vec<&Run>| runs.iter().flat_map(|run| run.metrics.clone()).collect();
        let cells = summaries(&by_seed.iter().map(metrics).collect::<Vec<_>>())
            .map(|summary| summary.to_string())[..study.columns()]
            .join(" | ");
        let of_runs = |of: &dyn Fn(&Run) -> f64| {
            mean(&by_seed.iter().flatten().map(|run| of(run)).collect::<Vec<_>>())
        };
        let trainable = of_runs(&|run| run.trainable as f64);
        // Those of a whole seed.
        let seconds = of_runs(&|run| run.seconds) * by_seed[0].len() as f64;
        let of_kept = |of: fn(&Losses) -> f64| of_runs(&|run| of(&run.kept()));
        let [cosine, rank, separation] =
            [of_kept(|x| x.cosine), of_kept(Losses::effective_rank), of_kept(|x| x.separation)];
        table += &format!(
            "| {} | {} | {cosine:.2} | {rank:.0} | {separation:.1} | {trainable:.0} | {seconds:.0} |\n",
            variant.name, cells,
        );
    }
    table
}

/// Means over sets, each of its own series, ± standard deviation over seeds.
fn over_sets(study: Study, variants: &[Variant], means: &[Vec<Vec<[f64; METRICS]>>]) -> String {
    let mut table = format!(
        "### Mean over {} sets\n\n| variant | {} |\n|---|{}\n",
        means.len(),
        Metrics::heads(0..study.columns()),
        "---|".repeat(study.columns())
    );
    for (number, variant) in variants.iter().enumerate() {
        let seeds = means.first().map_or(0, |set| set[number].len());
        let of_seed = |seed: usize| {
            std::array::from_fn(|metric| {
                let of_sets = means.iter().map(|set| set[number][seed][metric]);
                mean_of_known(&of_sets.collect::<Vec<_>>())
            })
        };
        let cells = over_seeds(&(0..seeds).map(of_seed).collect::<Vec<_>>());
        let cells = cells.map(|summary| summary.to_string())[..study.columns()].join(" | ");
        table += &format!("| {} | {cells} |\n", variant.name);
    }
    table
}

/// Table of the variant that the other sets choose for each set, by the mean of the study's metrics.
fn choice(
    study: Study,
    variants: &[Variant],
    names: &[String],
    means: &[Vec<Vec<[f64; METRICS]>>],
) -> String {
    let metrics = Metrics::ALL.iter().enumerate();
    let chosen_by = metrics.filter(|(_, (_, name, _))| study.chosen_by().contains(name));
    let (places, heads): (Vec<usize>, Vec<&str>) =
        chosen_by.map(|(place, (head, ..))| (place, *head)).unzip();
    let of_seed = |values: &[f64; METRICS]| {
        mean(&places.iter().map(|place| values[*place]).collect::<Vec<_>>())
    };
    let of_variant = |seeds: &Vec<_>| mean(&seeds.iter().map(of_seed).collect::<Vec<_>>());
    let values: Vec<Vec<f64>> =
        means.iter().map(|set| set.iter().map(of_variant).collect()).collect();
    let chosen = leave_one_out(&values);
    let mut table = format!(
        "### Chosen by leave-one-set-out\n\nMean of {} of the variant that is best on the other sets, of the \
         first variant and of the set's own best:\n\n\
         | set | chosen | its value | as configured | best |\n|---|---|---|---|---|\n",
        heads.join(", ")
    );
    for ((name, values), chosen) in names.iter().zip(&values).zip(&chosen) {
        let best = values.iter().copied().fold(f64::MIN, f64::max);
        table += &format!(
            "| {name} | {} | {:.3} | {:.3} | {best:.3} |\n",
            variants[*chosen].name, values[*chosen], values[0]
        );
    }
    let of_chosen = values.iter().zip(&chosen).map(|(values, chosen)| values[*chosen]);
    let means = [
        mean(&of_chosen.collect::<Vec<_>>()),
        mean(&values.iter().map(|values| values[0]).collect::<Vec<_>>()),
        mean(
            &values
                .iter()
                .map(|it| it.iter().copied().fold(f64::MIN, f64::max))
                .collect::<Vec<_>>(),
        ),
    ];
    let [chosen, first, best] = means;
    table + &format!("| mean | | {chosen:.3} | {first:.3} | {best:.3} |\n")
}

/// How diversity and separation develop in training, mean over all runs.
fn course<'a>(
    variants: &[Variant],
    seeds: u64,
    runs: impl Fn(&Variant, u64) -> Vec<&'a Run>,
) -> String {
    let curves = |variant: &Variant| -> Vec<&[EpochRecord]> {
        let runs = (0..seeds).flat_map(|seed| runs(variant, seed));
        runs.map(|run| run.epochs.as_slice()).collect()
    };
    let all: Vec<_> = variants.iter().map(|variant| (variant, curves(variant))).collect();
    let epochs = all.iter().flat_map(|(_, curves)| curves).map(|curve| curve.len()).max();
    let epochs = epochs.unwrap_or(0);
    let numbers: Vec<String> = (1..=epochs).map(|epoch| epoch.to_string()).collect();
    let mut table = format!(
        "Effective rank, separation and classification loss on validation windows after each \
         epoch:\n\n| variant | {} |\n|---|{}\n",
        numbers.join(" | "),
        "---|".repeat(epochs)
    );
    let mut last = None;
    for (variant, curves) in all {
        // Variants of the score share their training with the one before.
        if last.as_ref() != Some(&curves) {
            let cell = |epoch: usize| {
                let of = |get: fn(&Losses) -> f64| {
                    let reached = curves.iter().filter_map(|curve| curve.get(epoch));
                    mean(&reached.map(|epoch| get(&epoch.validation)).collect::<Vec<_>>())
                };
                let [separation, loss] = [of(|x| x.separation), of(|x| x.classification)];
                format!("{:.0} / {separation:.1} / {loss:.2}", of(Losses::effective_rank))
            };
            let cells: Vec<String> = (0..epochs).map(cell).collect();
            table += &format!("| {} | {} |\n", variant.name, cells.join(" | "));
        }
        last = Some(curves);
    }
    table
}
