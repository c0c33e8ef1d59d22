//! Training series with bad rows, as they are where nobody has looked at them.

use std::collections::HashSet;

use aster::data::{DataError, TimeSeries, TrainSeries};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::evaluate::Summary;

/// Values of a channel in bad rows.
#[derive(Clone, Copy)]
enum BadValues {
    /// Shift by a multiple of the channel's standard deviation.
    Shifted(f64),
    /// Uniform noise around the values, of five standard deviations.
    Noisy,
    /// Values of another time, from a row on.
    OfAnotherTime(usize),
    /// Zeros.
    Zero,
}

/// Replaces a share of the rows, in episodes of so many at random places, in a third of the channels: by values
/// four standard deviations off, noise, the rows of another time, or zeros. A channel of two values has those of
/// another time, whatever the others have. Timestamps stay.
///
/// # Errors
/// None that is known.
pub fn contaminated(
    train: &TrainSeries,
    share: f64,
    rows: usize,
    seed: u64,
) -> Result<TrainSeries, DataError> {
    let (all, c, rows) = (train.rows(), train.channel_count(), rows.min(train.rows()));
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values = train.values().to_vec();
    let spread = |channel| Summary::of(&train.channel(channel).collect::<Vec<_>>()).std;
    let spread: Vec<f64> = (0..c).map(spread).collect();
    let binary: Vec<bool> = (0..c).map(|channel| two_values(train, channel)).collect();
    let mut bad = vec![false; all];
    while (bad.iter().filter(|bad| **bad).count() as f64) < share * all as f64 {
        let [start, other] = [(); 2].map(|()| rng.random_range(0..=all - rows));
        bad[start..start + rows].fill(true);
        let kind = rng.random_range(0..4);
        let one = rng.random_range(0..c);
        for channel in 0..c {
            if channel != one && rng.random_range(0..3) > 0 {
                continue;
            }
            let bad_values = match kind {
                _ if binary[channel] => BadValues::OfAnotherTime(other),
                0 => BadValues::Shifted(if rng.random() { 4.0 } else { -4.0 }),
                1 => BadValues::Noisy,
                2 => BadValues::OfAnotherTime(other),
                _ => BadValues::Zero,
            };
            for row in 0..rows {
                let own = train.row(start + row)[channel];
                values[(start + row) * c + channel] = match bad_values {
                    BadValues::Shifted(by) => own + by * spread[channel],
                    BadValues::Noisy => own + rng.random_range(-5.0..5.0) * spread[channel],
                    BadValues::OfAnotherTime(from) => train.row(from + row)[channel],
                    BadValues::Zero => 0.0,
                };
            }
        }
    }
    let mut series = TimeSeries::new(train.channels().to_vec(), values)?;
    if let Some(timestamps) = train.timestamps() {
        series = series.with_timestamps(timestamps.to_vec())?;
    }
    Ok(series.with_clock(train.clock().clone()).into_train())
}

fn two_values(series: &TimeSeries, channel: usize) -> bool {
    let mut seen = HashSet::new();
    series.channel(channel).all(|value| {
        seen.insert(value.to_bits());
        seen.len() < 3
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_rows_is_bad_and_flags_stay_flags() {
        let values = (0..1000).flat_map(|row| [(row as f64 / 9.0).sin(), f64::from(row % 50 < 9)]);
        let names = ["a".to_owned(), "flag".to_owned()];
        let series = TimeSeries::new(names.into(), values.collect::<Vec<f64>>()).unwrap();
        let train = series.clone().into_train();
        let bad = contaminated(&train, 0.1, 20, 3).unwrap();
        let changed: Vec<bool> = (0..1000).map(|row| bad.row(row) != train.row(row)).collect();
        let count = changed.iter().filter(|changed| **changed).count();
        assert!((50..=120).contains(&count), "{count}");
        assert!(bad.channel(1).all(|flag| flag == 0.0 || flag == 1.0));
        assert_eq!(contaminated(&train, 0.1, 20, 3).unwrap().values(), bad.values());
        assert_eq!(contaminated(&train, 0.0, 20, 3).unwrap().values(), train.values());
    }
}
