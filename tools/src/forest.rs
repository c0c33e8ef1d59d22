//! Isolation forest (Liu, Ting & Zhou 2008): how few random cuts set a row apart.

use ndarray::{Array2, ArrayView1};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const TREES: usize = 100;
const SAMPLE: usize = 256;

/// Trees, each grown on a sample of the rows.
#[derive(Debug)]
pub struct Forest {
    trees: Vec<Node>,
    /// Mean depth of a row in a tree of this sample.
    usual: f64,
}

#[derive(Debug)]
enum Node {
    /// So many rows are left.
    Leaf(usize),
    /// A channel, where it is cut, and what is below and above.
    Cut(usize, f64, Box<[Node; 2]>),
}

impl Forest {
    /// From rows of channels.
    pub fn grow(rows: &Array2<f64>, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let sample = SAMPLE.min(rows.nrows());
        let depth = (sample as f64).log2().ceil() as usize;
        let grow = |_| {
            let numbers = rand::seq::index::sample(&mut rng, rows.nrows(), sample).into_vec();
            Node::grow(rows, numbers, depth, &mut rng)
        };
        Self { trees: (0..TREES).map(grow).collect(), usual: usual_depth(sample) }
    }

    /// `2^(-mean depth / usual depth)`, one per row.
    pub fn score(&self, rows: &Array2<f64>) -> Vec<f32> {
        let of_row = |row: ArrayView1<'_, f64>| {
            let depth = self.trees.iter().map(|tree| tree.depth(row)).sum::<f64>();
            (-depth / TREES as f64 / self.usual).exp2() as f32
        };
        rows.rows().into_iter().map(of_row).collect()
    }
}

impl Node {
    fn grow(rows: &Array2<f64>, numbers: Vec<usize>, depth: usize, rng: &mut StdRng) -> Self {
        let range = |channel: usize| {
            let values = numbers.iter().map(|i| rows[[*i, channel]]);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
        };
        let moving = |channel: &usize| range(*channel).0 < range(*channel).1;
        let channels: Vec<usize> = (0..rows.ncols()).filter(moving).collect();
        if depth == 0 || channels.is_empty() {
            return Self::Leaf(numbers.len());
        }
        let channel = channels[rng.random_range(0..channels.len())];
        let (from, to) = range(channel);
        let at = rng.random_range(from..to);
        let (below, above) = numbers.into_iter().partition(|i| rows[[*i, channel]] <= at);
        let parts = [below, above].map(|part| Self::grow(rows, part, depth - 1, rng));
        Self::Cut(channel, at, Box::new(parts))
    }

    fn depth(&self, row: ArrayView1<'_, f64>) -> f64 {
        match self {
            Self::Leaf(rows) => usual_depth(*rows),
            Self::Cut(channel, at, parts) => {
                1.0 + parts[usize::from(row[*channel] > *at)].depth(row)
            }
        }
    }
}

/// Mean depth of an unsuccessful search in a binary tree of so many rows.
fn usual_depth(rows: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => 2.0 * (((n - 1) as f64).ln() + EULER) - 2.0 * (n - 1) as f64 / n as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_is_set_apart_by_few_cuts() {
        let mut rng = StdRng::seed_from_u64(0);
        let rows =
            Array2::from_shape_fn(
                (500, 3),
                |(_, j)| {
                    if j == 2 { 1.0 } else { rng.random_range(-1.0..1.0) }
                },
            );
        let scores =
            Forest::grow(&rows, 0).score(&ndarray::array![[0.0, 0.0, 1.0], [5.0, 5.0, 1.0]]);
        assert!(scores[0] < 0.5 && scores[1] > 0.6, "{scores:?}");
        // Of 256 rows: 2 H(255) - 2 * 255 / 256.
        assert!((usual_depth(256) - 10.244).abs() < 1e-2);
    }
}
