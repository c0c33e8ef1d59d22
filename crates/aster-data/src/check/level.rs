use serde::{Deserialize, Serialize};

/// Channel whose level in the part of a training series that validates is another than in the part
/// that is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelChange {
    /// The channel.
    pub channel: String,
    /// By how much, in standard deviations of the part that is fitted.
    pub spreads: f64,
}

/// By how many standard deviations of the first part the mean of the second lies elsewhere; none
/// of a first part that is constant.
pub(crate) fn change(values: &[f64], cut: usize) -> Option<f64> {
    let (fitted, validating) = values.split_at(cut);
    let origin = *fitted.first()?;
    let mean = |values: &[f64]| {
        values.iter().map(|value| value - origin).sum::<f64>() / values.len() as f64
    };
    let (before, after) = (mean(fitted), mean(validating));
    let variance = fitted.iter().map(|value| (value - origin - before).powi(2)).sum::<f64>();
    let spread = (variance / fitted.len() as f64).sqrt();
    (spread > 0.0 && !validating.is_empty()).then_some((after - before) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(change(&[1.0, 3.0, 1.0, 3.0, 5.0], 4), Some(3.0));
        assert_eq!(change(&[1.0, 1.0, 5.0], 2), None);
        assert_eq!(change(&[], 0), None);
    }
}
