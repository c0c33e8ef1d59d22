use std::ops::Range;

use aster_base::{median, runs};

/// Share of the training rows that may be left out of calibration, those included to which windows
/// and averages spread an anomaly: where more stand apart, they are how the series is.
const MOST: f64 = 0.3;
/// Rows between two that stand apart from which on they are of different episodes.
const BETWEEN: usize = 64;
/// Robust deviations of a logarithm from which on a row stands apart.
const FAR: f32 = 6.0;

/// Finds the rows of training that stand apart by any of the smoothed components, whose values are
/// not negative: further above the median, on a logarithmic scale, than six times the median
/// absolute deviation. Nothing where they are more than three tenths of the rows, half of those from
/// `calibrated` on or of more than one episode: what comes again is normal, and a detector that was not
/// calibrated on it alarms each time.
pub(crate) fn rows_apart<'a>(
    components: impl Iterator<Item = &'a [f32]>,
    calibrated: usize,
) -> Vec<Range<usize>> {
    let mut apart: Vec<bool> = vec![];
    for values in components {
        apart.resize(values.len(), false);
        let logs: Vec<f32> = values.iter().map(|value| value.max(f32::MIN_POSITIVE).ln()).collect();
        let Some(center) = median(&mut logs.clone()) else { continue };
        let mut deviations: Vec<f32> = logs.iter().map(|log| (log - center).abs()).collect();
        let spread = 1.4826 * median(&mut deviations).unwrap_or(0.0);
        let far = center + FAR * spread.max(f32::EPSILON);
        apart.iter_mut().zip(&logs).for_each(|(apart, log)| *apart |= *log > far);
    }
    let count = |rows: &[bool]| rows.iter().filter(|apart| **apart).count();
    let calibrating = &apart[calibrated.min(apart.len())..];
    if count(&apart) as f64 > MOST * apart.len() as f64
        || 2 * count(calibrating) > calibrating.len()
    {
        return vec![];
    }
    let runs = runs(apart.into_iter());
    let again = runs.windows(2).any(|pair| pair[1].start - pair[0].end >= BETWEEN);
    if again { vec![] } else { runs }
}

/// Finds a share of the rows: those of the highest scores, each with so many before and after it, the nearest first.
pub(crate) fn highest_rows(scores: &[f32], share: f64, around: usize) -> Vec<Range<usize>> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let near =
        |row: usize| (0..=around).flat_map(move |far| [row.checked_sub(far), row.checked_add(far)]);
    let mut room = (share * scores.len() as f64) as usize;
    let mut highest = vec![false; scores.len()];
    for row in order.into_iter().flat_map(near).flatten() {
        if room == 0 {
            break;
        }
        if let Some(new) = highest.get_mut(row).filter(|highest| !**highest) {
            *new = true;
            room -= 1;
        }
    }
    runs(highest.into_iter())
}

/// Returns those of the rows that none of the ranges, which are in order, has.
pub(crate) fn rows_outside(
    ranges: &[Range<usize>],
    rows: Range<usize>,
) -> impl DoubleEndedIterator<Item = usize> + '_ {
    rows.filter(|row| !overlaps(ranges, *row..*row + 1))
}

/// Returns whether one of the ranges, which are in order, has one of the rows.
pub(crate) fn overlaps(ranges: &[Range<usize>], rows: Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end <= rows.start);
    ranges.get(next).is_some_and(|range| range.start < rows.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 1 to 2, in an order without a trend.
    fn usual(row: usize) -> f32 {
        1.0 + (row * 37 % 100) as f32 / 100.0
    }

    #[test]
    fn few_rows_far_out_stand_apart_and_many_do_not() {
        let with = |bad: Range<usize>| -> Vec<f32> {
            let value = |row| if bad.contains(&row) { 500.0 } else { usual(row) };
            (0..400).map(value).collect()
        };
        let (a, b) = (with(100..110), with(130..135));
        assert_eq!(rows_apart([&a[..], &b].into_iter(), 0), [100..110, 130..135]);
        assert!(rows_apart([&with(0..0)[..]].into_iter(), 0).is_empty());
        assert!(rows_apart([&with(100..230)[..]].into_iter(), 0).is_empty());
        // Most of the rows that calibrate.
        let late = with(370..390);
        assert_eq!(rows_apart([&late[..]].into_iter(), 360), std::slice::from_ref(&(370..390)));
        assert!(rows_apart([&late[..]].into_iter(), 365).is_empty());
        let again = with(300..310);
        assert!(rows_apart([&a[..], &again].into_iter(), 0).is_empty());
    }

    #[test]
    fn a_share_of_the_rows_has_the_highest_scores_or_is_around_them() {
        let mut scores: Vec<f32> = (0..100).map(usual).collect();
        (scores[0], scores[40], scores[42], scores[80]) = (9.0, 8.0, 7.0, 6.0);
        let highest = |share| highest_rows(&scores, share, 2);
        // 0 has two rows beside it, 40 and 42 share three.
        assert_eq!(highest(0.1), [0..3, 38..45]);
        assert_eq!(highest(0.15), [0..3, 38..45, 78..83]);
        // The nearest rows where there is no room for all.
        assert_eq!(highest(0.08), [0..3, 38..43]);
        assert_eq!(highest(0.06), [0..3, 39..42]);
        assert_eq!(highest(0.01), std::slice::from_ref(&(0..1)));
        assert!(highest(0.0).is_empty());
    }
}
