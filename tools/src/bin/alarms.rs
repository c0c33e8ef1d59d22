//! Alarms measured where the truth is known: clean series, planted faults, a simulated month.
//!
//! `cargo run --release -p aster-tools --bin alarms -- promise|faults|calendar|soak [--series 4 ...]`

use std::collections::BTreeMap;
use std::sync::Arc;

use aster::detect::Detector;
use aster::eval::Promise;
use aster::prelude::*;
use aster_tools::evaluate::{METRICS, Metrics, mean, score_series};
use aster_tools::planted::{self, CHANNELS, DAY, Fault, displace_hours, plant_all};
use aster_tools::soak::Soak;
use aster_tools::stationary;
use aster_tools::studies::base_config;
use aster_tools::watch::{Told, first_alarms, watch};
use clap::{Parser, Subcommand, ValueEnum};

/// Measure alarms where the truth is known.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// A JSON file with config fields that differ from the defaults.
    #[arg(long, global = true)]
    config: Option<std::path::PathBuf>,
    /// Where to compute: auto, or a backend that is compiled in, such as cuda:1.
    #[arg(long, default_value = "auto", global = true)]
    device: DeviceChoice,
}

#[derive(Subcommand)]
enum What {
    /// False alarms on clean series that do not change, beside those promised.
    Promise {
        /// Series of each kind.
        #[arg(long, default_value_t = 1)]
        series: u64,
        /// Rows to alarm on.
        #[arg(long, default_value_t = 4000)]
        rows: usize,
    },
    /// Faults planted in realistic series: which are found, how soon, and by which channel.
    Faults {
        /// Series of each kind.
        #[arg(long, default_value_t = 1)]
        series: u64,
        /// Days to train on, and as many to alarm on.
        #[arg(long, default_value_t = 14)]
        days: usize,
    },
    /// Hours that are others, in series that follow the day: with and without calendar features.
    Calendar {
        /// Series of each kind.
        #[arg(long, default_value_t = 1)]
        series: u64,
        /// Days to train on, and as many to alarm on.
        #[arg(long, default_value_t = 14)]
        days: usize,
    },
    /// Simulated month of many streams, with drift, outages, restarts and swaps.
    Soak {
        /// Streams of each of two kinds.
        #[arg(long, default_value_t = 2)]
        streams: usize,
        /// Days, at least 8.
        #[arg(long, default_value_t = 10)]
        days: usize,
    },
}

/// Promised false alarms in 10 000 rows.
const PROMISED: [f64; 3] = [1.0, 3.0, 10.0];

/// Training rows, of one series after the other.
const TRAINING: [usize; 4] = [3000, 6000, 10_000, 6000];

fn main() -> anyhow::Result<()> {
    let Arguments { what, config, device: choice } = Arguments::parse();
    let (config, device) = (base_config(config.as_deref())?, device(choice)?);
    match what {
        What::Promise { series, rows } => promise(&config, &device, series, rows),
        What::Faults { series, days } => faults(&config, &device, series, days),
        What::Calendar { series, days } => calendar(&config, &device, series, days),
        What::Soak { streams, days } => soak(&config, &device, streams, days),
    }
}

fn promise(config: &AsterConfig, device: &Device, series: u64, rows: usize) -> anyhow::Result<()> {
    println!("| series | training rows | of 1 | of 3 | of 10 |\n|---|---|---|---|---|");
    let mut kept = vec![];
    for kind in stationary::Kind::value_variants() {
        for (number, training) in (0..series).zip(TRAINING.into_iter().cycle()) {
            let all = kind.draw(training + rows, number)?;
            let detector = fit(config, &all.slice(0..training)?.into_train(), device)?;
            let test = all.slice(training..all.rows())?;
            let realised = realised(&detector, &test)?;
            let cells = realised.map(|(count, Promise { low, high, .. })| {
                format!("{count:.2} ({low:.2} to {high:.1})")
            });
            println!("| {kind:?} {number} | {training} | {} |", cells.join(" | "));
            kept.push(realised);
        }
    }
    let of = |at: usize| kept.iter().map(|it| it[at].0 / PROMISED[at]).collect::<Vec<_>>();
    let line = |name: &str, of_all: &dyn Fn(&[f64]) -> f64| {
        let cells = [0, 1, 2].map(|at| format!("{:.2}", of_all(&of(at)))).join(" | ");
        println!("| {name} | | {cells} |");
    };
    line("mean share of the promise", &mean);
    line("most", &|shares| shares.iter().copied().fold(0.0, f64::max));
    line("least", &|shares| shares.iter().copied().fold(f64::MAX, f64::min));
    let held = [0, 1, 2].map(|at| {
        // In whole alarms: none are as many as a fifth of one.
        let alarms = |per_10k: f64| per_10k * rows as f64 / 1e4;
        let within = |(count, Promise { low, high, .. }): &(f64, Promise)| {
            (alarms(*low).floor()..=alarms(*high).ceil()).contains(&alarms(*count).round())
        };
        let held = kept.iter().filter(|realised| within(&realised[at])).count();
        format!("{held} of {}", kept.len())
    });
    println!("| within the interval | | {} |", held.join(" | "));
    Ok(())
}

/// False alarms in 10 000 rows, and what was said of them, for each number promised.
fn realised(
    detector: &Detector,
    test: &TimeSeries,
) -> anyhow::Result<[(f64, Promise); PROMISED.len()]> {
    let (scores, per) = (detector.score(test)?, Per::Rows(10_000));
    let of = |episodes: f64| {
        let detector = detector.with_threshold(ThresholdRule::FalseAlarms { episodes, per })?;
        let found = detector.alarm_rule().alarms(&scores)?.intervals.len();
        anyhow::Ok((1e4 * found as f64 / test.rows() as f64, detector.promise(per)?))
    };
    let [one, three, ten] = PROMISED;
    Ok([of(one)?, of(three)?, of(ten)?])
}

/// Tally of the faults of one kind.
#[derive(Default)]
struct Tally {
    planted: usize,
    found: usize,
    /// Faults found whose channel is the first reason, when the alarm opened and when it closed.
    blamed: [usize; 2],
    /// Faults found of which that channel's row is one, likewise.
    shown: [usize; 2],
    /// Faults found of which the peak is a row.
    peaks: usize,
    /// Rows from the first one of a fault to the one whose push told of it.
    delays: Vec<f64>,
}

fn faults(config: &AsterConfig, device: &Device, series: u64, days: usize) -> anyhow::Result<()> {
    let mut tallies: BTreeMap<(&str, Fault), Tally> = BTreeMap::new();
    let (mut false_alarms, mut weeks, mut lines) = (0, 0.0, vec![]);
    for kind in planted::Kind::value_variants() {
        for number in 0..series {
            let mut values = kind.draw(2 * days * DAY, number);
            let from = days * DAY;
            let apart = (from - DAY) / Fault::value_variants().len();
            let planted = plant_all(&mut values, from + DAY, apart, number);
            let all = kind.series(&values, 0)?;
            let detector = Arc::new(fit(config, &all.slice(0..from)?.into_train(), device)?);
            let latency = detector.latency();
            let alarms = watch(detector, &values[from * CHANNELS..], from)?;
            let (first, others) = first_alarms(&planted, alarms, latency);
            for (fault, told) in planted.iter().zip(first) {
                let tally = tallies.entry((kind_name(*kind), fault.fault)).or_default();
                tally.planted += 1;
                if let Some(Told { alarm, opened, told }) = told {
                    tally.found += 1;
                    let own = &all.channels()[fault.channel];
                    for (at, alarm) in [&opened, &alarm].into_iter().enumerate() {
                        let first = alarm.reasons.first().filter(|it| it.channel == *own);
                        let shown = first.is_some_and(|it| fault.rows.contains(&it.row));
                        tally.blamed[at] += usize::from(first.is_some());
                        tally.shown[at] += usize::from(shown);
                    }
                    tally.peaks += usize::from(fault.rows.contains(&alarm.interval.peak));
                    tally.delays.push(told as f64 - fault.rows.start as f64);
                }
            }
            let own_weeks = from as f64 / (7 * DAY) as f64;
            lines.push(format!(
                "| {} {number} | {:.1} |",
                kind_name(*kind),
                others as f64 / own_weeks
            ));
            (false_alarms, weeks) = (false_alarms + others, weeks + own_weeks);
        }
    }
    println!(
        "| series | fault | found | right channel first, as it opens | as it closes | with a row of the fault, as it opens | as it closes | peak in the fault | median delay of telling |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((kind, fault), tally) in &mut tallies {
        let Tally { planted, found, blamed, shown, peaks, delays } = tally;
        let [blamed, shown] = [blamed, shown].map(|[opens, closes]| format!("{opens} | {closes}"));
        delays.sort_by(f64::total_cmp);
        let delay = delays.get(delays.len() / 2).map_or("-".into(), |rows| format!("{rows:.0}"));
        println!(
            "| {kind} | {fault:?} | {found} of {planted} | {blamed} | {shown} | {peaks} | {delay} |"
        );
    }
    println!("\n| series | false alarms a week |\n|---|---|\n{}", lines.join("\n"));
    println!("| mean | {:.1} |", false_alarms as f64 / weeks);
    Ok(())
}

fn calendar(config: &AsterConfig, device: &Device, series: u64, days: usize) -> anyhow::Result<()> {
    println!("| series | calendar | {} |", Metrics::heads(0..METRICS));
    println!("|---|---|{}", "---|".repeat(METRICS));
    for kind in [planted::Kind::Daily, planted::Kind::Web] {
        for calendar in [vec![], vec![CalendarFeature::HourOfDay]] {
            let name = calendar.first().map_or("none".into(), CalendarFeature::to_string);
            let mut config = config.clone();
            config.calendar = calendar;
            let of = |number| -> anyhow::Result<Metrics> {
                let mut values = kind.draw(2 * days * DAY, number);
                let from = days * DAY;
                let displaced = displace_hours(&mut values, from + DAY);
                let all = kind.series(&values, 0)?;
                let detector = fit(&config, &all.slice(0..from)?.into_train(), device)?;
                let labels =
                    (from..all.rows()).map(|row| displaced.iter().any(|it| it.contains(&row)));
                let test = all.slice(from..all.rows())?.with_labels(labels.collect())?;
                Ok(Metrics::of(&score_series(&detector, &test)?, &test)?)
            };
            let all = (0..series).map(of).collect::<anyhow::Result<Vec<_>>>()?;
            let cells = Metrics::means(&all).map(|value| format!("{value:.3}")).join(" | ");
            println!("| {} | {name} | {cells} |", kind_name(kind));
        }
    }
    Ok(())
}

fn kind_name(kind: planted::Kind) -> &'static str {
    match kind {
        planted::Kind::Daily => "building",
        planted::Kind::Cycles => "machine",
        planted::Kind::Web => "web service",
    }
}

fn soak(config: &AsterConfig, device: &Device, streams: usize, days: usize) -> anyhow::Result<()> {
    println!(
        "| streams | rows | faults | opened once | more than once | update of an open alarm | not told | false a week | promised | kB a stream |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let folder = tempfile::tempdir()?;
    for kind in [planted::Kind::Daily, planted::Kind::Web] {
        let soak = Soak { kind, streams, days, restarts: days / 2, swaps: days / 7 };
        let fitted = |swap| -> anyhow::Result<Arc<Detector>> {
            Ok(Arc::new(fit(config, &soak.training(swap)?.into_train(), device)?))
        };
        let detectors = (0..=soak.swaps).map(fitted).collect::<anyhow::Result<Vec<_>>>()?;
        let month = soak.run(&detectors, folder.path())?;
        let (mut counts, mut others, mut updated) = ([0; 3], 0, 0);
        for told in &month.streams {
            told.check_order().map_err(anyhow::Error::msg)?;
            let found = told.found(detectors[0].latency());
            others += found.others;
            for alarms in &found.of_faults {
                counts[(*alarms).min(2)] += 1;
            }
            updated += found.updated;
        }
        let weeks = month.rows as f64 / (7 * DAY) as f64;
        let promised = detectors[0].promise(Per::Rows(7 * DAY))?;
        let [none, once, more] = counts;
        println!(
            "| {streams} of a {} | {} | {} | {once} | {more} | {updated} | {} | {:.1} | {:.1} | {} |",
            kind_name(kind),
            month.rows,
            once + none + more,
            none - updated,
            others as f64 / weeks,
            promised.expected,
            month.most_memory / 1000,
        );
        println!("\nnotices: {:?}\n", month.notices);
    }
    Ok(())
}
