/// Points at most that are looked at: of longer series, means of as many rows each.
const POINTS: usize = 2048;

/// The longest period of a channel, in rows: the lag at which its autocorrelation is highest beyond
/// where it first falls below 0, if it is half or more there. Of several lags as good as the best
/// one, the first is the period, and the others are its multiples.
pub(crate) fn period(values: &[f64]) -> Option<usize> {
    let coarse = values.len().div_ceil(POINTS);
    let means: Vec<f64> = (values.chunks(coarse))
        .map(|chunk| chunk.iter().map(|value| value - values[0]).sum::<f64>() / chunk.len() as f64)
        .collect();
    // Of what is shorter than they are, means keep next to nothing, and what they keep misleads.
    let kept = variance(&means) >= 0.25 * variance(values);
    let long = kept.then(|| best_lag(&means)).flatten().map(|lag| lag * coarse);
    long.or_else(|| best_lag(&values[..values.len().min(POINTS)]))
}

fn variance(values: &[f64]) -> f64 {
    let (n, origin) = (values.len() as f64, values[0]);
    let mean = values.iter().map(|value| value - origin).sum::<f64>() / n;
    values.iter().map(|value| (value - origin - mean).powi(2)).sum::<f64>() / n
}

fn best_lag(values: &[f64]) -> Option<usize> {
    let n = values.len();
    if n < 16 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let moved: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let variance = variance(values);
    let at = |lag: usize| {
        let products = moved.iter().zip(&moved[lag..]).map(|(a, b)| a * b);
        products.sum::<f64>() / (n - lag) as f64 / variance
    };
    let correlations: Vec<f64> = (0..=n / 2).map(at).collect();
    let below = correlations.iter().position(|correlation| *correlation < 0.0)?;
    let peaks = (below.max(2)..n / 2).filter(|lag| {
        let [before, here, after] = [lag - 1, *lag, lag + 1].map(|lag| correlations[lag]);
        here >= 0.5 && here >= before && here > after
    });
    let peaks: Vec<usize> = peaks.collect();
    let best = peaks.iter().map(|lag| correlations[*lag]).fold(0.0, f64::max);
    peaks.into_iter().find(|lag| correlations[*lag] >= best - 0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(weekend: f64, row: usize) -> f64 {
        let (hour, day) = (row % 24, row / 24 % 7);
        let scale = if day > 4 { weekend } else { 1.0 };
        scale * (hour as f64 / 24.0 * std::f64::consts::TAU).sin()
    }

    #[test]
    fn the_longest_that_repeats() {
        let series = |weekend: f64, rows: usize| -> Vec<f64> {
            (0..rows).map(|row| 1e6 + daily(weekend, row)).collect()
        };
        assert_eq!(period(&series(1.0, 1000)), Some(24));
        assert_eq!(period(&series(-1.0, 1000)), Some(168));
        // Means of five rows each.
        assert_eq!(period(&series(-1.0, 10_000)), Some(170));
        // Too short for means of a hundred.
        assert_eq!(period(&series(1.0, 200_000)), Some(24));
        let noise: Vec<f64> = (0..1000u64).map(|row| (row * row % 7919) as f64).collect();
        assert_eq!(period(&noise), None);
        let rise: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(period(&rise), None);
        assert_eq!(period(&[1.0; 100]), None);
    }
}
