use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::stream::notice::Notice;

/// Rows that a channel is missing before it is told.
const MISSING: u64 = 10;
/// Rows that a channel stands still, at least, before it is told.
const STILL: u64 = 30;
/// Times the longest run of equal values of training that a channel stands still before it is told.
const LONGER: u64 = 3;

/// Watch over the channels of a stream: which are missing, which stand still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch(Vec<Channel>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Channel {
    /// The latest value that was there.
    value: Option<f64>,
    /// Rows that it has been this value.
    still: u64,
    /// Rows that it has been missing.
    missing: u64,
    told: bool,
}

impl Watch {
    pub(crate) fn new(channels: usize) -> Self {
        Self(vec![Channel::default(); channels])
    }

    /// Takes the values of a row, none where missing, and tells what begins with it.
    pub(crate) fn row(
        &mut self,
        detector: &Detector,
        row: u64,
        values: impl Iterator<Item = Option<f64>>,
        notices: &mut Vec<Notice>,
    ) {
        let known = detector.channels().iter().zip(&detector.reference.longest_runs);
        for ((channel, new), (name, longest)) in self.0.iter_mut().zip(values).zip(known) {
            let moved = channel.take(new);
            let name = || name.clone();
            let longest = LONGER.saturating_mul(*longest).max(STILL);
            let notice = match (channel.told, channel.value) {
                (true, _) if moved => Notice::Moves { channel: name(), row },
                (false, _) if channel.missing >= MISSING => {
                    Notice::Missing { channel: name(), row }
                }
                (false, Some(value)) if channel.still > longest => {
                    Notice::Frozen { channel: name(), row, value }
                }
                _ => continue,
            };
            channel.told = !channel.told;
            notices.push(notice);
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Channel>()
    }

    pub(crate) fn validate(&self, channels: usize) -> Result<(), &'static str> {
        match self.0.len() == channels {
            true => Ok(()),
            false => Err("a watch over other channels than the detector's"),
        }
    }
}

impl Channel {
    /// Takes a value; returns whether it is there and another one.
    fn take(&mut self, new: Option<f64>) -> bool {
        let Some(value) = new else {
            self.missing = self.missing.saturating_add(1);
            return false;
        };
        // One that comes back with the value that it had does not stand still: it was away.
        let moved = self.value != new || self.missing >= MISSING;
        self.still = if moved { 1 } else { self.still.saturating_add(1) };
        (self.value, self.missing) = (Some(value), 0);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_stands_still_until_it_has_another_value() {
        let mut channel = Channel::default();
        assert!(channel.take(Some(1.0)));
        assert!((0..5).all(|_| !channel.take(Some(1.0))));
        assert!(!channel.take(None), "what is missing has not moved");
        assert_eq!((channel.still, channel.missing), (6, 1));
        assert!(!channel.take(Some(1.0)) && channel.take(Some(2.0)));
        (0..MISSING).for_each(|_| assert!(!channel.take(None)));
        assert!(channel.take(Some(2.0)), "it was away");
    }
}
