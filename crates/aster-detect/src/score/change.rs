use serde::{Deserialize, Serialize};

/// Squares the changes of rows from the one before; the first row has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    channels: usize,
    /// The row before, of one that has come.
    last: Vec<f32>,
}

impl Change {
    pub(crate) fn new(channels: usize) -> Self {
        Self { channels, last: vec![] }
    }

    /// Takes the next rows `[n, C]`; returns their squared changes.
    pub(crate) fn push(&mut self, rows: &[f32]) -> Vec<f32> {
        let mut squares = Vec::with_capacity(rows.len());
        for row in rows.chunks(self.channels) {
            if self.last.is_empty() {
                self.last = row.to_vec();
            }
            let square = |(now, last): (&f32, &f32)| {
                (f64::from(*now) - f64::from(*last)).powi(2).min(f64::from(f32::MAX)) as f32
            };
            squares.extend(row.iter().zip(&self.last).map(square));
            self.last.copy_from_slice(row);
        }
        squares
    }

    /// Bytes that its values take.
    pub(crate) fn memory(&self) -> usize {
        self.last.capacity() * size_of::<f32>()
    }

    /// Validates one that was read from outside against a fresh one.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, fresh: &Self) -> Result<(), &'static str> {
        let whole = self.last.is_empty() || self.last.len() == self.channels;
        match self.channels == fresh.channels && whole {
            true => Ok(()),
            false => Err("changes of other channels than the detector's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_from_the_row_before_however_rows_come() {
        let rows = [1.0, 5.0, 3.0, 5.0, 0.0, 6.0];
        let whole = Change::new(2).push(&rows);
        assert_eq!(whole, [0.0, 0.0, 4.0, 0.0, 9.0, 1.0]);
        let mut change = Change::new(2);
        let parts: Vec<f32> = rows.chunks(2).flat_map(|row| change.push(row)).collect();
        assert_eq!(parts, whole);
        assert!(change.validate(&Change::new(2)).is_ok());
        assert!(change.validate(&Change::new(3)).is_err());
        let far = Change::new(1).push(&[f32::MIN, f32::MAX]);
        assert_eq!(far, [0.0, f32::MAX]);
    }
}
