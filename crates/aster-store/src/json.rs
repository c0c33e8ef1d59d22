use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// Writes a value of an entry as JSON.
pub(crate) fn write(entry: &str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::InvalidFormat {
        place: entry.into(),
        reason: format!("it cannot be written as JSON: {error}"),
    })
}

pub(crate) fn parse<T: DeserializeOwned>(place: &str, text: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::InvalidFormat {
        place: place.into(),
        reason: error.to_string(),
    })
}
