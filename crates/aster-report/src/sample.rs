use std::ops::Range;

/// Rows of a long line that are enough to draw it: the lowest and the highest of each of evenly
/// long stretches, so that no peak is lost, and every row of `whole`. At most `most` of them, in
/// order; all, where there are no more.
pub(crate) fn rows_to_draw(
    value: impl Fn(usize) -> f32,
    rows: usize,
    whole: &[Range<usize>],
    most: usize,
) -> Vec<usize> {
    if rows <= most {
        return (0..rows).collect();
    }
    let mut chosen: Vec<usize> = whole.iter().cloned().flatten().take(most / 2).collect();
    let stretches = (most - chosen.len()) / 2;
    for number in 0..stretches {
        let stretch = number * rows / stretches..(number + 1) * rows / stretches;
        let by_value = |a: &usize, b: &usize| value(*a).total_cmp(&value(*b));
        chosen.extend(stretch.clone().min_by(by_value));
        chosen.extend(stretch.max_by(by_value));
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_are_kept_and_long_ones_keep_their_peaks() {
        assert_eq!(rows_to_draw(|_| 0.0, 5, &[], 5), [0, 1, 2, 3, 4]);
        let value = |row: usize| if row == 777 { 9.0 } else { (row % 2) as f32 };
        let drawn = rows_to_draw(value, 100_000, &[500..510, 600..600], 1000);
        assert!(drawn.len() <= 1000 && drawn.len() > 900, "{}", drawn.len());
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(drawn.contains(&777) && (500..510).all(|row| drawn.contains(&row)));
    }

    #[test]
    fn what_is_kept_whole_leaves_room_for_the_rest() {
        let drawn = rows_to_draw(|row| row as f32, 10_000, &[0..4000, 4000..9000], 1000);
        assert!(drawn.len() <= 1000 && *drawn.last().unwrap() == 9999);
    }
}
