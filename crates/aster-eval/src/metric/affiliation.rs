//! Affiliation precision and recall (Huet et al., KDD 2022).

use std::ops::Range;

use crate::error::{EvalError, check_classes, check_pair};
use crate::metric::point::PrecisionRecall;
use aster_base::runs;

/// Affiliation precision, recall and F1: how near predictions and anomalies lie
/// in time, as the probability of beating a random position.
pub type Affiliation = PrecisionRecall;

/// Affiliation metrics at a threshold. Each anomaly owns the zone of time nearest
/// to it; zones without predictions count in recall only. Without any prediction
/// precision is 0 (the reference leaves it undefined).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn affiliation(
    scores: &[f32],
    labels: &[bool],
    threshold: f32,
) -> Result<Affiliation, EvalError> {
    check_pair(scores, labels)?;
    check_classes(labels)?;
    let anomalies = runs(labels.iter().copied());
    let predicted = runs(scores.iter().map(|s| *s >= threshold));
    let (mut precision, mut recall, mut affiliated) = (0.0, 0.0, 0);
    for (i, anomaly) in anomalies.iter().enumerate() {
        let border = |a: &Range<usize>, b: &Range<usize>| (a.end + b.start) as f64 / 2.0;
        let zone = Span {
            start: if i == 0 { 0.0 } else { border(&anomalies[i - 1], anomaly) },
            end: anomalies.get(i + 1).map_or(labels.len() as f64, |next| border(anomaly, next)),
        };
        let inside = within(&predicted, zone);
        let anomaly = Span { start: anomaly.start as f64, end: anomaly.end as f64 };
        if !inside.is_empty() {
            affiliated += 1;
            precision += zone_precision(&inside, anomaly, zone);
            recall += zone_recall(&inside, anomaly, zone);
        }
    }
    let precision = if affiliated > 0 { precision / f64::from(affiliated) } else { 0.0 };
    Ok(PrecisionRecall::new(precision, recall / anomalies.len() as f64))
}

/// A piece of continuous time; row `i` is the unit interval `[i, i + 1)`.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: f64,
    end: f64,
}

impl Span {
    fn length(&self) -> f64 {
        self.end - self.start
    }

    fn cut(&self, to: Span) -> Option<Span> {
        let cut = Span { start: self.start.max(to.start), end: self.end.min(to.end) };
        (cut.start < cut.end).then_some(cut)
    }
}

/// The parts of sorted, disjoint ranges that lie in a zone.
fn within(ranges: &[Range<usize>], zone: Span) -> Vec<Span> {
    let first = ranges.partition_point(|r| r.end as f64 <= zone.start);
    ranges[first..]
        .iter()
        .take_while(|r| (r.start as f64) < zone.end)
        .filter_map(|r| Span { start: r.start as f64, end: r.end as f64 }.cut(zone))
        .collect()
}

/// Mean over the predicted time of P(a uniform point of the zone lies at least as
/// far from the anomaly) (Huet et al., section 3.3).
fn zone_precision(predicted: &[Span], anomaly: Span, zone: Span) -> f64 {
    let (left, right) = (anomaly.start - zone.start, zone.end - anomaly.end);
    // Integral of max(0, side - d) over the distances [from, to].
    let ramp = |side: f64, from: f64, to: f64| {
        ((side - from).max(0.0).powi(2) - (side - to).max(0.0).powi(2)) / 2.0
    };
    let at_least = |from, to| (ramp(left, from, to) + ramp(right, from, to)) / zone.length();
    let mut area = 0.0;
    for span in predicted {
        if let Some(inside) = span.cut(anomaly) {
            area += inside.length();
        }
        if let Some(before) = span.cut(Span { end: anomaly.start, ..zone }) {
            area += at_least(anomaly.start - before.end, anomaly.start - before.start);
        }
        if let Some(after) = span.cut(Span { start: anomaly.end, ..zone }) {
            area += at_least(after.start - anomaly.end, after.end - anomaly.end);
        }
    }
    area / predicted.iter().map(Span::length).sum::<f64>()
}

/// Mean over the anomaly of P(a uniform point of the zone lies at least as far
/// from it as the nearest prediction) (Huet et al., section 3.3).
fn zone_recall(predicted: &[Span], anomaly: Span, zone: Span) -> f64 {
    // Integral of min(u, bound) from `from` to `to`.
    let capped = |from: f64, to: f64, bound: f64| {
        let primitive = |u: f64| {
            if u < bound { u * u / 2.0 } else { bound * u - bound * bound / 2.0 }
        };
        primitive(to) - primitive(from)
    };
    // Points y of [from, to] whose nearest prediction ends at p, to their left: the
    // points of the zone that are nearer lie in [p, min(2y - p, zone.end)].
    let after = |p: f64, from: f64, to: f64| {
        if from >= to {
            return 0.0;
        }
        let nearer = capped(2.0 * from - p, 2.0 * to - p, zone.end) / 2.0 - p * (to - from);
        (to - from) - nearer / zone.length()
    };
    // The mirror image: the nearest prediction starts at q, to their right.
    let before = |q: f64, from: f64, to: f64| {
        if from >= to {
            return 0.0;
        }
        let reach = -capped(q - 2.0 * to, q - 2.0 * from, -zone.start) / 2.0;
        (to - from) - (q * (to - from) - reach) / zone.length()
    };
    let mut area = 0.0;
    for (i, span) in predicted.iter().enumerate() {
        if let Some(inside) = span.cut(anomaly) {
            area += inside.length();
        }
        let previous_middle =
            if i == 0 { zone.start } else { (predicted[i - 1].end + span.start) / 2.0 };
        let next_middle =
            predicted.get(i + 1).map_or(zone.end, |next| (span.end + next.start) / 2.0);
        area += before(span.start, anomaly.start.max(previous_middle), anomaly.end.min(span.start));
        area += after(span.end, anomaly.start.max(span.end), anomaly.end.min(next_middle));
    }
    area / anomaly.length()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flags(n: usize, on: &[usize]) -> Vec<f32> {
        (0..n).map(|i| if on.contains(&i) { 1.0 } else { 0.0 }).collect()
    }

    #[test]
    fn a_perfect_prediction_scores_one_and_none_scores_zero() {
        let labels: Vec<bool> = (0..10).map(|i| i == 4 || i == 5).collect();
        let perfect = affiliation(&flags(10, &[4, 5]), &labels, 0.5).unwrap();
        assert_eq!((perfect.precision, perfect.recall, perfect.f1), (1.0, 1.0, 1.0));
        let nothing = affiliation(&flags(10, &[]), &labels, 0.5).unwrap();
        assert_eq!(nothing.f1, 0.0);
    }

    /// The definition itself, with the integrals as sums over fine cells.
    fn by_sums(predicted: &[Span], anomaly: Span, zone: Span) -> (f64, f64) {
        let cells = |span: &Span| {
            let (start, step) = (span.start, span.length() / 400.0);
            (0..400).map(move |i| (start + (f64::from(i) + 0.5) * step, step))
        };
        let to = |x: f64, span: &Span| (span.start - x).max(x - span.end).max(0.0);
        let overlap = |a: f64, b: f64| (b.min(zone.end) - a.max(zone.start)).max(0.0);
        let survival = |near: f64| 1.0 - near / zone.length();
        let mut precision = 0.0;
        for (x, step) in predicted.iter().flat_map(cells) {
            let d = to(x, &anomaly);
            let near = if d > 0.0 { overlap(anomaly.start - d, anomaly.end + d) } else { 0.0 };
            precision += step * survival(near);
        }
        let mut recall = 0.0;
        for (y, step) in cells(&anomaly) {
            let d = predicted.iter().map(|p| to(y, p)).fold(f64::MAX, f64::min);
            recall += step * survival(overlap(y - d, y + d));
        }
        (precision / predicted.iter().map(Span::length).sum::<f64>(), recall / anomaly.length())
    }

    proptest! {
        #[test]
        fn closed_forms_agree_with_the_definition(
            on in prop::collection::vec(any::<bool>(), 30),
            start in 0usize..29,
            length in 1usize..10,
        ) {
            let predicted = runs(on.iter().copied());
            prop_assume!(!predicted.is_empty());
            let zone = Span { start: 0.0, end: 30.0 };
            let anomaly = Span { start: start as f64, end: (start + length).min(30) as f64 };
            let inside = within(&predicted, zone);
            let (precision, recall) = by_sums(&inside, anomaly, zone);
            prop_assert!((zone_precision(&inside, anomaly, zone) - precision).abs() < 1e-2);
            prop_assert!((zone_recall(&inside, anomaly, zone) - recall).abs() < 1e-2);
        }
    }
}
