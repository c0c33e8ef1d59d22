use aster_base::quantile;

/// Marks rows in which the channel lies further from its median than four times its central 98
/// percent reach: far beyond a normal distribution (9 standard deviations), and a heavy tail.
pub(crate) fn mark(values: &[f64], suspected: &mut [bool]) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| quantile(&sorted, q);
    let (Some(low), Some(median), Some(high)) = (at(0.01), at(0.5), at(0.99)) else { return };
    // Fewer rows than a hundred have no outermost percent.
    if low < high && values.len() >= 100 {
        for (value, suspected) in values.iter().zip(suspected) {
            let (below, above) = (median - low, high - median);
            let reach = if *value < median { below } else { above }.max(0.25 * (high - low));
            *suspected |= (value - median).abs() > 4.0 * reach;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_far_out_is_marked() {
        let mut values: Vec<f64> = (0..1000).map(|row| (f64::from(row) / 7.0).sin()).collect();
        let mut suspected = vec![false; 1000];
        mark(&values, &mut suspected);
        assert!(!suspected.contains(&true));
        values[400..405].fill(6.0);
        mark(&values, &mut suspected);
        assert_eq!(suspected.iter().filter(|it| **it).count(), 5);
        assert!(suspected[400..405].iter().all(|it| *it));
    }
}
