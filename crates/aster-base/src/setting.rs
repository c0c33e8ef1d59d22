/// The error of a setting outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected {expected}, got {got}")]
pub struct SettingError {
    /// Path of the field, such as `train.learning_rate`.
    pub name: String,
    /// Range of the setting, in words.
    pub expected: String,
    /// The value given.
    pub got: String,
}

impl SettingError {
    /// Describes a value that its field cannot have.
    pub fn new(name: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self { name: name.into(), expected: expected.into(), got: got.to_string() }
    }
}

/// Prefixes the name of a rejected setting with that of the struct it is nested in.
pub trait Within {
    /// Puts `parent.` before the setting's name.
    fn within(self, parent: &str) -> Self;
}

impl<T> Within for Result<T, SettingError> {
    fn within(self, parent: &str) -> Self {
        self.map_err(|error| SettingError { name: format!("{parent}.{}", error.name), ..error })
    }
}

/// Upper bound of lengths and counts: larger ones are mistakes and would overflow in products.
pub const LARGEST: usize = 1 << 24;

/// Requires that a condition on a setting holds.
///
/// # Errors
/// The condition does not hold.
pub fn require(
    name: &str,
    holds: bool,
    expected: impl Into<String>,
    got: impl ToString,
) -> Result<(), SettingError> {
    match holds {
        true => Ok(()),
        false => Err(SettingError::new(name, expected, got)),
    }
}

/// Requires a length or count from 1 to [`LARGEST`].
///
/// # Errors
/// Another value.
pub fn at_least_one(name: &str, got: usize) -> Result<(), SettingError> {
    require(name, (1..=LARGEST).contains(&got), format!("1 to {LARGEST}"), got)
}

/// Requires a number in (0, 1).
///
/// # Errors
/// Another value.
pub fn open_share(name: &str, got: f64) -> Result<(), SettingError> {
    require(name, got > 0.0 && got < 1.0, "a number in (0, 1)", got)
}

/// Requires a number in [0, 1).
///
/// # Errors
/// Another value.
pub fn share_below_one(name: &str, got: f64) -> Result<(), SettingError> {
    require(name, (0.0..1.0).contains(&got), "a number in [0, 1)", got)
}

/// Requires a number in (0, 1].
///
/// # Errors
/// Another value.
pub fn share_above_zero(name: &str, got: f64) -> Result<(), SettingError> {
    require(name, got > 0.0 && got <= 1.0, "a number in (0, 1]", got)
}

/// Requires a finite number of at least 0.
///
/// # Errors
/// Another value.
pub fn non_negative(name: &str, got: f64) -> Result<(), SettingError> {
    require(name, got >= 0.0 && got.is_finite(), "a finite number of at least 0", got)
}

/// Requires a finite number above 0.
///
/// # Errors
/// Another value.
pub fn positive(name: &str, got: f64) -> Result<(), SettingError> {
    require(name, got > 0.0 && got.is_finite(), "a finite number above 0", got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_from_the_root() {
        let error = open_share("validation", 1.0).within("train").within("config").unwrap_err();
        assert_eq!(error.name, "config.train.validation");
        assert_eq!(
            error.to_string(),
            "config.train.validation: expected a number in (0, 1), got 1"
        );
    }

    #[test]
    fn bounds_and_numbers_that_are_none() {
        assert!(at_least_one("n", LARGEST).is_ok() && at_least_one("n", LARGEST + 1).is_err());
        assert!(at_least_one("n", 0).is_err());
        assert!(non_negative("x", 0.0).is_ok() && positive("x", 0.0).is_err());
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(open_share("x", bad).is_err() && non_negative("x", bad).is_err());
            assert!(positive("x", bad).is_err());
        }
    }
}
