//! HBOS (Goldstein & Dengel 2012): how rarely each channel was near its value.

use ndarray::Array2;

const BINS: usize = 10;
/// A bin's height below which all are alike, relative to the highest.
const FLOOR: f64 = 0.1;

/// A histogram per channel, of equal bins over the range of training.
#[derive(Debug)]
pub struct Histograms(Vec<Histogram>);

#[derive(Debug)]
struct Histogram {
    from: f64,
    width: f64,
    /// Relative to the highest.
    heights: [f64; BINS],
}

impl Histograms {
    /// From rows of channels.
    pub fn fit(rows: &Array2<f64>) -> Self {
        Self(rows.columns().into_iter().map(|values| Histogram::fit(&values.to_vec())).collect())
    }

    /// Sum over channels of `-ln` of the height, one per row.
    pub fn score(&self, rows: &Array2<f64>) -> Vec<f32> {
        let of_row = |row: ndarray::ArrayView1<'_, f64>| {
            let rarity = |(value, h): (&f64, &Histogram)| -(h.height(*value) + FLOOR).ln();
            row.iter().zip(&self.0).map(rarity).sum::<f64>() as f32
        };
        rows.rows().into_iter().map(of_row).collect()
    }
}

impl Histogram {
    fn fit(values: &[f64]) -> Self {
        let from = values.iter().copied().fold(f64::INFINITY, f64::min);
        let to = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut histogram = Self { from, width: (to - from) / BINS as f64, heights: [0.0; BINS] };
        for value in values {
            if let Some(bin) = histogram.bin(*value) {
                histogram.heights[bin] += 1.0;
            }
        }
        let highest = histogram.heights.into_iter().fold(1.0, f64::max);
        histogram.heights = histogram.heights.map(|height| height / highest);
        histogram
    }

    fn height(&self, value: f64) -> f64 {
        self.bin(value).map_or(0.0, |bin| self.heights[bin])
    }

    fn bin(&self, value: f64) -> Option<usize> {
        if value == self.from {
            return Some(0); // in a constant channel, all there is
        }
        let bin = (value - self.from) / self.width;
        (0.0..=BINS as f64).contains(&bin).then(|| (bin as usize).min(BINS - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_and_unseen_values_score_higher() {
        let values = [vec![0.5; 8], vec![9.5; 2], vec![0.0, 10.0]].concat();
        let rows = Array2::from_shape_fn((12, 2), |(i, j)| if j == 0 { values[i] } else { 1.0 });
        let histograms = Histograms::fit(&rows);
        let test = ndarray::array![[0.5, 1.0], [9.9, 1.0], [5.0, 1.0], [11.0, 1.0], [0.5, 2.0]];
        let height = |height: f64| -(height + FLOOR).ln();
        let still = height(1.0);
        let expected = [still + still, height(3.0 / 9.0) + still, height(0.0) + still];
        let scores = histograms.score(&test);
        for (score, expected) in scores.iter().zip(expected) {
            assert!((f64::from(*score) - expected).abs() < 1e-6);
        }
        assert_eq!(scores[3], scores[2], "outside the range is as rare as never seen");
        assert_eq!(scores[4], scores[2]);
    }
}
