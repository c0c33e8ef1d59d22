//! Volume under the ROC and PR surfaces (Paparrizos et al., VLDB 2022), in the
//! thresholded form that the published tables use.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{EvalError, check_classes, check_pair};
use aster_base::runs;

/// Number of thresholds, spread evenly over the ranks; the reference's default.
const THRESHOLDS: usize = 250;

/// VUS-ROC and VUS-PR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Volume under the ROC surface.
    pub roc: f64,
    /// Volume under the PR surface.
    pub pr: f64,
}

/// The largest buffer as the TAB benchmark chooses it: twice the median length
/// of the anomalies, in rows.
pub fn default_buffer(labels: &[bool]) -> usize {
    let mut lengths: Vec<usize> = runs(labels.iter().copied()).iter().map(Range::len).collect();
    lengths.sort_unstable();
    let upper = lengths.len() / 2;
    match lengths.len() {
        0 => 0,
        n if n % 2 == 1 => 2 * lengths[upper],
        _ => 2 * ((lengths[upper - 1] + lengths[upper]) / 2),
    }
}

/// VUS over the buffers `0..=max_buffer`: anomalies are widened by half a buffer
/// on each side with falling weight, the range-AUC is taken at each width, and
/// the mean over the widths is returned. O(n log n + widened rows x buffers).
///
/// # Errors
/// Different lengths, no scores, a score that is not finite, one class only.
pub fn volume_under_surface(
    scores: &[f32],
    labels: &[bool],
    max_buffer: usize,
) -> Result<Volume, EvalError> {
    check_pair(scores, labels)?;
    check_classes(labels)?;
    let ranks = Ranks::new(scores);
    let anomalies = runs(labels.iter().copied());
    let anomalous = labels.iter().filter(|l| **l).count() as f64;
    let mut weights = vec![0.0; labels.len()];
    let mut volume = Volume { roc: 0.0, pr: 0.0 };
    for buffer in 0..=max_buffer {
        let zones = zones(&anomalies, buffer / 2, labels.len());
        widen(&mut weights, &anomalies, &zones, buffer);
        let (roc, pr) = areas(&ranks, labels, anomalous, &weights, &zones);
        volume.roc += roc;
        volume.pr += pr;
    }
    let widths = (max_buffer + 1) as f64;
    Ok(Volume { roc: volume.roc / widths, pr: volume.pr / widths })
}

/// The thresholds, reduced to what the areas need of them.
struct Ranks {
    /// For each row, the first threshold that its score reaches.
    first: Vec<u8>,
    /// For each threshold, how many rows reach it.
    predicted: Vec<f64>,
}

impl Ranks {
    fn new(scores: &[f32]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let last = scores.len() - 1;
        let step = last as f64 / (THRESHOLDS - 1) as f64;
        let at = |k: usize| if k == THRESHOLDS - 1 { last } else { (k as f64 * step) as usize };
        let thresholds: Vec<f32> = (0..THRESHOLDS).map(|k| sorted[at(k)]).collect();
        let first = |score: &f32| thresholds.partition_point(|t| t > score) as u8;
        let first: Vec<u8> = scores.iter().map(first).collect();
        let mut predicted = vec![0.0; THRESHOLDS];
        for &k in &first {
            predicted[k as usize] += 1.0;
        }
        accumulate(&mut predicted);
        Self { first, predicted }
    }
}

fn accumulate(values: &mut [f64]) {
    for k in 1..values.len() {
        values[k] += values[k - 1];
    }
}

/// The anomalies widened by `half` rows on each side, merged where they touch.
fn zones(anomalies: &[Range<usize>], half: usize, rows: usize) -> Vec<Range<usize>> {
    let mut zones: Vec<Range<usize>> = Vec::with_capacity(anomalies.len());
    for anomaly in anomalies {
        let wide = anomaly.start.saturating_sub(half)..(anomaly.end + half).min(rows);
        match zones.last_mut() {
            Some(last) if wide.start < last.end => last.end = wide.end,
            _ => zones.push(wide),
        }
    }
    zones
}

/// Label weights: 1 inside anomalies, sqrt(1 - distance/buffer) beside them.
fn widen(weights: &mut [f64], anomalies: &[Range<usize>], zones: &[Range<usize>], buffer: usize) {
    for zone in zones {
        weights[zone.clone()].fill(0.0);
    }
    let half = buffer / 2;
    let fall: Vec<f64> = (1..=half).map(|d| (1.0 - d as f64 / buffer as f64).sqrt()).collect();
    for anomaly in anomalies {
        weights[anomaly.clone()].fill(1.0);
    }
    for anomaly in anomalies {
        let after = weights[anomaly.end..].iter_mut().zip(&fall);
        after.for_each(|(weight, fall)| *weight = (*weight + fall).min(1.0));
        let before = weights[..anomaly.start].iter_mut().rev().zip(&fall);
        before.for_each(|(weight, fall)| *weight = (*weight + fall).min(1.0));
    }
}

/// Range-AUC-ROC and range-AUC-PR at one width.
fn areas(
    ranks: &Ranks,
    labels: &[bool],
    anomalous: f64,
    weights: &[f64],
    zones: &[Range<usize>],
) -> (f64, f64) {
    let mut true_positives = vec![0.0; THRESHOLDS];
    let mut buffered = vec![0.0; THRESHOLDS];
    let mut zones_hit = vec![0.0; THRESHOLDS];
    for zone in zones {
        let mut earliest = THRESHOLDS - 1;
        for row in zone.clone() {
            let k = ranks.first[row] as usize;
            true_positives[k] += weights[row];
            if !labels[row] {
                buffered[k] += weights[row];
            }
            earliest = earliest.min(k);
        }
        zones_hit[earliest] += 1.0;
    }
    accumulate(&mut true_positives);
    accumulate(&mut buffered);
    accumulate(&mut zones_hit);
    let (mut roc, mut pr, mut last) = (0.0, 0.0, (0.0, 0.0));
    for k in 0..THRESHOLDS {
        let positives = anomalous + buffered[k] / 2.0;
        let recall = (true_positives[k] / positives).min(1.0);
        let tpr = recall * zones_hit[k] / zones.len() as f64;
        let false_positives = ranks.predicted[k] - true_positives[k];
        let fpr = false_positives / (labels.len() as f64 - positives);
        roc += (fpr - last.1) * (tpr + last.0) / 2.0;
        pr += (tpr - last.0) * true_positives[k] / ranks.predicted[k];
        last = (tpr, fpr);
    }
    roc += (1.0 - last.1) * (1.0 + last.0) / 2.0;
    (roc, pr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_twice_the_median_length() {
        let labels: Vec<bool> = "0110111100010".chars().map(|c| c == '1').collect();
        assert_eq!(default_buffer(&labels), 4);
        assert_eq!(default_buffer(&[false]), 0);
    }

    #[test]
    fn a_perfect_score_without_buffer_is_one() {
        let labels: Vec<bool> = (0..1000).map(|i| (400..500).contains(&i)).collect();
        let scores: Vec<f32> = labels.iter().map(|l| f32::from(u8::from(*l))).collect();
        let volume = volume_under_surface(&scores, &labels, 0).unwrap();
        approx::assert_relative_eq!(volume.roc, 1.0);
        approx::assert_relative_eq!(volume.pr, 1.0);
    }
}
