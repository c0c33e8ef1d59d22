use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Rows that wait for late ones, in the order of their times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reorder<T>(VecDeque<(i64, T)>);

/// Values of a row that waits, `[C]`; none where missing.
pub(crate) type Values = Vec<Option<f64>>;

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Reorder<T> {
    /// Puts a row in its place: behind those of the same time.
    pub(crate) fn insert(&mut self, time: i64, row: T) {
        let place = self.0.partition_point(|it| it.0 <= time);
        self.0.insert(place, (time, row));
    }

    /// The first row with its time, if more than so many wait.
    pub(crate) fn due(&mut self, bound: usize) -> Option<(i64, T)> {
        if self.0.len() > bound { self.0.pop_front() } else { None }
    }

    /// Returns the queue of the waiting rows' times alone.
    pub(crate) fn times(&self) -> Reorder<()> {
        Reorder(self.0.iter().map(|row| (row.0, ())).collect())
    }
}

impl Reorder<Values> {
    /// Bytes that its rows take.
    pub(crate) fn memory(&self) -> usize {
        let of_row = |row: &(i64, Values)| row.1.capacity() * size_of::<Option<f64>>();
        self.0.capacity() * size_of::<(i64, Values)>() + self.0.iter().map(of_row).sum::<usize>()
    }

    /// A bound on the bytes for so many rows of so many channels.
    pub(crate) fn most_memory(rows: usize, channels: usize) -> usize {
        match rows {
            0 => 0,
            // A list that doubles holds one more until the first is due.
            rows => {
                let places = 2 * (rows + 1).next_power_of_two().max(4);
                places * size_of::<(i64, Values)>()
                    + (rows + 1) * channels * size_of::<Option<f64>>()
            }
        }
    }

    /// Validates rows that were read from outside: no more than may wait, of the same channels.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, bound: usize, channels: usize) -> Result<(), &'static str> {
        let whole = self.0.iter().all(|row| row.1.len() == channels);
        let in_order = self.0.iter().zip(self.0.iter().skip(1)).all(|(a, b)| a.0 <= b.0);
        match self.0.len() <= bound && whole && in_order {
            true => Ok(()),
            false => Err("rows that wait for late ones where they should not"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_in_the_order_of_their_times() {
        let mut reorder = Reorder::default();
        let mut out = vec![];
        for (number, time) in [3, 1, 2, 2, 9, 4].into_iter().enumerate() {
            reorder.insert(time, vec![Some(number as f64), None]);
            out.extend(reorder.due(2).map(|row| (row.0, row.1[0])));
        }
        assert!(reorder.validate(2, 2).is_ok() && reorder.validate(1, 2).is_err());
        out.extend(std::iter::from_fn(|| reorder.due(0)).map(|row| (row.0, row.1[0])));
        let expected = [(1, 1.0), (2, 2.0), (2, 3.0), (3, 0.0), (4, 5.0), (9, 4.0)];
        assert_eq!(out, expected.map(|(time, value)| (time, Some(value))));
    }
}
