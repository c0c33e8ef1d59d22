/// Index, among `n` sorted values, of the smallest one that at least the share `q` of them does
/// not exceed: the inverse of the empirical distribution function (Hyndman & Fan, The American
/// Statistician 1996, definition 1). 0 where there are no values.
pub fn quantile_index(n: usize, q: f64) -> usize {
    // The subtraction keeps 0.9 * 10, which rounds up to 9.000000000000002, at 9.
    let rank = (q * n as f64 - 1e-9).ceil().max(1.0) as usize;
    rank.min(n).saturating_sub(1)
}

/// The `q`-quantile of values in ascending order, always one of the values; none of no values.
///
/// ```
/// use aster_base::quantile;
///
/// let sorted = [1.0, 2.0, 3.0, 4.0];
/// assert_eq!(quantile(&sorted, 0.5), Some(2.0));
/// assert_eq!(quantile(&sorted, 0.51), Some(3.0));
/// assert_eq!(quantile::<f32>(&[], 0.5), None);
/// ```
pub fn quantile<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    sorted.get(quantile_index(sorted.len(), q)).copied()
}

/// The 0.5-quantile of values in any order, which it sorts; none of no values.
pub fn median(values: &mut [f32]) -> Option<f32> {
    values.sort_unstable_by(f32::total_cmp);
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        let at = |q| quantile(&ten, q).unwrap();
        assert_eq!([0.0, 0.05, 0.1, 0.11, 0.9, 0.91, 1.0].map(at), [1., 1., 1., 2., 9., 10., 10.]);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut []), None);
        assert_eq!(quantile_index(0, 0.3), 0);
    }

    proptest! {
        #[test]
        fn at_least_the_share_lies_at_or_below_and_less_lies_below(
            mut values in prop::collection::vec(-1e3f64..1e3, 1..200),
            q in 0.0f64..1.0,
        ) {
            values.sort_unstable_by(f64::total_cmp);
            let at = quantile(&values, q).unwrap();
            let n = values.len() as f64;
            let up_to = values.iter().filter(|value| **value <= at).count() as f64;
            let below = values.iter().filter(|value| **value < at).count() as f64;
            prop_assert!(up_to >= q * n - 1e-6);
            prop_assert!(below < q * n + 1e-6 || below == 0.0);
        }
    }
}
