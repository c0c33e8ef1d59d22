use std::ops::Range;

use crate::error::DataError;

/// Channels of a series in units of their training spread, row-major `[rows, C]` in single
/// precision: what the network takes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledSeries {
    channels: usize,
    values: Vec<f32>,
}

impl ScaledSeries {
    /// Creates a series of values `[rows, C]` that are scaled already.
    ///
    /// # Errors
    /// No channel, no row, a length that is no multiple of C.
    pub fn new(values: Vec<f32>, channels: usize) -> Result<Self, DataError> {
        if channels == 0 {
            return Err(DataError::NoFeatures);
        }
        if values.is_empty() {
            return Err(DataError::Empty { what: "the scaled series".into() });
        }
        match values.len() % channels {
            0 => Ok(Self { channels, values }),
            got => {
                let what = "scaled values in the last row";
                Err(DataError::Length { what, expected: channels, got })
            }
        }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.channels
    }

    /// Returns the number of channels C.
    pub fn channel_count(&self) -> usize {
        self.channels
    }

    /// Returns all values, row-major `[rows, C]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns all values, row-major `[rows, C]`, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Iterates over one channel in time.
    pub fn channel(&self, channel: usize) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.values[channel..].iter().step_by(self.channels).copied()
    }

    /// Splits it in two before a row that it has.
    pub fn split_at(mut self, row: usize) -> (Self, Self) {
        let rest = self.values.split_off(row * self.channels);
        let channels = self.channels;
        (self, Self { channels, values: rest })
    }

    /// Returns the rows of a range that it has.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let range = rows.start * self.channels..rows.end * self.channels;
        Self { channels: self.channels, values: self.values[range].to_vec() }
    }
}
