use rayon::prelude::*;

/// For each channel, one before it that it is a copy of, up to unit, sign and offset: standardised,
/// the two differ by a millionth at most. Channels of one or two values are no copies: that they
/// change together may be chance.
pub(crate) fn copies(columns: &[Vec<f64>]) -> Vec<Option<usize>> {
    let standardised: Vec<Option<Vec<f64>>> =
        columns.par_iter().map(|it| standardise(it)).collect();
    let copied = |at: usize| {
        let this = standardised[at].as_ref()?;
        let same = |other: &&usize| {
            standardised[**other]
                .as_ref()
                .is_some_and(|other| this.iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-6))
        };
        (0..at).collect::<Vec<_>>().iter().find(same).copied()
    };
    (0..columns.len()).into_par_iter().map(copied).collect()
}

/// Mean 0, variance 1, and the first value that is far from 0 above it.
fn standardise(values: &[f64]) -> Option<Vec<f64>> {
    let first = *values.first()?;
    let second = *values.iter().find(|value| **value != first)?;
    values.iter().find(|value| **value != first && **value != second)?;
    let n = values.len() as f64;
    let mean = values.iter().map(|value| value - first).sum::<f64>() / n;
    let moved: Vec<f64> = values.iter().map(|value| value - first - mean).collect();
    let spread = (moved.iter().map(|value| value * value).sum::<f64>() / n).sqrt();
    let far = moved.iter().find(|value| value.abs() > 0.5 * spread)?;
    let scale = spread * far.signum();
    Some(moved.iter().map(|value| value / scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_another_unit_is_a_copy() {
        let a: Vec<f64> = (0..50).map(|row| (f64::from(row) / 3.0).sin()).collect();
        let fahrenheit = a.iter().map(|value| 32.0 - 1.8 * value).collect();
        let other = (0..50).map(|row| (f64::from(row) / 3.1).sin()).collect();
        let state: Vec<f64> = (0..50).map(|row| f64::from(row / 25)).collect();
        let columns = [a, other, fahrenheit, state.clone(), state];
        assert_eq!(copies(&columns), [None, None, Some(0), None, None]);
    }
}
