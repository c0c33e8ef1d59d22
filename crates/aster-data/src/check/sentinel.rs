/// The value of a channel that stands for a missing one, and how often it occurs: the lowest or the
/// highest, such as people choose, as far from all others as those are from each other.
///
/// `ends` are the lowest and the highest value.
pub(crate) fn sentinel(
    values: impl Iterator<Item = f64> + Clone,
    ends: [f64; 2],
) -> Option<(f64, usize)> {
    ends.into_iter().filter(|value| is_chosen(*value)).find_map(|value| {
        let (mut others, mut count) = ((f64::INFINITY, f64::NEG_INFINITY), 0);
        for other in values.clone() {
            match other == value {
                true => count += 1,
                false => others = (others.0.min(other), others.1.max(other)),
            }
        }
        let (from, to) = others;
        let gap = if value < from { from - value } else { value - to };
        (from <= to && gap >= to - from).then_some((value, count))
    })
}

/// Tells numbers that nobody measures: 99 and more nines, the ends of integers, -200 of old air
/// sensors, and what a float can hardly hold.
fn is_chosen(value: f64) -> bool {
    const ENDS: [f64; 5] = [32_767.0, 32_768.0, 65_535.0, 2_147_483_647.0, 2_147_483_648.0];
    let size = value.abs();
    let nines = |size: f64| (2..10).any(|digits| size == 10f64.powi(digits) - 1.0);
    value == -200.0 || nines(size) || ENDS.contains(&size) || size >= 1e30
}

#[cfg(test)]
mod tests {
    use super::sentinel;

    fn found(values: &[f64]) -> Option<(f64, usize)> {
        let ends = [f64::min as fn(f64, f64) -> f64, f64::max];
        sentinel(
            values.iter().copied(),
            ends.map(|end| values.iter().copied().fold(values[0], end)),
        )
    }

    #[test]
    fn chosen_numbers_far_from_all_others_are_sentinels() {
        let mut values: Vec<f64> = (0..50).map(|row| f64::from(row % 7)).collect();
        assert_eq!(found(&values), None);
        values[3] = -9999.0;
        values[9] = -9999.0;
        assert_eq!(found(&values), Some((-9999.0, 2)));
        let shares: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(found(&shares), None, "99 of a hundred");
        assert_eq!(found(&[-200.0; 5]), None, "there is no other");
        assert_eq!(found(&[1.0, 2.0, -57.0]), None, "an outlier, not a choice");
    }
}
