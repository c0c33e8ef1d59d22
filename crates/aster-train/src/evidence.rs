use std::collections::{BTreeMap, BTreeSet};

use aster_data::{TimeSeries, WindowFold, Windows};
use burn::tensor::Device;

use crate::batch::gather;
use crate::{Aster, Source, TrainError};

/// The configured evidence of a scaled series, smoothed: one value per row and
/// piece. Memory is proportional to the rows, plus one batch of windows.
pub(crate) fn evidence(
    model: &Aster,
    series: &TimeSeries,
    device: &Device,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let config = &model.config().score;
    let windows = Windows::new(series.rows(), model.config().window, config.stride)?;
    let pieces = || config.evidence.iter().flatten();
    let sources: BTreeSet<Source> = pieces().map(|piece| piece.source).collect();
    let sources: Vec<Source> = sources.into_iter().collect();
    let mut folds = vec![windows.fold(); sources.len()];
    let numbers: Vec<usize> = (0..windows.count()).collect();
    for batch in numbers.chunks(config.batch) {
        let said = model.evidence(gather(series, &windows, batch, device), &sources);
        for (fold, values) in folds.iter_mut().zip(said) {
            let values: Vec<f32> = values.into_data().iter::<f32>().collect();
            for (window, scores) in batch.iter().zip(values.chunks(windows.length())) {
                fold.add(*window, scores);
            }
        }
    }
    let rows: BTreeMap<_, _> =
        sources.into_iter().zip(folds.into_iter().map(WindowFold::finish)).collect();
    let smoothed = pieces().map(|piece| smooth(&rows[&piece.source], piece.smoothing));
    Ok(smoothed.collect())
}

/// Centred moving average over `width` rows, over fewer at the ends.
fn smooth(values: &[f32], width: usize) -> Vec<f32> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    for value in values {
        sums.push(sums[sums.len() - 1] + f64::from(*value));
    }
    let (before, after) = ((width - 1) / 2, width / 2);
    let mean = |row: usize| {
        let (from, to) = (row.saturating_sub(before), (row + after + 1).min(values.len()));
        ((sums[to] - sums[from]) / (to - from) as f64) as f32
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::smooth;

    #[test]
    fn smoothing_by_hand() {
        let values = [1.0, 2.0, 3.0, 10.0];
        assert_eq!(smooth(&values, 1), values);
        assert_eq!(smooth(&values, 2), [1.5, 2.5, 6.5, 10.0]);
        assert_eq!(smooth(&values, 3), [1.5, 2.0, 5.0, 6.5]);
        assert_eq!(smooth(&values, 100), [4.0; 4]);
    }
}
