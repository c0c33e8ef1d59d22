use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aster_data::{ScaledSeries, Windows};
use aster_detect::TrainConfig;
use aster_model::{ModelConfig, Noise, RngKey};
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

/// Batch of scaled windows with the noise of their loss.
#[derive(Debug, Clone)]
pub(crate) struct WindowBatch {
    /// Scaled windows, `[B, T, C]`.
    pub(crate) windows: Tensor<3>,
    /// Noise of their loss.
    pub(crate) noise: Noise,
    /// Training steps before this one.
    pub(crate) step: usize,
    /// Factor on the gradients: one over the devices where Burn adds theirs up.
    pub(crate) weight: f64,
}

/// A window, the key of its noise, and its step: what loaders deal out. The batcher
/// cuts the window out of the series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    window: usize,
    key: RngKey,
    step: usize,
}

/// Windows of an epoch of training, drawn with replacement. What is drawn depends on
/// the seed, the epoch and the place in it, never on who asks first, so devices that
/// share the epoch see what one device would see alone.
pub(crate) struct TrainingDraws {
    windows: usize,
    seed: u64,
    /// Steps per epoch and windows per step and device.
    steps: usize,
    batch: usize,
    /// How often each place was drawn: the epoch, by place.
    rounds: Vec<AtomicUsize>,
}

impl TrainingDraws {
    /// Makes the batches that come after `done` epochs.
    pub(crate) fn new(windows: usize, config: &TrainConfig, devices: usize, done: usize) -> Self {
        let (seed, steps, batch) = (config.seed, config.steps_per_epoch, config.batch_size);
        let places = steps * batch * devices;
        let rounds = (0..places).map(|_| AtomicUsize::new(done)).collect();
        Self { windows, seed, steps, batch, rounds }
    }
}

impl Dataset<Draw> for TrainingDraws {
    fn get(&self, place: usize) -> Result<Draw, DatasetError> {
        let round = self.rounds[place].fetch_add(1, Ordering::Relaxed);
        let key = |purpose| RngKey {
            seed: self.seed,
            epoch: 2 * round as u64 + purpose,
            index: place as u64,
        };
        // Each device gets one run of places, in the order of its steps.
        let step = round * self.steps + place % (self.steps * self.batch) / self.batch;
        Ok(Draw { window: key(0).rng().random_range(0..self.windows), key: key(1), step })
    }

    fn len(&self) -> usize {
        self.rounds.len()
    }
}

/// Up to `count` windows, evenly spaced over `windows`, with the same noise in every
/// epoch, so that the losses of different epochs compare.
pub(crate) struct ValidationDraws {
    pub(crate) count: usize,
    pub(crate) windows: usize,
    pub(crate) seed: u64,
}

impl Dataset<Draw> for ValidationDraws {
    fn get(&self, place: usize) -> Result<Draw, DatasetError> {
        let key = RngKey { seed: self.seed, epoch: u64::MAX, index: place as u64 };
        Ok(Draw { window: place * self.windows / self.len(), key, step: 0 })
    }

    fn len(&self) -> usize {
        self.count.min(self.windows)
    }
}

pub(crate) struct WindowBatcher {
    series: Arc<ScaledSeries>,
    windows: Windows,
    config: ModelConfig,
    weight: f64,
}

impl WindowBatcher {
    pub(crate) fn new(
        series: Arc<ScaledSeries>,
        windows: Windows,
        config: ModelConfig,
        weight: f64,
    ) -> Self {
        Self { series, windows, config, weight }
    }
}

impl Batcher<Draw, WindowBatch> for WindowBatcher {
    fn batch(&self, draws: Vec<Draw>, device: &Device) -> WindowBatch {
        let numbers: Vec<usize> = draws.iter().map(|draw| draw.window).collect();
        let (values, c) =
            (self.windows.of_series(&self.series, &numbers), self.series.channel_count());
        let shape = [numbers.len(), self.windows.length(), c];
        let keys: Vec<RngKey> = draws.iter().map(|draw| draw.key).collect();
        WindowBatch {
            windows: Tensor::from_data(TensorData::new(values, shape), device),
            noise: Noise::draw(&self.config, c, &keys, device),
            step: draws.first().map_or(0, |draw| draw.step),
            weight: self.weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(draws: impl Dataset<Draw>) -> Vec<usize> {
        (0..draws.len()).map(|place| draws.get(place).unwrap().window).collect()
    }

    #[test]
    fn validation_windows_are_evenly_spaced_and_never_more_than_there_are() {
        let draws = |count, of| windows(ValidationDraws { count, windows: of, seed: 0 });
        assert_eq!(draws(3, 9), [0, 3, 6]);
        assert_eq!(draws(9, 3), [0, 1, 2]);
    }

    fn training(seed: u64, devices: usize, done: usize) -> TrainingDraws {
        let mut config = TrainConfig::default();
        (config.steps_per_epoch, config.batch_size, config.seed) = (3, 2, seed);
        TrainingDraws::new(1000, &config, devices, done)
    }

    #[test]
    fn training_windows_differ_by_seed_and_epoch_and_not_by_order() {
        let draws = training(0, 1, 0);
        let forward: Vec<_> = (0..6).map(|place| draws.get(place).unwrap().window).collect();
        let second: Vec<_> = (0..6).map(|place| draws.get(place).unwrap().window).collect();
        let draws = training(0, 1, 0);
        let backward: Vec<_> = (0..6).rev().map(|place| draws.get(place).unwrap().window).collect();
        assert!(forward.iter().eq(backward.iter().rev()));
        assert_ne!(forward, second);
        assert_eq!(windows(training(0, 1, 1)), second, "whether or not the first was drawn");
        assert_ne!(forward, windows(training(1, 1, 0)));
    }

    #[test]
    fn steps_count_on_over_epochs_on_every_device() {
        let draws = training(0, 2, 0);
        let steps = || (0..12).map(|place| draws.get(place).unwrap().step).collect::<Vec<_>>();
        assert_eq!(steps(), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(steps(), [3, 3, 4, 4, 5, 5, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn batches_hold_their_windows() {
        let values: Vec<f32> = (0..10).map(|v| v as f32).collect();
        let series = ScaledSeries::new(values.clone(), 2).unwrap();
        let mut config = ModelConfig::default();
        (config.window, config.patch) = (2, Some(1));
        let batcher = WindowBatcher::new(series.into(), Windows::new(2, 1).unwrap(), config, 1.0);
        let key = RngKey { seed: 0, epoch: 0, index: 0 };
        let draws = [0, 3].map(|window| Draw { window, key, step: 7 });
        let batch = batcher.batch(draws.to_vec(), &Device::flex());
        assert_eq!((batch.windows.dims(), batch.step), ([2, 2, 2], 7));
        let values = batch.windows.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values, [0., 1., 2., 3., 6., 7., 8., 9.]);
    }
}
