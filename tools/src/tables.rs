//! Tables over sets: means, ranks, and the same as JSON.

use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::evaluate::{METRICS, Metrics, OF_ROWS, Summary, mean, mean_of_known, over_seeds};
use crate::runs::Run;

/// What a method is worth on a set.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Name of the method.
    pub name: String,
    /// Over seeds, of the mean over test series; per metric.
    #[serde(flatten, serialize_with = "by_name")]
    metrics: [Summary; METRICS],
    /// Of all its series, per seed.
    seconds: Summary,
    /// By seed, the means that the summaries are of.
    #[serde(skip)]
    by_seed: Vec<[f64; METRICS]>,
}

fn by_name<S: Serializer>(metrics: &[Summary; METRICS], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Metrics::ALL.iter().map(|(_, key, _)| key).zip(metrics))
}

/// Methods on a set, or on the mean of several.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Name of the set.
    #[serde(skip)]
    pub set: String,
    /// One row per method.
    pub methods: Vec<Row>,
}

impl Row {
    fn new(name: &str, by_seed: Vec<[f64; METRICS]>, seconds: &[f64]) -> Self {
        let metrics = over_seeds(&by_seed);
        Self { name: name.into(), metrics, seconds: Summary::of(seconds), by_seed }
    }

    /// The metrics in the order of the tables.
    pub fn values(&self) -> [Summary; METRICS] {
        self.metrics
    }
}

impl Table {
    /// The table of a set, of runs of so many seeds.
    pub fn of_set(set: &str, methods: &[String], runs: &[&Run], seeds: u64) -> Self {
        let row = |method: &String| {
            let of_seed = |seed| {
                let own = |run: &&&Run| run.key.method == *method && run.key.seed == seed;
                let own: Vec<&Run> = runs.iter().filter(own).copied().collect();
                // Over all test series, however many a training series has.
                let tests: Vec<Metrics> =
                    own.iter().flat_map(|run| &run.metrics).copied().collect();
                (Metrics::means(&tests), own.iter().map(|run| run.seconds).sum::<f64>())
            };
            let (means, seconds): (Vec<_>, Vec<f64>) = (0..seeds).map(of_seed).unzip();
            Row::new(method, means, &seconds)
        };
        Self { set: set.into(), methods: methods.iter().map(row).collect() }
    }

    /// The mean over sets; its spread is that of the seeds' means.
    pub fn mean_of(sets: &[Self]) -> Self {
        let first = sets.first().map_or(&[][..], |set| &set.methods);
        let row = |(at, row): (usize, &Row)| {
            let of_seed = |seed: usize| {
                std::array::from_fn(|metric| {
                    let of = |set: &Self| set.methods[at].by_seed[seed][metric];
                    mean_of_known(&sets.iter().map(of).collect::<Vec<_>>())
                })
            };
            let seconds: f64 = sets.iter().map(|set| set.methods[at].seconds.mean).sum();
            Row::new(&row.name, (0..row.by_seed.len()).map(of_seed).collect(), &[seconds])
        };
        let methods = first.iter().enumerate().map(row).collect();
        Self { set: format!("Mean over {} sets", sets.len()), methods }
    }

    /// The table in Markdown, in two parts: rows, and alarms.
    pub fn markdown(&self) -> String {
        let head = format!("### {}\n", self.set);
        head + &self.part(0..OF_ROWS) + &self.part(OF_ROWS..METRICS)
    }

    fn part(&self, columns: Range<usize>) -> String {
        let mut text = format!(
            "\n| method | {} | s |\n|---|{}---|\n",
            Metrics::heads(columns.clone()),
            "---|".repeat(columns.len())
        );
        for row in &self.methods {
            let cells: Vec<String> =
                row.metrics[columns.clone()].iter().map(Summary::to_string).collect();
            let cells = cells.join(" | ");
            text += &format!("| {} | {cells} | {:.0} |\n", row.name, row.seconds.mean);
        }
        text
    }
}

/// The mean over sets of each method's rank among all, 1 the best, in Markdown; methods that are
/// equal share the mean of their ranks.
pub fn ranks(sets: &[Table]) -> String {
    let mut text = format!(
        "### Average rank over {} sets\n\n| method | {} |\n|---|{}\n",
        sets.len(),
        Metrics::heads(0..OF_ROWS),
        "---|".repeat(OF_ROWS)
    );
    let Some(first) = sets.first() else { return text };
    for (at, row) in first.methods.iter().enumerate() {
        let cell = |metric: usize| {
            let of = |set: &Table| {
                let values: Vec<f64> =
                    set.methods.iter().map(|row| row.values()[metric].mean).collect();
                rank(&values, at)
            };
            format!("{:.1}", mean(&sets.iter().map(of).collect::<Vec<_>>()))
        };
        let cells: [String; OF_ROWS] = std::array::from_fn(cell);
        text += &format!("| {} | {} |\n", row.name, cells.join(" | "));
    }
    text
}

fn rank(values: &[f64], at: usize) -> f64 {
    let better = values.iter().filter(|value| **value > values[at]).count();
    let equal = values.iter().filter(|value| **value == values[at]).count();
    better as f64 + (equal as f64 + 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runs::Key;

    fn run(set: &str, method: &str, seed: u64, aurocs: &[f64]) -> Run {
        let metrics = aurocs.iter().map(|auroc| Metrics { auroc: *auroc, ..Default::default() });
        let (set, series, method) = (set.into(), "s".into(), method.into());
        let key = Key { set, series, seed, method, settings: json!(null) };
        Run { key, metrics: metrics.collect(), seconds: 2.0 }
    }

    #[test]
    fn means_and_ranks_by_hand() {
        let methods = ["a".to_string(), "b".to_string()];
        let runs = [
            run("x", "a", 0, &[0.5, 0.7]),
            run("x", "a", 1, &[0.8]),
            run("x", "b", 0, &[0.9]),
            run("x", "b", 1, &[0.9]),
            run("y", "a", 0, &[0.4]),
            run("y", "a", 1, &[0.4]),
            run("y", "b", 0, &[0.4]),
            run("y", "b", 1, &[0.4]),
        ];
        let of = |set: &str| {
            let runs: Vec<&Run> = runs.iter().filter(|run| run.key.set == set).collect();
            Table::of_set(set, &methods, &runs, 2)
        };
        let sets = [of("x"), of("y")];
        let auroc = |table: &Table, at: usize| table.methods[at].values()[0].to_string();
        assert_eq!(auroc(&sets[0], 0), "0.700 ± 0.100");
        let mean = Table::mean_of(&sets);
        assert_eq!([auroc(&mean, 0), auroc(&mean, 1)], ["0.550 ± 0.050", "0.650 ± 0.000"]);
        assert_eq!(mean.methods[0].seconds.mean, 4.0);
        let ranks = ranks(&sets);
        // Second of two, and one of two that are equal.
        assert!(ranks.contains("| a | 1.8 |") && ranks.contains("| b | 1.2 |"), "{ranks}");
    }
}
