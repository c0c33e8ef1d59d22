use serde::{Deserialize, Serialize};

use super::sentinel::sentinel;

/// Peculiarity of a channel of a training series that makes it hard to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Peculiarity {
    /// It has one value: nothing is known of how far another one would be.
    Constant {
        /// The value.
        value: f64,
    },
    /// It only rises, but for where it begins anew: later values are beyond all of training.
    Counter {
        /// How often it begins anew.
        resets: usize,
    },
    /// It goes one way as a line does: later values are beyond all of training.
    Trend {
        /// Rise of the line over the series, in units of its spread about the line.
        gain: f64,
    },
    /// One value, such as -9999, that seems to stand for a missing one.
    Sentinel {
        /// The value.
        value: f64,
        /// How often it occurs.
        count: usize,
    },
    /// A few values far from all others, which spread the scale of all.
    Glitch {
        /// Their rows.
        rows: Vec<usize>,
    },
    /// It is another channel, up to unit and offset: an anomaly of one counts twice.
    Copy {
        /// The other one.
        of: String,
    },
}

impl Peculiarity {
    /// Finds what is peculiar to the values of a channel, the most telling thing alone.
    pub(crate) fn find(values: &[f64]) -> Option<Self> {
        let first = *values.first()?;
        let (low, high) = ends(values);
        if low == high {
            return Some(Self::Constant { value: first });
        }
        if let Some((value, count)) = sentinel(values.iter().copied(), [low, high]) {
            return Some(Self::Sentinel { value, count });
        }
        glitch(values).or_else(|| counter(values)).or_else(|| trend(values))
    }
}

/// The lowest and the highest value.
fn ends(values: &[f64]) -> (f64, f64) {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    values.iter().fold(ends, |(low, high), value| (low.min(*value), high.max(*value)))
}

/// At most this many values are a glitch.
const GLITCH: usize = 3;

/// At most three values ten times as far from the median as all others are.
fn glitch(values: &[f64]) -> Option<Peculiarity> {
    // Of fewer values, one far from the others tells nothing.
    if values.len() < 50 {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let mut far: Vec<(f64, usize)> =
        values.iter().enumerate().map(|(row, value)| ((value - median).abs(), row)).collect();
    let (_, least, _) =
        far.select_nth_unstable_by(values.len() - GLITCH - 1, |a, b| a.0.total_cmp(&b.0));
    // A channel that hardly ever leaves its one value has states, not glitches.
    let usual = least.0;
    let mut rows: Vec<usize> =
        far.iter().filter(|(far, _)| *far > 10.0 * usual).map(|(_, row)| *row).collect();
    rows.sort_unstable();
    (usual > 0.0 && !rows.is_empty()).then_some(Peculiarity::Glitch { rows })
}

/// Values that never fall but to begin anew, at most once in a hundred rows, and that have risen in
/// at least three of ten rows.
fn counter(values: &[f64]) -> Option<Peculiarity> {
    let steps = values.len() - 1;
    let risen = values.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let fallen: Vec<(f64, f64)> = (values.windows(2).filter(|pair| pair[1] < pair[0]))
        .map(|pair| (pair[0], pair[1]))
        .collect();
    let (low, high) = ends(values);
    // It begins anew near the lowest value.
    let anew = fallen.iter().all(|(_, to)| to - low <= 0.1 * (high - low));
    let rises = risen * 10 >= steps * 3 && steps >= 20;
    (rises && anew && fallen.len() * 100 <= steps)
        .then_some(Peculiarity::Counter { resets: fallen.len() })
}

/// Values that a line tells nine tenths of, and whose thirds all lie along it.
fn trend(values: &[f64]) -> Option<Peculiarity> {
    let n = values.len() as f64;
    if values.len() < 30 {
        return None;
    }
    let (origin, middle) = (values[0], (n - 1.0) / 2.0);
    let mean = values.iter().map(|value| value - origin).sum::<f64>() / n;
    let along = |row: usize| row as f64 - middle;
    let (mut with_row, mut of_rows, mut of_values) = (0.0, 0.0, 0.0);
    for (row, value) in values.iter().enumerate() {
        let value = value - origin - mean;
        with_row += along(row) * value;
        of_rows += along(row).powi(2);
        of_values += value.powi(2);
    }
    let slope = with_row / of_rows;
    let explained = slope * with_row / of_values;
    let rest = ((1.0 - explained).max(0.0) * of_values / n).sqrt();
    let thirds = [0, 1, 2].map(|third| {
        let rows = values.len() * third / 3..values.len() * (third + 1) / 3;
        values[rows.clone()].iter().map(|value| value - origin).sum::<f64>() / rows.len() as f64
    });
    let (one, other) = (thirds[1] - thirds[0], thirds[2] - thirds[1]);
    let steady = one * other > 0.0 && one.abs().min(other.abs()) > 0.5 * one.abs().max(other.abs());
    let gain = slope * (n - 1.0) / rest.max(f64::MIN_POSITIVE);
    (explained > 0.9 && steady).then_some(Peculiarity::Trend { gain })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(change: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        (0..400).map(|row| change(row, (row as f64 / 7.0).sin())).collect()
    }

    #[test]
    fn each_kind_is_found_and_a_wave_is_none() {
        assert_eq!(Peculiarity::find(&waves(|_, wave| wave)), None);
        let flat = Peculiarity::find(&[5.0; 40]);
        assert_eq!(flat, Some(Peculiarity::Constant { value: 5.0 }));
        let counter = waves(|row, wave| (row % 150) as f64 + wave.max(0.0) * 0.1);
        assert_eq!(Peculiarity::find(&counter), Some(Peculiarity::Counter { resets: 2 }));
        let trend = Peculiarity::find(&waves(|row, wave| 1e9 - 0.1 * row as f64 + wave));
        assert!(matches!(trend, Some(Peculiarity::Trend { gain }) if gain < -40.0), "{trend:?}");
        let sentinel = waves(|row, wave| if row % 90 == 5 { -9999.0 } else { wave });
        let expected = Peculiarity::Sentinel { value: -9999.0, count: 5 };
        assert_eq!(Peculiarity::find(&sentinel), Some(expected));
        let glitch = waves(|row, wave| if row == 33 || row == 200 { -57.0 } else { wave });
        assert_eq!(Peculiarity::find(&glitch), Some(Peculiarity::Glitch { rows: vec![33, 200] }));
    }

    #[test]
    fn states_steps_and_slow_waves_are_none() {
        assert_eq!(Peculiarity::find(&waves(|row, _| f64::from(u8::from(row == 40)))), None);
        assert_eq!(Peculiarity::find(&waves(|row, _| f64::from(u8::from(row > 200)))), None);
        let slow: Vec<f64> = (0..400).map(|row| (row as f64 / 80.0).sin()).collect();
        assert_eq!(Peculiarity::find(&slow), None);
    }

    proptest::proptest! {
        #[test]
        fn unit_and_offset_change_nothing(power in -6i32..7, offset in -1e4f64..1e4) {
            let kind = |values: &[f64]| Peculiarity::find(values).map(|it| std::mem::discriminant(&it));
            for values in [
                waves(|row, wave| (row % 150) as f64 + wave.max(0.0) * 0.1),
                waves(|row, wave| 0.1 * row as f64 + wave),
                waves(|row, wave| if row == 33 { -57.5 } else { wave }),
                waves(|_, wave| wave),
            ] {
                let moved: Vec<f64> =
                    values.iter().map(|value| (value + offset) * 10f64.powi(power)).collect();
                proptest::prop_assert_eq!(kind(&moved), kind(&values));
            }
        }
    }
}
