//! Methods any deep one has to beat. All see what ASTER sees: the same scaled
//! rows, the last 20 % of the training rows for the threshold only.

use std::error::Error;

use aster::data::{Scaler, ScalerConfig, TimeSeries, TrainSeries, Windows};
use aster::eval::ThresholdRule;
use linfa::Dataset;
use linfa::traits::{Fit, Predict};
use linfa_clustering::KMeans;
use linfa_reduction::Pca;
use ndarray::{Array2, ArrayView1};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;

use crate::evaluate::Scored;

/// A rival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The same score everywhere: everything alarms.
    PredictAll,
    /// A uniform random score.
    Random,
    /// Squared distance of a row from the subspace of the principal components
    /// that hold 90 % of the variance.
    Pca,
    /// Distance of a 20-row window from the nearest of 20 cluster centres.
    KMeans,
}

const VARIANCE: f64 = 0.9;
const CLUSTERS: usize = 20;
const CLUSTER_WINDOW: usize = 20;
/// Windows that k-means is fitted on at most, evenly spaced.
const CLUSTER_SAMPLE: usize = 5000;

/// A fitted rival: scaled rows in, one score per row out.
type Scorer = Box<dyn Fn(&TimeSeries) -> Result<Vec<f32>, Box<dyn Error>>>;

impl Baseline {
    /// Every rival.
    pub const ALL: [Self; 4] = [Self::PredictAll, Self::Random, Self::Pca, Self::KMeans];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::PredictAll => "predict-all",
            Self::Random => "random",
            Self::Pca => "pca",
            Self::KMeans => "kmeans",
        }
    }

    /// Fits on the training rows and scores each test.
    ///
    /// # Errors
    /// Other channels in a test, a fit that fails.
    pub fn run(
        self,
        train: &TrainSeries,
        tests: &[&TimeSeries],
        scaling: &ScalerConfig,
        rule: &ThresholdRule,
        seed: u64,
    ) -> Result<Vec<Scored>, Box<dyn Error>> {
        let (train, validation) = train.split_validation(0.2)?;
        let scaler = Scaler::fit(scaling, &train);
        let scorer = self.fit(&scaler.transform(&train)?, seed)?;
        let threshold = rule.fit(&scorer(&scaler.transform(&validation)?)?)?;
        // A constant score reaches every threshold or none; here it is all.
        let threshold = if self == Self::PredictAll { 0.0 } else { threshold };
        let score = |test: &&TimeSeries| {
            Ok(Scored { scores: scorer(&scaler.transform(test)?)?, threshold })
        };
        tests.iter().map(score).collect()
    }

    fn fit(self, train: &TimeSeries, seed: u64) -> Result<Scorer, Box<dyn Error>> {
        Ok(match self {
            Self::PredictAll => Box::new(|series| Ok(vec![1.0; series.rows()])),
            Self::Random => Box::new(move |series| {
                // Each series draws its own numbers.
                let mut rng = StdRng::seed_from_u64(seed ^ series.rows() as u64);
                Ok((0..series.rows()).map(|_| rng.random::<f32>()).collect())
            }),
            Self::Pca => {
                let data = Dataset::from(rows(train)?);
                let full = Pca::params(train.channel_count()).fit(&data)?;
                let shares = full.explained_variance_ratio();
                let mut sum = 0.0;
                let kept = shares.iter().take_while(|share| {
                    let more = sum < VARIANCE;
                    sum += **share;
                    more
                });
                let pca = Pca::params(kept.count().max(1)).fit(&data)?;
                Box::new(move |series| {
                    let data = rows(series)?;
                    let restored = pca.inverse_transform(pca.predict(&data));
                    let gap = data - restored;
                    Ok(gap.rows().into_iter().map(|r| r.dot(&r) as f32).collect())
                })
            }
            Self::KMeans => {
                let windows = Windows::new(train.rows(), CLUSTER_WINDOW, 1)?;
                let step = windows.count().div_ceil(CLUSTER_SAMPLE);
                let sample: Vec<usize> = (0..windows.count()).step_by(step).collect();
                let data = Dataset::from(cut(train, &windows, &sample)?);
                let rng = Xoshiro256Plus::seed_from_u64(seed);
                let kmeans = KMeans::params_with_rng(CLUSTERS, rng)
                    .n_runs(3)
                    .max_n_iterations(100)
                    .tolerance(1e-3)
                    .fit(&data)?;
                Box::new(move |series| {
                    let windows = Windows::new(series.rows(), CLUSTER_WINDOW, 1)?;
                    let mut fold = windows.fold();
                    for window in 0..windows.count() {
                        let cut = cut(series, &windows, &[window])?;
                        let distance = nearest(kmeans.centroids(), cut.row(0)) as f32;
                        fold.add(window, &[distance; CLUSTER_WINDOW]);
                    }
                    Ok(fold.finish())
                })
            }
        })
    }
}

fn nearest(centres: &Array2<f64>, point: ArrayView1<'_, f64>) -> f64 {
    let distance = |centre: ArrayView1<'_, f64>| {
        let gap = &centre - &point;
        gap.dot(&gap).sqrt()
    };
    centres.rows().into_iter().map(distance).fold(f64::INFINITY, f64::min)
}

fn rows(series: &TimeSeries) -> Result<Array2<f64>, ndarray::ShapeError> {
    let values = series.values().iter().map(|v| f64::from(*v)).collect();
    Array2::from_shape_vec((series.rows(), series.channel_count()), values)
}

/// The given windows, one flattened window per row.
fn cut(
    series: &TimeSeries,
    windows: &Windows,
    numbers: &[usize],
) -> Result<Array2<f64>, ndarray::ShapeError> {
    let mut values = Vec::new();
    windows.gather(series, numbers, &mut values);
    let width = windows.length() * series.channel_count();
    let values = values.into_iter().map(f64::from).collect();
    Array2::from_shape_vec((numbers.len(), width), values)
}
