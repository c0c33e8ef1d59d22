use serde::{Deserialize, Serialize};

/// How much larger a component's surprisals are near the ends of a series than amid it, where fewer
/// windows overlap and averages are over fewer rows: factors of at least 1, by the rows between a
/// row and the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edges {
    first: Vec<f32>,
    last: Vec<f32>,
}

/// Surprisal, in nats, that larger ones count as: an anomaly near an end is no sign of the end.
const MOST: f32 = 10.0;
/// Rows to each side that a factor is found of together: there are few pieces.
const NEIGHBOURS: usize = 4;

impl Edges {
    /// Compares surprisals of pieces of a series that were scored by themselves with those of the
    /// same rows amid it, for so many rows from the first and from the last.
    pub(crate) fn fit(pieces: &[(&[f32], &[f32])], first: usize, last: usize) -> Self {
        let factors = |rows: usize, place: &dyn Fn(usize, usize) -> usize| {
            let factor = |row: usize| {
                let near = row.saturating_sub(NEIGHBOURS)..rows.min(row + NEIGHBOURS + 1);
                let sum = |amid: bool| {
                    let of_piece = |(alone, whole): &(&[f32], &[f32])| {
                        let values = if amid { *whole } else { *alone };
                        let near = near.clone().map(|row| values[place(row, values.len())]);
                        near.map(|value| f64::from(value.min(MOST))).sum::<f64>()
                    };
                    pieces.iter().map(of_piece).sum::<f64>()
                };
                (sum(false) / sum(true).max(f64::MIN_POSITIVE)).clamp(1.0, MOST.into()) as f32
            };
            (0..rows).map(factor).collect()
        };
        Self {
            first: factors(first, &|row, _| row),
            last: factors(last, &|row, rows| rows - 1 - row),
        }
    }

    /// The factor of a row by its number.
    pub(crate) fn first(&self, row: usize) -> f64 {
        self.first.get(row).map_or(1.0, |factor| f64::from(*factor))
    }

    /// The factors of the last rows, from the last one on.
    pub(crate) fn last(&self) -> impl Iterator<Item = f64> + '_ {
        self.last.iter().map(|factor| f64::from(*factor))
    }

    /// Validates factors that were read from outside, for at most so many last rows.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn validate(&self, last: usize) -> Result<(), &'static str> {
        let mut factors = self.first.iter().chain(&self.last);
        match factors.all(|factor| (1.0..=MOST).contains(factor)) && self.last.len() <= last {
            true => Ok(()),
            false => Err("a calibration of a series' ends that cannot be"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprisals_that_double_near_an_end_have_a_factor_of_two_there() {
        let whole = [1.0; 60];
        let alone: Vec<f32> = (0..60).map(|row| if row < 20 { 2.0 } else { 1.0 }).collect();
        let edges = Edges::fit(&[(&alone, &whole)], 30, 10);
        assert_eq!([0, 15, 25, 29, 30].map(|row| edges.first(row)), [2.0, 2.0, 1.0, 1.0, 1.0]);
        assert_eq!(edges.last().collect::<Vec<_>>(), [1.0; 10]);
        assert!(edges.validate(10).is_ok() && edges.validate(9).is_err());
        // Rows that are calmer at an end are left as they are.
        let edges = Edges::fit(&[(&whole, &alone)], 30, 10);
        assert_eq!(edges.first(0), 1.0);
    }

    #[test]
    fn one_anomaly_near_an_end_is_no_sign_of_the_end() {
        let whole: Vec<f32> = (0..60).map(|row| if row == 3 { 500.0 } else { 1.0 }).collect();
        let alone: Vec<f32> = whole.iter().map(|value| 2.0 * value).collect();
        let edges = Edges::fit(&[(&alone, &whole)], 8, 0);
        assert!((1.2..2.0).contains(&edges.first(0)), "{}", edges.first(0));
    }
}
