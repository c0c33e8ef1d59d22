//! A surrogate validation set: training rows with pseudo-anomalies, which tell without labels what
//! each component of the score can be trusted with.

use std::ops::Range;

use aster_data::ScaledSeries;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};

/// Kind of a pseudo-anomaly: what becomes of the values of some rows. All are values like those of training, so
/// that what tells them from normal rows is not how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Values of another time.
    Swapped,
    /// Values in reverse order.
    Reversed,
    /// Values faster or slower.
    Warped,
    /// Values mirrored at the line between the first and the last.
    Mirrored,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 4] = [Self::Swapped, Self::Reversed, Self::Warped, Self::Mirrored];

    /// The fewest and the most rows that it lasts.
    fn lengths(self) -> Range<usize> {
        match self {
            Self::Swapped => 32..257,
            Self::Reversed | Self::Warped | Self::Mirrored => 16..129,
        }
    }
}

/// Rows with pseudo-anomalies, and which of them are.
#[derive(Debug)]
pub(crate) struct Surrogate {
    pub(crate) series: ScaledSeries,
    pub(crate) labels: Vec<bool>,
}

impl Surrogate {
    /// Puts pseudo-anomalies of a kind into some rows of a scaled training series, in its first
    /// channels, of which the flags have two values: calendar features, which follow, are as they are.
    pub(crate) fn draw(
        train: &ScaledSeries,
        flags: &[Option<[f32; 2]>],
        rows: Range<usize>,
        kind: Kind,
        seed: u64,
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (c, channels) = (train.channel_count(), flags.len());
        let (count, first) = (rows.len(), rows.start);
        let value = |row: usize, channel: usize| train.values()[row * c + channel];
        let mut series = train.slice(rows);
        let mut labels = vec![false; count];
        let mut at = 0;
        loop {
            let length = rng.random_range(kind.lengths()).min(count / 4).max(1);
            // Between pseudo-anomalies lie one to six times as many rows.
            at += rng.random_range(length..=6 * length);
            if at + length > count {
                return Self { series, labels };
            }
            let share = rng.random::<f64>().powi(2) * channels as f64;
            let few = (share.round() as usize).clamp(1, channels);
            // All channels of another time are a normal row.
            let all = kind != Kind::Swapped && rng.random();
            let some = if all { channels } else { few };
            let chosen = sample(&mut rng, channels, some);
            let other = rng.random_range(0..=train.rows() - length);
            let slower = rng.random_range(0.5..0.8);
            let speed = if rng.random() { slower } else { 1.0 / slower };
            let from = first + at;
            for channel in chosen {
                let flag = flags[channel];
                let (start, end) = (value(from, channel), value(from + length - 1, channel));
                for row in 0..length {
                    let own = value(from + row, channel);
                    let new = match kind {
                        Kind::Swapped => value(other + row, channel),
                        Kind::Reversed => value(from + length - 1 - row, channel),
                        Kind::Warped => {
                            let place = row as f32 * speed;
                            let before = from + place as usize;
                            let at = |row: usize| value(row.min(train.rows() - 1), channel);
                            // A flag has none of the values in between.
                            let part = if flag.is_some() { 0.0 } else { place.fract() };
                            at(before) + part * (at(before + 1) - at(before))
                        }
                        Kind::Mirrored => match flag {
                            Some([low, high]) => low + high - own,
                            None => {
                                let part = row as f32 / (length - 1).max(1) as f32;
                                2.0 * (start + part * (end - start)) - own
                            }
                        },
                    };
                    series.values_mut()[(at + row) * c + channel] = new;
                }
            }
            labels[at..at + length].fill(true);
            at += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wave, its double, and a calendar feature.
    fn train() -> ScaledSeries {
        let wave = |row: usize| (row as f32 / 7.0).sin() + row as f32 * 1e-3;
        let rows = (0..2000).flat_map(|row| [wave(row), 2.0 * wave(row), row as f32]);
        ScaledSeries::new(rows.collect(), 3).unwrap()
    }

    #[test]
    fn every_kind_changes_the_labelled_rows_and_no_others() {
        let train = train();
        for kind in Kind::ALL {
            let Surrogate { series, labels } =
                Surrogate::draw(&train, &[None; 2], 500..1500, kind, 7);
            assert_eq!((series.rows(), labels.len()), (1000, 1000));
            let share = labels.iter().filter(|it| **it).count() as f64 / 1000.0;
            assert!((0.05..0.6).contains(&share), "{kind:?}: {share}");
            let changed = |row: &usize| {
                series.values()[3 * row..3 * row + 3] != train.values()[1500 + 3 * row..][..3]
            };
            let changed: Vec<usize> = (0..1000).filter(changed).collect();
            let last = |row: &usize| series.values()[3 * row + 2] == train.values()[1502 + 3 * row];
            assert!((0..1000).all(|row| last(&row)), "{kind:?} changes what is no channel");
            assert!(!changed.is_empty() && changed.iter().all(|row| labels[*row]), "{kind:?}");
        }
    }

    #[test]
    fn rows_are_reversed_and_mirrored_at_a_line() {
        // A parabola: reversed or mirrored, it is known what it becomes.
        let rows = (0..400).map(|row| (row as f32).powi(2));
        let train = ScaledSeries::new(rows.collect(), 1).unwrap();
        let parts = |kind| {
            let Surrogate { series, labels } = Surrogate::draw(&train, &[None], 0..400, kind, 3);
            let start = labels.iter().position(|it| *it).unwrap();
            let length = labels[start..].iter().take_while(|it| **it).count();
            (series.values()[start..start + length].to_vec(), start, length)
        };
        let square = |row: usize| (row as f32).powi(2);
        let (reversed, start, length) = parts(Kind::Reversed);
        let expected = (start..start + length).rev().map(square);
        assert_eq!(reversed, expected.collect::<Vec<_>>());
        let (mirrored, start, length) = parts(Kind::Mirrored);
        let line = |row: usize| {
            let part = (row - start) as f32 / (length - 1) as f32;
            square(start) + part * (square(start + length - 1) - square(start))
        };
        for (row, value) in (start..start + length).zip(mirrored) {
            approx::assert_relative_eq!(value, 2.0 * line(row) - square(row), epsilon = 1.0);
        }
    }

    #[test]
    fn a_flag_keeps_to_its_values() {
        let flag = (0..900).map(|row| if row % 50 < 20 { -1.0 } else { 3.0 });
        let train = ScaledSeries::new(flag.collect(), 1).unwrap();
        let flags = [Some([-1.0, 3.0])];
        for kind in Kind::ALL {
            let drawn = Surrogate::draw(&train, &flags, 0..900, kind, 1).series;
            assert!(drawn.values().iter().all(|value| [-1.0, 3.0].contains(value)), "{kind:?}");
        }
    }
}
