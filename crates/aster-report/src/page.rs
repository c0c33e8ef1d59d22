//! A report as one HTML page that needs nothing else.

use std::ops::Range;
use std::path::Path;

use askama::Template;
use aster_detect::RunRecord;
use aster_eval::{EventMetrics, Per, auroc, average_precision, best_f1, f1_at, margins};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::error::{ReportError, write};
use crate::figure::{Figure, Scale};
use crate::list::Day;
use crate::plot::Plot;
use crate::report::Report;
use crate::sample::rows_to_draw;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: &'a str,
    /// Script elements.
    plotly: &'a str,
    facts: Vec<(&'static str, String)>,
    metrics: Vec<(&'static str, String)>,
    days: Vec<Day<'a>>,
    listed: usize,
    all_alarms: usize,
    panels: Vec<Panel>,
    /// Why plots are missing.
    not_drawn: Vec<String>,
    notes: &'a [String],
    series: Series<'a>,
    record: Vec<(&'static str, String)>,
    training: String,
    config: String,
}

/// A plot that is not of time.
struct Panel {
    id: String,
    title: String,
    figure: plotly::Plot,
}

/// Data that the page draws over time.
#[derive(Serialize)]
struct Series<'a> {
    axis: String,
    time: bool,
    /// Begin and end of the x axis.
    whole: [f64; 2],
    scores: Drawn<'a>,
    thresholds: Drawn<'a>,
    channels: Vec<Drawn<'a>>,
    /// Channels that are shown at first.
    shown: Vec<usize>,
    alarms: Vec<[f64; 2]>,
    labelled: Vec<[f64; 2]>,
}

/// A line as little-endian numbers in base 64: 64 bits each of x, 32 of y.
#[derive(Serialize)]
struct Drawn<'a> {
    name: &'a str,
    x: String,
    y: String,
}

/// Channels that the page shows at first.
const SHOWN: usize = 4;

impl Report<'_> {
    /// Writes the page: it needs no network, follows the reader's choice of light or dark, and
    /// can be printed.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn html(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let sources = plotly::Plot::offline_js_sources();
        // plotly.js comes first; after it comes MathJax, which the page has no use for.
        let plotly = sources.split_inclusive("</script>").next().unwrap_or_default();
        let figures = Plot::ALL.into_iter().filter(|plot| *plot != Plot::Scores);
        let (mut panels, mut not_drawn) = (vec![], vec![]);
        for plot in figures {
            match self.figure(plot) {
                Ok(figure) => panels.push(Panel::new(plot, figure)),
                Err(ReportError::Nothing { .. }) => (),
                // The rest of the page is worth having.
                Err(error @ ReportError::Latent(_)) => not_drawn.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let record = self.detector.record();
        let config = serde_json::to_string_pretty(self.detector.config());
        let page = Page {
            title: &self.config.title,
            plotly,
            facts: self.facts(),
            metrics: self.metrics()?,
            days: self.days(),
            listed: self.alarms.len(),
            all_alarms: self.detection.alarms.len(),
            panels,
            not_drawn,
            notes: &self.notes,
            series: self.over_time(),
            record: lines(record, self.detector.config().train.seed),
            training: record.training.to_string(),
            config: config.map_err(|reason| ReportError::drawing(path, &reason))?,
        };
        let text = page.render().map_err(|reason| ReportError::drawing(path, &reason))?;
        write(path, text)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let rows = self.series.rows();
        let alarmed: usize = self.detection.alarms.iter().map(|it| it.rows().len()).sum();
        let mut facts = vec![
            ("from", self.text_of_row(0)),
            ("to", self.text_of_row(rows - 1)),
            ("rows", rows.to_string()),
            ("channels", self.series.channel_count().to_string()),
            ("alarms", self.detection.alarms.len().to_string()),
            ("rows in alarms", format!("{:.1} %", 100.0 * alarmed as f64 / rows as f64)),
            ("threshold", format!("{:.2} nats", self.detector.threshold())),
            ("threshold rule", self.rule()),
        ];
        // A rule of one's own may come without scores of training that tell.
        let promise = self.detector.promise(Per::Rows(rows));
        facts.extend(promise.ok().map(|promise| {
            let (low, high) = (promise.low, promise.high);
            let expected = promise.expected;
            ("false alarms to expect", format!("{expected:.1}, between {low:.1} and {high:.1}"))
        }));
        facts
    }

    /// The rule in force: a custom one goes before that of the config.
    fn rule(&self) -> String {
        let names = self.detector.trained_model().components.names();
        let configured = || self.detector.config().threshold.to_string();
        names.get("threshold").cloned().unwrap_or_else(configured)
    }

    /// Where the series has labels of both kinds.
    fn metrics(&self) -> Result<Vec<(&'static str, String)>, ReportError> {
        let Some(labels) = self.labels_of_both_kinds() else { return Ok(vec![]) };
        let scores = &self.detection.scores;
        let at = f1_at(&margins(scores, &self.detection.thresholds)?, labels, 0.0)?;
        let value = |value: f64| format!("{value:.3}");
        let alarms: Vec<_> = self.detection.alarms.iter().map(|it| it.rows()).collect();
        let of_alarms = EventMetrics::of(&alarms, labels, self.detector.latency())?;
        let covered = alarms.into_iter().flatten().filter(|row| labels[*row]).count();
        let labelled = labels.iter().filter(|label| **label).count();
        let delay = of_alarms.median_delay.map_or("none found".into(), |rows| {
            format!("{rows} rows, of which a score waits {}", self.detector.latency())
        });
        Ok(vec![
            ("AUROC", value(auroc(scores, labels)?)),
            ("AUPR", value(average_precision(scores, labels)?)),
            ("precision", value(at.precision)),
            ("recall", value(at.recall)),
            ("F1", value(at.f1)),
            ("oracle F1", value(best_f1(scores, labels)?.f1)),
            ("events found", format!("{} of {}", of_alarms.detected, of_alarms.events)),
            ("false alarms", of_alarms.false_episodes.to_string()),
            ("median delay", delay),
            (
                "labelled rows in alarms",
                format!("{:.1} %", 100.0 * covered as f64 / labelled as f64),
            ),
        ])
    }

    pub(crate) fn number_of(&self, channel: &str) -> Option<usize> {
        self.series.channels().iter().position(|name| name == channel)
    }

    /// A row's time, or its number.
    pub(crate) fn text_of_row(&self, row: usize) -> String {
        let number = self.config.first_row + row;
        self.series.time(row).map_or(number.to_string(), |time| time.to_string())
    }

    fn over_time(&self) -> Series<'_> {
        let (axis, rows, whole) = (self.time_axis(), self.series.rows(), self.neighbourhoods());
        let drawn = |name, value: &dyn Fn(usize) -> f32| {
            let chosen = rows_to_draw(value, rows, &whole, self.config.points);
            let x = chosen.iter().flat_map(|row| self.place(*row).to_le_bytes());
            let y = chosen.iter().flat_map(|row| value(*row).to_le_bytes());
            Drawn {
                name,
                x: BASE64_STANDARD.encode(x.collect::<Vec<u8>>()),
                y: BASE64_STANDARD.encode(y.collect::<Vec<u8>>()),
            }
        };
        let names = self.series.channels().iter().enumerate();
        let places = |runs: &mut dyn Iterator<Item = Range<usize>>| {
            runs.map(|rows| self.stretch(&rows)).map(|x| [x.start, x.end]).collect()
        };
        // The channels of the severest alarms, then the first ones.
        let worst = self.alarms.iter().flat_map(|alarm| self.worst(alarm).first());
        let mut shown: Vec<usize> = vec![];
        for number in
            worst.filter_map(|it| self.number_of(&it.channel)).chain(0..self.series.channel_count())
        {
            if shown.len() < SHOWN && !shown.contains(&number) {
                shown.push(number);
            }
        }
        shown.sort_unstable();
        let all = self.stretch(&(0..rows));
        Series {
            axis: axis.name.to_string(),
            time: axis.scale == Scale::Time,
            whole: [all.start, all.end],
            scores: drawn("score", &|row| self.detection.scores[row]),
            thresholds: drawn("threshold", &|row| self.detection.thresholds[row]),
            channels: names
                .map(|(number, name)| drawn(name, &|row| self.series.row(row)[number] as f32))
                .collect(),
            shown,
            alarms: places(&mut self.detection.alarms.iter().map(|it| it.rows())),
            labelled: places(&mut self.labelled.iter().cloned()),
        }
    }
}

impl Panel {
    fn new(plot: Plot, figure: Figure) -> Self {
        Self { id: plot.name(), figure: figure.for_web(), title: figure.title }
    }
}

fn lines(record: &RunRecord, seed: u64) -> Vec<(&'static str, String)> {
    let RunRecord { aster, device, train_rows, validation_rows, seconds, best_epoch, .. } = record;
    vec![
        ("version", aster.clone()),
        ("device", device.clone()),
        ("rows trained on", train_rows.to_string()),
        ("rows that validated", validation_rows.to_string()),
        ("parameters", format!("{}, of which {} trained", record.parameters, record.trainable)),
        ("epochs", format!("{}, of which {best_epoch} was the best", record.epochs.len())),
        ("rollbacks", record.rollbacks.len().to_string()),
        ("training", format!("{seconds:.1} s")),
        ("seed", seed.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use aster_data::SyntheticConfig;
    use aster_detect::AsterConfig;
    use burn::tensor::Device;

    use super::*;
    use crate::config::ReportConfig;

    #[test]
    fn a_latent_space_that_cannot_be_drawn_does_not_cost_the_page() {
        let split = SyntheticConfig { train_rows: 400, ..Default::default() }.generate().unwrap();
        let mut config = AsterConfig::default();
        (config.train.epochs, config.train.steps_per_epoch) = (1, 2);
        let detector = aster_train::fit(&config, &split.train, &Device::flex()).unwrap();
        let mut report = Report::new(&detector, &split.test, &ReportConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        for code in [0.0, f32::NAN, f32::INFINITY] {
            for codes in
                [&mut report.codes.real, &mut report.codes.reconstructed, &mut report.codes.pseudo]
            {
                codes.fill(code);
            }
            report.html(&path).unwrap();
            let page = std::fs::read_to_string(&path).unwrap();
            assert!(page.contains("<h2>Alarms</h2>") && page.contains("Learning rate"));
            assert!(code == 0.0 || page.contains("Not drawn: the latent space"), "{code}");
        }
    }
}
