//! Methods any deep one has to beat. All see what ASTER sees: the same scaled
//! rows, the last 20 % of the training rows for the threshold only.

use std::error::Error;

use aster::data::{Scaler, ScalerConfig, TimeSeries, TrainSeries, Windows};
use aster::eval::ThresholdRule;
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_clustering::KMeans;
use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array2, ArrayView1, Axis};
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
                let data = rows(train)?;
                let mean = data.mean_axis(Axis(0)).ok_or("no rows")?;
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
                    let gap = &centred - centred.dot(&axes).dot(&axes.t());
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
        let [all, random, pca, kmeans] = Baseline::ALL.map(|baseline| {
            let rule = ThresholdRule::FalseAlarmRate { rate: 0.01 };
            let scaling = ScalerConfig::default();
            let scored = baseline.run(&train, &[&test], &scaling, &rule, 0).unwrap();
            auroc(&scored[0].scores, labels).unwrap()
        });
        assert_eq!(all, 0.5);
        assert!((random - 0.5).abs() < 0.1, "random {random}");
        assert!(pca > 0.65 && kmeans > 0.65, "PCA {pca}, KMeans {kmeans}");
    }
}
