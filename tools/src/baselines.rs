//! Methods any deep one has to beat, each with every scaling that ASTER may use. All see what
//! ASTER sees: the same rows, the last 20 % of the training rows for the threshold only.

use std::fmt;

use anyhow::Context;
use aster::data::{
    OverlapMean, ScaledSeries, Scaler, ScalerConfig, ScalerKind, TimeSeries, TrainSeries, Windows,
};
use aster::eval::{AlarmRule, NormalScores};
use aster::prelude::AsterConfig;
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_clustering::KMeans;
use linfa_linalg::eigh::{EigSort, Eigh};
use linfa_nn::distance::{Distance, L2Dist};
use linfa_nn::{BallTree, NearestNeighbour};
use ndarray::{Array1, Array2, Axis};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;

use crate::evaluate::Scored;
use crate::forest::Forest;
use crate::histogram::Histograms;
use crate::patches::Patches;

/// A rival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    method: Method,
    scaling: Scaling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// A constant score: everything alarms.
    PredictAll,
    /// A uniform random score.
    Random,
    /// Squared length of a row.
    L2,
    /// Squared distance of a row from the subspace of the principal components
    /// that hold 90 % of the variance.
    Pca,
    /// Histogram of each channel (Goldstein & Dengel 2012).
    Hbos,
    /// Distance of a row from its fifth nearest in training.
    Knn,
    /// Trees of random cuts (Liu et al. 2008).
    IsolationForest,
    /// Distance of a window from the nearest of 20 cluster centres.
    KMeans { window: usize },
    /// Squared distance of each channel from its moving mean: learns nothing but norms.
    MovingMean,
    /// Distance of a window without its level and spread from those of training, under a random
    /// encoder.
    Patches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scaling {
    /// Mean and standard deviation.
    Z,
    /// The same, then `asinh`.
    Asinh,
    /// Median and interquartile range.
    Robust,
}

const VARIANCE: f64 = 0.9;
const NEIGHBOURS: usize = 5;
const CLUSTERS: usize = 20;
/// Rows or windows that k-means and nearest neighbours keep at most, evenly spaced.
const SAMPLE: usize = 5000;
/// Rows that the moving mean is over, centred.
const MEAN: usize = 64;
/// Share of the mean norm over channels that is added to each.
const FLOOR: f64 = 0.03;
/// Windows that are cut out at once.
const BATCH: usize = 512;

/// A fitted rival: scaled rows in, one score per row out.
type Scorer = Box<dyn Fn(&ScaledSeries) -> anyhow::Result<Vec<f32>>>;

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.method {
            Method::PredictAll => return write!(f, "predict-all"),
            Method::Random => return write!(f, "random"),
            Method::L2 => write!(f, "L2 norm"),
            Method::Pca => write!(f, "PCA"),
            Method::Hbos => write!(f, "HBOS"),
            Method::Knn => write!(f, "kNN"),
            Method::IsolationForest => write!(f, "isolation forest"),
            Method::KMeans { window } => write!(f, "KMeans, {window} steps"),
            Method::MovingMean => write!(f, "moving mean"),
            Method::Patches => write!(f, "random patches"),
        }?;
        let scaling = match self.scaling {
            Scaling::Z => "z",
            Scaling::Asinh => "asinh",
            Scaling::Robust => "robust",
        };
        write!(f, ", {scaling}")
    }
}

impl Baseline {
    /// Every rival.
    pub fn all() -> Vec<Self> {
        let methods = [
            Method::L2,
            Method::Pca,
            Method::Hbos,
            Method::Knn,
            Method::IsolationForest,
            Method::KMeans { window: 20 },
            Method::KMeans { window: 100 },
            Method::MovingMean,
            Method::Patches,
        ];
        let blind = [Method::PredictAll, Method::Random];
        let blind = blind.map(|method| Self { method, scaling: Scaling::Z });
        let scaled = methods.into_iter().flat_map(|method| {
            [Scaling::Z, Scaling::Asinh, Scaling::Robust].map(|scaling| Self { method, scaling })
        });
        blind.into_iter().chain(scaled).collect()
    }

    /// Returns the methods for a first look.
    pub fn few() -> [Self; 4] {
        let scaling = Scaling::Asinh;
        [Method::PredictAll, Method::Random, Method::Pca, Method::KMeans { window: 20 }]
            .map(|method| Self { method, scaling })
    }

    /// Whether another seed gives other scores.
    pub fn is_random(self) -> bool {
        matches!(
            self.method,
            Method::Random | Method::IsolationForest | Method::KMeans { .. } | Method::Patches
        )
    }

    /// Fits on the training rows and scores each test, with the thresholds of ASTER's config.
    ///
    /// # Errors
    /// Other channels in a test, a fit that fails.
    pub fn run(
        self,
        train: &TrainSeries,
        tests: &[&TimeSeries],
        config: &AsterConfig,
        seed: u64,
    ) -> anyhow::Result<Vec<Scored>> {
        let (train, validation) = train.split_validation(config.train.validation)?;
        let scaler = Scaler::fit(&self.scaling.config(), &train);
        let scorer = self.method.fit(&scaler.transform(&train)?, seed)?;
        let scores = scorer(&scaler.transform(&validation)?)?;
        let (alarm, rows_per_day) = (config.alarm, train.rows_per_day());
        let normal = NormalScores { scores: &scores, unseen: 0, alarm, rows_per_day };
        let normal_rows = scores.len() as u64;
        let (threshold, drift) = match self.method {
            // A constant score reaches every threshold or none; here it is all.
            Method::PredictAll => (0.0, None),
            _ => (config.threshold.fit_on(&normal)?, config.drift),
        };
        let rule = AlarmRule { threshold, alarm, drift, normal_rows };
        let score = |test: &&TimeSeries| {
            let scores = scorer(&scaler.transform(test)?)?;
            Ok(Scored::new(rule.alarms(&scores)?, scores, 0))
        };
        tests.iter().map(score).collect()
    }
}

impl Scaling {
    fn config(self) -> ScalerConfig {
        let kind = if self == Self::Robust { ScalerKind::Robust } else { ScalerKind::Standard };
        ScalerConfig { kind, asinh: self == Self::Asinh }
    }
}

impl Method {
    fn fit(self, train: &ScaledSeries, seed: u64) -> anyhow::Result<Scorer> {
        Ok(match self {
            Self::PredictAll => Box::new(|series| Ok(vec![1.0; series.rows()])),
            Self::Random => Box::new(move |series| {
                // Each series draws its own numbers.
                let mut rng = StdRng::seed_from_u64(seed ^ series.rows() as u64);
                Ok((0..series.rows()).map(|_| rng.random::<f32>()).collect())
            }),
            Self::L2 => Box::new(|series| Ok(lengths(&rows(series)?))),
            Self::Pca => {
                let data = rows(train)?;
                let mean = data.mean_axis(Axis(0)).context("no rows")?;
                let centred = data - &mean;
                // The whole decomposition: linfa-reduction's truncated one fails on
                // the singular covariance that constant channels make.
                let covariance = centred.t().dot(&centred);
                let (variances, axes) = covariance.eigh()?.sort_eig_desc();
                let mut missing = VARIANCE * variances.sum();
                let kept = variances.iter().take_while(|variance| {
                    let more = missing > 0.0;
                    missing -= **variance;
                    more
                });
                let axes = axes.slice_axis(Axis(1), (..kept.count()).into()).to_owned();
                Box::new(move |series| {
                    let centred = rows(series)? - &mean;
                    Ok(lengths(&(&centred - centred.dot(&axes).dot(&axes.t()))))
                })
            }
            Self::Hbos => {
                let histograms = Histograms::fit(&rows(train)?);
                Box::new(move |series| Ok(histograms.score(&rows(series)?)))
            }
            Self::Knn => {
                let known = cut(train, &Windows::new(1, 1)?)?;
                Box::new(move |series| {
                    let index = BallTree.from_batch(&known, L2Dist)?;
                    let rows = rows(series)?;
                    let score = |row| {
                        let nearest = index.k_nearest(row, NEIGHBOURS)?;
                        let (last, _) = nearest.last().context("no rows")?;
                        Ok(L2Dist.distance(row, last.view()) as f32)
                    };
                    rows.rows().into_iter().map(score).collect()
                })
            }
            Self::IsolationForest => {
                let forest = Forest::grow(&rows(train)?, seed);
                Box::new(move |series| Ok(forest.score(&rows(series)?)))
            }
            Self::KMeans { window } => {
                let data = Dataset::from(cut(train, &Windows::new(window, 1)?)?);
                let kmeans = KMeans::params_with_rng(CLUSTERS, Xoshiro256Plus::seed_from_u64(seed))
                    .n_runs(1)
                    .max_n_iterations(100)
                    .tolerance(1e-3)
                    .fit(&data)?;
                let centres = kmeans.centroids().to_owned();
                Box::new(move |series| {
                    let windows = Windows::new(window, 1)?;
                    let rows = series.rows();
                    let mut means = OverlapMean::default();
                    let numbers: Vec<usize> = (0..windows.count(rows)).collect();
                    for batch in numbers.chunks(BATCH) {
                        let distances = nearest(&centres, &gather(series, &windows, batch)?);
                        for (number, distance) in batch.iter().zip(distances) {
                            let start = windows.start(*number, rows);
                            means.add(start, 1, &vec![distance; window.min(rows)]);
                        }
                    }
                    Ok(means.take(rows))
                })
            }
            Self::MovingMean => {
                let squares = off_mean(train)?;
                let norms = squares.mean_axis(Axis(0)).context("no rows")?;
                // A channel that never moved would drown the others.
                let floor = FLOOR * norms.mean().unwrap_or(0.0);
                let norms = norms.mapv_into(|norm| (norm + floor).max(f64::MIN_POSITIVE));
                Box::new(move |series| {
                    let shares = off_mean(series)? / &norms;
                    let mean = |row: ndarray::ArrayView1<'_, f64>| row.mean().unwrap_or(0.0) as f32;
                    Ok(shares.rows().into_iter().map(mean).collect())
                })
            }
            Self::Patches => {
                let patches = Patches::fit(train, seed)?;
                Box::new(move |series| patches.score(series))
            }
        })
    }
}

/// Squared distances from the channels' moving means.
fn off_mean(series: &ScaledSeries) -> Result<Array2<f64>, ndarray::ShapeError> {
    let mut rows = rows(series)?;
    for mut channel in rows.columns_mut() {
        let values = channel.to_vec();
        for (row, value) in channel.iter_mut().enumerate() {
            let near = &values[row.saturating_sub(MEAN / 2)..values.len().min(row + MEAN / 2)];
            let mean = near.iter().sum::<f64>() / near.len() as f64;
            *value = (*value - mean).powi(2);
        }
    }
    Ok(rows)
}

/// Squared length of each row.
fn lengths(rows: &Array2<f64>) -> Vec<f32> {
    rows.rows().into_iter().map(|row| row.dot(&row) as f32).collect()
}

/// Distance of each point from the nearest centre.
fn nearest(centres: &Array2<f64>, points: &Array2<f64>) -> Vec<f32> {
    let square = |points: &Array2<f64>| points.map_axis(Axis(1), |point| point.dot(&point));
    let of_centres: Array1<f64> = square(centres);
    let products = points.dot(&centres.t());
    let distance = |(row, length): (ndarray::ArrayView1<'_, f64>, &f64)| {
        let gaps = row.iter().zip(&of_centres).map(|(product, centre)| centre - 2.0 * product);
        // Rounding may leave less than nothing.
        (length + gaps.fold(f64::INFINITY, f64::min)).max(0.0).sqrt() as f32
    };
    products.rows().into_iter().zip(&square(points)).map(distance).collect()
}

fn rows(series: &ScaledSeries) -> Result<Array2<f64>, ndarray::ShapeError> {
    let values = series.values().iter().map(|v| f64::from(*v)).collect();
    Array2::from_shape_vec((series.rows(), series.channel_count()), values)
}

/// At most [`SAMPLE`] windows, evenly spaced, one flattened window per row.
fn cut(series: &ScaledSeries, windows: &Windows) -> Result<Array2<f64>, ndarray::ShapeError> {
    let count = windows.count(series.rows());
    let numbers: Vec<usize> = (0..count).step_by(count.div_ceil(SAMPLE)).collect();
    gather(series, windows, &numbers)
}

/// The given windows, one flattened window per row.
fn gather(
    series: &ScaledSeries,
    windows: &Windows,
    numbers: &[usize],
) -> Result<Array2<f64>, ndarray::ShapeError> {
    let (mut values, c) = (Vec::new(), series.channel_count());
    for number in numbers {
        let start = windows.start(*number, series.rows());
        windows.gather(&series.values()[start * c..], c, &mut values);
    }
    let width = windows.length() * c;
    let values = values.into_iter().map(f64::from).collect();
    Array2::from_shape_vec((numbers.len(), width), values)
}

#[cfg(test)]
mod tests {
    use aster::data::SyntheticConfig;
    use aster::eval::auroc;

    use super::*;

    /// The series with a channel that never moves.
    fn with_constant(series: &TimeSeries) -> TimeSeries {
        let mut names = series.channels().to_vec();
        names.push("still".into());
        let values = (0..series.rows()).flat_map(|row| [series.row(row), &[1.0]].concat());
        TimeSeries::new(names, values.collect()).unwrap()
    }

    #[test]
    fn baselines_bear_constant_channels_and_rank_as_they_should() {
        let data = SyntheticConfig { train_rows: 1500, channels: 4, ..Default::default() };
        let split = data.generate().unwrap();
        let (train, test) = (with_constant(&split.train).into_train(), with_constant(&split.test));
        let labels = split.test.labels().unwrap();
        for baseline in Baseline::all() {
            let scored = baseline.run(&train, &[&test], &AsterConfig::default(), 0).unwrap();
            let area = auroc(&scored[0].scores, labels).unwrap();
            match baseline.method {
                Method::PredictAll => assert_eq!(area, 0.5),
                Method::Random => assert!((area - 0.5).abs() < 0.1, "{baseline}: {area}"),
                // What stands off a moving mean of its own.
                Method::MovingMean => assert!(area > 0.5, "{baseline}: {area}"),
                _ => assert!(area > 0.6, "{baseline}: {area}"),
            }
        }
    }

    #[test]
    fn the_nearest_centre_counts() {
        let centres = ndarray::array![[0.0, 0.0], [3.0, 4.0]];
        let points = ndarray::array![[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]];
        assert_eq!(nearest(&centres, &points), [0.0, 1.0, 5.0]);
    }
}
