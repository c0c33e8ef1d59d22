use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aster_data::{TimeSeries, Windows};
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor, TensorData};

/// Scaled windows and when they are trained on.
#[derive(Debug, Clone)]
pub struct WindowBatch {
    /// `[B, T, C]`.
    pub windows: Tensor<3>,
    /// Batches drawn before this one.
    pub step: usize,
}

/// Up to `count` window numbers, evenly spaced over `of` windows. Only numbers
/// are drawn and shuffled; the batcher cuts the windows out of the series.
pub(crate) struct WindowNumbers {
    pub(crate) count: usize,
    pub(crate) of: usize,
}

impl Dataset<usize> for WindowNumbers {
    fn get(&self, index: usize) -> Result<usize, DatasetError> {
        Ok(index * self.of / self.len())
    }

    fn len(&self) -> usize {
        self.count.min(self.of)
    }
}

pub(crate) struct WindowBatcher {
    series: Arc<TimeSeries>,
    windows: Windows,
    drawn: AtomicUsize,
}

impl WindowBatcher {
    pub(crate) fn new(series: Arc<TimeSeries>, windows: Windows) -> Self {
        Self { series, windows, drawn: AtomicUsize::new(0) }
    }
}

impl Batcher<usize, WindowBatch> for WindowBatcher {
    fn batch(&self, items: Vec<usize>, device: &Device) -> WindowBatch {
        WindowBatch {
            windows: gather(&self.series, &self.windows, &items, device),
            step: self.drawn.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// The given windows as a tensor `[B, T, C]`.
pub(crate) fn gather(
    series: &TimeSeries,
    windows: &Windows,
    numbers: &[usize],
    device: &Device,
) -> Tensor<3> {
    let mut values = Vec::new();
    windows.gather(series, numbers, &mut values);
    let shape = [numbers.len(), windows.length(), series.channel_count()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_evenly_spaced_and_never_more_than_there_are() {
        let all = |count, of| {
            let numbers = WindowNumbers { count, of };
            (0..numbers.len()).map(|i| numbers.get(i).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(all(3, 9), [0, 3, 6]);
        assert_eq!(all(9, 3), [0, 1, 2]);
    }

    #[test]
    fn batches_hold_their_windows_and_count_steps() {
        let values: Vec<f32> = (0..10).map(|v| v as f32).collect();
        let series = Arc::new(TimeSeries::from_slice(&values, 2).unwrap());
        let batcher = WindowBatcher::new(series, Windows::new(5, 2, 1).unwrap());
        let device = Device::flex();
        let first = batcher.batch(vec![0, 3], &device);
        assert_eq!((first.windows.dims(), first.step), ([2, 2, 2], 0));
        let values = first.windows.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values, [0., 1., 2., 3., 6., 7., 8., 9.]);
        assert_eq!(batcher.batch(vec![1], &device).step, 1);
    }
}
