//! The choice among variants that a set has no part in: leave-one-set-out.

use crate::evaluate::mean;

/// For each set the variant that is best in the mean over the other sets, of values by set and
/// variant.
pub fn leave_one_out(values: &[Vec<f64>]) -> Vec<usize> {
    let variants = values.first().map_or(0, Vec::len);
    let best = |left: usize| {
        let of = |variant: usize| {
            let others = values.iter().enumerate().filter(|(set, _)| *set != left);
            mean(&others.map(|(_, values)| values[variant]).collect::<Vec<_>>())
        };
        (0..variants).max_by(|a, b| of(*a).total_cmp(&of(*b))).unwrap_or(0)
    };
    (0..values.len()).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_that_is_left_out_has_no_say() {
        let values = [vec![0.9, 0.5], vec![0.4, 0.6], vec![0.6, 0.7]];
        assert_eq!(leave_one_out(&values), [1, 0, 0]);
    }
}
