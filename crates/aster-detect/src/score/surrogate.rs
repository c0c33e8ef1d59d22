//! A surrogate validation set: training rows with pseudo-anomalies, which tell without labels what
//! each component of the score can be trusted with.

use std::ops::Range;

use aster_data::ScaledSeries;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};

/// Kind of a pseudo-anomaly: what becomes of the values of some rows. They are those of the same rows, so that
/// nothing tells them from normal ones but their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Values in reverse order.
    Reversed,
    /// Values faster or slower.
    Warped,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 2] = [Self::Reversed, Self::Warped];
}

/// The fewest and the most rows of a pseudo-anomaly.
const LENGTHS: Range<usize> = 16..129;

/// Rows with pseudo-anomalies, and which of them are.
#[derive(Debug)]
pub(crate) struct Surrogate {
    pub(crate) series: ScaledSeries,
    pub(crate) labels: Vec<bool>,
}

impl Surrogate {
    /// Puts pseudo-anomalies of a kind into some rows of a scaled training series, in its first
    /// channels, as many as there are marks of which are flags: calendar features, which follow, are as they are.
    pub(crate) fn draw(
        train: &ScaledSeries,
        flags: &[bool],
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
            let length = rng.random_range(LENGTHS).min(count / 4).max(1);
            // Between pseudo-anomalies lie one to six times as many rows.
            at += rng.random_range(length..=6 * length);
            if at + length > count {
                return Self { series, labels };
            }
            let share = rng.random::<f64>().powi(2) * channels as f64;
            let few = (share.round() as usize).clamp(1, channels);
            let some = if rng.random() { channels } else { few };
            let chosen = sample(&mut rng, channels, some);
            let slower = rng.random_range(0.5..0.8);
            let speed = if rng.random() { slower } else { 1.0 / slower };
            let from = first + at;
            for channel in chosen {
                for row in 0..length {
                    let new = match kind {
                        Kind::Reversed => value(from + length - 1 - row, channel),
                        Kind::Warped => {
                            let place = row as f32 * speed;
                            let before = from + place as usize;
                            let at = |row: usize| value(row.min(train.rows() - 1), channel);
                            // A flag has none of the values in between.
                            let part = if flags[channel] { 0.0 } else { place.fract() };
                            at(before) + part * (at(before + 1) - at(before))
                        }
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
                Surrogate::draw(&train, &[false; 2], 500..1500, kind, 7);
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
    fn rows_are_reversed_or_at_another_speed() {
        // Of a parabola it is known what they become.
        let rows = (0..400).map(|row| (row as f32).powi(2));
        let train = ScaledSeries::new(rows.collect(), 1).unwrap();
        let first = |kind| {
            let Surrogate { series, labels } = Surrogate::draw(&train, &[false], 0..400, kind, 3);
            let start = labels.iter().position(|it| *it).unwrap();
            let length = labels[start..].iter().take_while(|it| **it).count();
            (series.values()[start..start + length].to_vec(), start, length)
        };
        let square = |row: usize| (row as f32).powi(2);
        let (reversed, start, length) = first(Kind::Reversed);
        let expected = (start..start + length).rev().map(square);
        assert_eq!(reversed, expected.collect::<Vec<_>>());
        let (warped, start, _) = first(Kind::Warped);
        let place = |value: &f32| value.sqrt() - start as f32;
        let speed = place(&warped[10]) / 10.0;
        assert!((0.5..0.81).contains(&speed) || (1.24..2.01).contains(&speed), "{speed}");
        for (row, value) in warped.iter().enumerate() {
            // Between squares lie straight lines, a little above the parabola.
            approx::assert_relative_eq!(place(value), speed * row as f32, epsilon = 0.01);
        }
    }

    #[test]
    fn a_flag_keeps_to_its_values() {
        let flag = (0..900).map(|row| if row % 50 < 20 { -1.0 } else { 3.0 });
        let train = ScaledSeries::new(flag.collect(), 1).unwrap();
        for kind in Kind::ALL {
            let drawn = Surrogate::draw(&train, &[true], 0..900, kind, 1).series;
            assert!(drawn.values().iter().all(|value| [-1.0, 3.0].contains(value)), "{kind:?}");
        }
    }
}
