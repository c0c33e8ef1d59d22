//! The plots of a report.

use aster_detect::{EpochRecord, LatentCodes, Losses};
use aster_eval::{precision_recall_curve, roc_curve};
use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_reduction::Pca;
use ndarray::{Array2, ArrayView2};

use crate::error::ReportError;
use crate::figure::{Axis, Colour, Figure, Mark, Shade, Shape};
use crate::plot::Plot;
use crate::report::Report;
use crate::sample::rows_to_draw;

impl Report<'_> {
    /// As data.
    ///
    /// # Errors
    /// A plot of what the report does not have.
    pub(crate) fn figure(&self, plot: Plot) -> Result<Figure, ReportError> {
        let nothing = |reason| Err(ReportError::Nothing { plot, reason });
        let epochs = &self.detector.record().epochs;
        match (plot, self.labels_of_both_kinds()) {
            (Plot::Scores, _) => Ok(self.scores()),
            (Plot::Histogram, _) => Ok(self.histogram()),
            (Plot::PrecisionRecall | Plot::Roc, None) => {
                nothing("the series has no labels of both kinds")
            }
            (Plot::PrecisionRecall, Some(labels)) => {
                let curve = precision_recall_curve(&self.detection.scores, labels)?;
                let axes = [Axis::linear("recall"), Axis::linear("precision")];
                Ok(self.curve("Precision and recall", axes, curve))
            }
            (Plot::Roc, Some(labels)) => {
                let curve = roc_curve(&self.detection.scores, labels)?;
                let axes = [Axis::linear("false-alarm rate"), Axis::linear("recall")];
                Ok(self.curve("ROC", axes, curve))
            }
            (Plot::Latent, _) => self.latent(),
            _ if epochs.is_empty() => nothing("the detector has no record of epochs"),
            (Plot::Losses, _) => Ok(losses(epochs)),
            (Plot::Separation, _) => Ok(over_epochs(
                "Separation by the classifier",
                Axis::linear("severity gap [logits]"),
                epochs,
                &[("separation", Colour::Blue, |losses| losses.separation)],
            )),
            (Plot::Diversity, _) => Ok(over_epochs(
                "Diversity of pseudo-anomalies",
                Axis::linear("effective rank"),
                epochs,
                &[("effective rank", Colour::Blue, Losses::effective_rank)],
            )),
            (Plot::LearningRate, _) => Ok(Figure {
                title: "Learning rate".into(),
                x: Axis::linear("epoch"),
                y: Axis::linear("rate of the last step"),
                marks: vec![Mark {
                    name: "learning rate".into(),
                    shape: Shape::Line,
                    colour: Colour::Blue,
                    x: numbers(epochs),
                    y: epochs.iter().map(|epoch| epoch.learning_rate).collect(),
                }],
                shades: vec![],
            }),
        }
    }

    fn scores(&self) -> Figure {
        let whole = self.neighbourhoods();
        let line = |name: &str, shape, colour, values: &[f32]| {
            let most = self.config.points;
            let rows = rows_to_draw(|row| values[row], values.len(), &whole, most);
            Mark {
                name: name.into(),
                shape,
                colour,
                x: rows.iter().map(|row| self.place(*row)).collect(),
                y: rows.iter().map(|row| f64::from(values[*row])).collect(),
            }
        };
        let alarms = self.detection.alarms.iter().map(|it| self.stretch(&it.rows()));
        let mut shades =
            vec![Shade { name: "alarms", colour: Colour::Orange, stretches: alarms.collect() }];
        if self.series.labels().is_some() {
            let stretches = self.labelled.iter().map(|rows| self.stretch(rows)).collect();
            shades.push(Shade { name: "labelled anomalies", colour: Colour::Vermilion, stretches });
        }
        Figure {
            title: "Scores".into(),
            x: self.time_axis(),
            y: Axis::linear("score [nats]"),
            marks: vec![
                line("score", Shape::Line, Colour::Blue, &self.detection.scores),
                line("threshold", Shape::Dashes, Colour::Grey, &self.detection.thresholds),
            ],
            shades,
        }
    }

    fn histogram(&self) -> Figure {
        const BINS: usize = 60;
        let scores = &self.detection.scores;
        let mut sorted = scores.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        // Few rows score far above all others.
        let usual = sorted[(sorted.len() - 1) * 995 / 1000];
        let threshold = self.detector.threshold();
        let top = f64::from(usual.max(1.5 * threshold)).max(f64::MIN_POSITIVE);
        let (bottom, labels) = (f64::from(sorted[0]).min(0.0), self.series.labels());
        let width = (top - bottom) / BINS as f64;
        let bars = |name: &str, colour, anomalous: Option<bool>| {
            let mut counts = vec![0.0; BINS];
            for (row, score) in scores.iter().enumerate() {
                let label = labels.map(|labels| labels[row]);
                if anomalous.is_none() || label == anomalous {
                    let bin = ((f64::from(*score) - bottom) / width) as usize;
                    counts[bin.min(BINS - 1)] += 1.0;
                }
            }
            let centre = |bin: usize| bottom + (bin as f64 + 0.5) * width;
            let filled = (0..BINS).filter(|bin| counts[*bin] > 0.0);
            Mark {
                name: name.into(),
                shape: Shape::Bars(width),
                colour,
                x: filled.clone().map(centre).collect(),
                y: filled.map(|bin| counts[bin]).collect(),
            }
        };
        let mut marks = match labels {
            None => vec![bars("rows", Colour::Blue, None)],
            Some(_) => vec![
                bars("normal rows", Colour::Blue, Some(false)),
                bars("anomalous rows", Colour::Vermilion, Some(true)),
            ],
        };
        let most = marks.iter().flat_map(|mark| &mark.y).copied().fold(1.0, f64::max);
        marks.push(Mark {
            name: "threshold".into(),
            shape: Shape::Dashes,
            colour: Colour::Grey,
            x: vec![f64::from(threshold); 2],
            y: vec![0.5, most],
        });
        Figure {
            title: "Scores of rows".into(),
            x: Axis::linear("score [nats]; last bar: and above"),
            y: Axis::log("rows"),
            marks,
            shades: vec![],
        }
    }

    fn curve(&self, title: &str, [x, y]: [Axis; 2], points: Vec<(f64, f64)>) -> Figure {
        let value = |place: usize| points[place].1 as f32;
        let drawn = rows_to_draw(value, points.len(), &[], self.config.points.min(2000));
        let (x_values, y_values) = drawn.into_iter().map(|place| points[place]).unzip();
        let mark = Mark {
            name: title.into(),
            shape: Shape::Line,
            colour: Colour::Blue,
            x: x_values,
            y: y_values,
        };
        Figure { title: title.into(), x, y, marks: vec![mark], shades: vec![] }
    }

    fn latent(&self) -> Result<Figure, ReportError> {
        let LatentCodes { latent_size: latent, rows, real, reconstructed, pseudo, .. } =
            &self.codes;
        let failed = |error: &dyn std::fmt::Display| ReportError::Latent(error.to_string());
        let states = [real, reconstructed, pseudo];
        if states.iter().any(|codes| !codes.iter().all(|code| code.is_finite())) {
            return Err(failed(&"expected finite codes, got others"));
        }
        let views: Vec<ArrayView2<f32>> = states
            .iter()
            .map(|codes| ArrayView2::from_shape((codes.len() / latent, *latent), codes))
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let all = ndarray::concatenate(ndarray::Axis(0), &views).map_err(|error| failed(&error))?;
        let all = DatasetBase::from(all.mapv(f64::from));
        // A latent space of one dimension has no second direction: it is drawn along x.
        let plane = Pca::params(2.min(*latent)).fit(&all).map_err(|error| failed(&error))?;
        let places: Array2<f64> = plane.predict(&all.records);
        if places.ncols() == 0 {
            return Err(failed(&"expected codes that differ, got the same for all tokens"));
        }
        let cloud = |name: &str, colour, tokens: Vec<usize>| Mark {
            name: name.into(),
            shape: Shape::Points,
            colour,
            x: tokens.iter().map(|token| places[[*token, 0]]).collect(),
            y: tokens.iter().map(|token| *places.get([*token, 1]).unwrap_or(&0.0)).collect(),
        };
        let count = rows.len();
        let alarmed = |token: &usize| {
            let rows = &rows[*token];
            let alarms = &self.detection.alarms;
            let on = |of: std::ops::Range<usize>| of.start < rows.end && rows.start < of.end;
            alarms.iter().any(|alarm| on(alarm.rows()))
        };
        let (alarmed, calm) = (0..count).partition(alarmed);
        Ok(Figure {
            title: "Latent space".into(),
            x: Axis::linear("first principal component"),
            y: Axis::linear("second principal component"),
            marks: vec![
                cloud("pseudo-anomalous", Colour::Purple, (2 * count..3 * count).collect()),
                cloud("reconstructed", Colour::Green, (count..2 * count).collect()),
                cloud("real", Colour::Blue, calm),
                cloud("real, in alarms", Colour::Orange, alarmed),
            ],
            shades: vec![],
        })
    }
}

fn losses(epochs: &[EpochRecord]) -> Figure {
    over_epochs(
        "Losses",
        Axis::log("loss"),
        epochs,
        &[
            ("total", Colour::Blue, |losses| losses.total),
            ("reconstruction", Colour::Green, |losses| losses.reconstruction),
            ("KL", Colour::Purple, |losses| losses.kl),
            ("classification", Colour::Orange, |losses| losses.classification),
        ],
    )
}

type Measure = (&'static str, Colour, fn(&Losses) -> f64);

/// Each measure in training, and dashed in validation.
fn over_epochs(title: &str, y: Axis, epochs: &[EpochRecord], measures: &[Measure]) -> Figure {
    let lines = measures.iter().flat_map(|(name, colour, of)| {
        let line = |name: String, shape, y: Vec<f64>| Mark {
            name,
            shape,
            colour: *colour,
            x: numbers(epochs),
            y,
        };
        let train = epochs.iter().map(|epoch| of(&epoch.train)).collect();
        let validation = epochs.iter().map(|epoch| of(&epoch.validation)).collect();
        [
            line((*name).into(), Shape::Line, train),
            line(format!("{name}, validation"), Shape::Dashes, validation),
        ]
    });
    let marks = lines.collect();
    Figure { title: title.into(), x: Axis::linear("epoch"), y, marks, shades: vec![] }
}

fn numbers(epochs: &[EpochRecord]) -> Vec<f64> {
    epochs.iter().map(|epoch| epoch.epoch as f64).collect()
}
