use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Imputation of missing values (null or NaN).
///
/// Infinite values are an error under every policy: they are a fault of the source, not a gap.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissingPolicy {
    /// Refuse the series and name the first gap.
    #[default]
    Error,
    /// Repeat the last value; a gap at the start takes the first value.
    ForwardFill,
    /// Interpolate between the neighbours; gaps at the ends repeat the nearest.
    Linear,
    /// Drop channels with more than this share of their values missing, and
    /// fill the rest forward.
    DropChannel {
        /// Highest share of missing values that a channel may have, in [0, 1].
        max_missing: f64,
    },
}

impl MissingPolicy {
    /// Applies the policy to whole columns, dropping or filling as it says.
    ///
    /// # Errors
    /// A gap under [`MissingPolicy::Error`], a column without any value under
    /// the filling policies, an infinite value under every policy.
    pub fn apply(
        &self,
        columns: Vec<(String, Vec<f64>)>,
    ) -> Result<Vec<(String, Vec<f64>)>, DataError> {
        let mut kept = Vec::with_capacity(columns.len());
        for (name, mut values) in columns {
            if let Some(row) = values.iter().position(|v| v.is_infinite()) {
                return Err(DataError::Infinite { column: name, row });
            }
            if let Some(row) = values.iter().position(|v| v.is_nan()) {
                match self {
                    Self::Error => return Err(DataError::MissingValue { column: name, row }),
                    Self::DropChannel { max_missing } if share(&values) > *max_missing => continue,
                    Self::ForwardFill | Self::DropChannel { .. } => forward(&name, &mut values)?,
                    Self::Linear => linear(&name, &mut values)?,
                }
            }
            kept.push((name, values));
        }
        Ok(kept)
    }
}

fn share(values: &[f64]) -> f64 {
    values.iter().filter(|v| v.is_nan()).count() as f64 / values.len() as f64
}

fn forward(name: &str, values: &mut [f64]) -> Result<(), DataError> {
    let mut last = first_value(name, values)?;
    for value in values {
        match value.is_nan() {
            true => *value = last,
            false => last = *value,
        }
    }
    Ok(())
}

fn linear(name: &str, values: &mut [f64]) -> Result<(), DataError> {
    let mut left = (0, first_value(name, values)?);
    for row in 0..values.len() {
        if values[row].is_nan() {
            continue;
        }
        let span = (row - left.0) as f64;
        for gap in left.0..row {
            if values[gap].is_nan() {
                let t = (gap - left.0) as f64 / span;
                values[gap] = left.1 + t * (values[row] - left.1);
            }
        }
        left = (row, values[row]);
    }
    values[left.0..].fill(left.1);
    Ok(())
}

fn first_value(name: &str, values: &[f64]) -> Result<f64, DataError> {
    let first = values.iter().find(|v| !v.is_nan()).copied();
    first.ok_or_else(|| DataError::AllMissing { column: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAPPY: [f64; 6] = [f64::NAN, 1.0, f64::NAN, f64::NAN, 4.0, f64::NAN];

    fn apply(policy: MissingPolicy, values: &[f64]) -> Result<Vec<(String, Vec<f64>)>, DataError> {
        policy.apply(vec![("a".into(), values.to_vec())])
    }

    #[test]
    fn each_policy_on_one_gappy_column() {
        let error = apply(MissingPolicy::Error, &GAPPY).unwrap_err();
        assert!(matches!(error, DataError::MissingValue { row: 0, .. }));
        let filled = |policy| apply(policy, &GAPPY).unwrap().remove(0).1;
        assert_eq!(filled(MissingPolicy::ForwardFill), [1.0, 1.0, 1.0, 1.0, 4.0, 4.0]);
        assert_eq!(filled(MissingPolicy::Linear), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        let drop = MissingPolicy::DropChannel { max_missing: 0.5 };
        assert!(apply(drop, &GAPPY).unwrap().is_empty());
    }

    #[test]
    fn no_policy_hides_infinity_or_an_empty_column() {
        let infinite = apply(MissingPolicy::Linear, &[0.0, f64::NEG_INFINITY]);
        assert!(matches!(infinite, Err(DataError::Infinite { row: 1, .. })));
        let empty = apply(MissingPolicy::Linear, &[f64::NAN; 3]);
        assert!(matches!(empty, Err(DataError::AllMissing { .. })));
    }
}
