use std::ops::Range;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

/// Does the work of a batch, in its order. On a CPU most operations are too small to share
/// between cores, so there the batch is cut into chunks that run at once. On flex, what a
/// chunk computes does not depend on the number of cores. GPUs fill themselves.
pub(crate) fn in_chunks<T: Send>(
    windows: usize,
    chunk: usize,
    device: &Device,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    if !is_cpu(device) || windows <= chunk {
        return vec![work(0..windows)];
    }
    let range = |i: usize| i * chunk..((i + 1) * chunk).min(windows);
    (0..windows.div_ceil(chunk)).into_par_iter().map(|i| work(range(i))).collect()
}

/// The gradients of a batch: `losses` gives what some of its examples contribute to the
/// loss, and something to return beside it, chunk by chunk in their order.
pub fn gradients_in_chunks<M: Module + Sync, T: Send>(
    model: &M,
    examples: usize,
    chunk: usize,
    device: &Device,
    losses: impl Fn(&M, Range<usize>) -> (Tensor<1>, T) + Sync,
) -> (GradientsParams, Vec<T>) {
    let chunks = in_chunks(examples, chunk, device, |range| {
        // Graphs that share parameters would wait for each other.
        let alone = range.len() == examples;
        let model = if alone { model.clone() } else { model.clone().fork(device) };
        let (loss, item) = losses(&model, range);
        (GradientsParams::from_grads(loss.backward(), &model), item)
    });
    let mut grads = GradientsAccumulator::new();
    let items = chunks.into_iter().map(|(of_chunk, item)| {
        grads.accumulate(model, of_chunk);
        item
    });
    let items = items.collect();
    (grads.grads(), items)
}

fn is_cpu(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    #[allow(deprecated)] // Burn 0.23 drops LibTorch.
    if *device == Device::libtorch() {
        // On one core LibTorch gains nothing from chunks; flex gains its cache.
        return rayon::current_num_threads() > 1;
    }
    *device == Device::flex()
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
