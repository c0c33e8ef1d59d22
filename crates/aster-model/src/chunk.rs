use std::ops::Range;

use burn::tensor::Device;
use rayon::prelude::*;

/// Does the work of a batch chunk by chunk and returns the results in the order of the batch.
///
/// On a CPU most operations are too small to share
/// between cores, so there the batch is cut into chunks that run at once. On flex, what a
/// chunk computes does not depend on the number of cores. GPUs fill themselves.
pub fn in_chunks<T: Send>(
    windows: usize,
    chunk: usize,
    device: &Device,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    if windows <= chunk || !is_cpu(device) {
        return vec![work(0..windows)];
    }
    let range = |i: usize| i * chunk..((i + 1) * chunk).min(windows);
    (0..windows.div_ceil(chunk)).into_par_iter().map(|i| work(range(i))).collect()
}

fn is_cpu(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    #[allow(deprecated)] // Burn 0.23 drops LibTorch.
    if *device == Device::libtorch() {
        // On one core LibTorch gains nothing from chunks; flex gains its cache.
        return rayon::current_num_threads() > 1;
    }
    #[cfg(feature = "flex")]
    if *device == Device::flex() {
        return true;
    }
    let _ = device;
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_batch_in_order() {
        let ranges = |windows, chunk| in_chunks(windows, chunk, &Device::flex(), |range| range);
        assert_eq!(ranges(5, 2), [0..2, 2..4, 4..5]);
        assert_eq!(ranges(5, 5).len(), 1, "no more than a chunk is not cut");
        let autodiff = Device::flex().autodiff();
        assert_eq!(in_chunks(4, 2, &autodiff, |range| range), [0..2, 2..4]);
    }
}
