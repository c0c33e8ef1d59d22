//! Numbers row by row, as a series holds them.

use rayon::prelude::*;

/// Columns of numbers, `[rows, width]`, NaN where missing.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    pub(crate) values: Vec<f64>,
    pub(crate) width: usize,
}

impl Matrix {
    pub(crate) fn column(&self, at: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        self.values.get(at..).unwrap_or_default().iter().step_by(self.width.max(1)).copied()
    }

    /// Some columns, each in one piece.
    pub(crate) fn columns(&self, wanted: &[usize]) -> Vec<Vec<f64>> {
        // As many at a time as a line of the memory holds, so that each is read once.
        let some = |wanted: &[usize]| {
            let rows = self.values.len() / self.width.max(1);
            let mut columns: Vec<Vec<f64>> =
                wanted.iter().map(|_| Vec::with_capacity(rows)).collect();
            for row in self.values.chunks(self.width.max(1)) {
                wanted.iter().zip(&mut columns).for_each(|(at, column)| column.push(row[*at]));
            }
            columns
        };
        wanted.par_chunks(8).flat_map_iter(some).collect()
    }

    /// The values of some columns, in rising order, row by row.
    pub(crate) fn select(mut self, wanted: &[usize]) -> Vec<f64> {
        if wanted.len() < self.width {
            let mut to = 0;
            for row in 0..self.values.len() / self.width {
                for at in wanted {
                    self.values[to] = self.values[row * self.width + at];
                    to += 1;
                }
            }
            self.values.truncate(to);
        }
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_rows_of_some() {
        let matrix = || Matrix { values: (0..6).map(f64::from).collect(), width: 3 };
        assert_eq!(matrix().column(1).collect::<Vec<_>>(), [1.0, 4.0]);
        assert_eq!(matrix().columns(&[2, 0]), [[2.0, 5.0], [0.0, 3.0]]);
        assert_eq!(matrix().select(&[0, 2]), [0.0, 2.0, 3.0, 5.0]);
        assert_eq!(matrix().select(&[0, 1, 2]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
