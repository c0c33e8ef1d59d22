//! Weights as safetensors.

use aster_model::Aster;
use aster_store::StoreError;
use burn::store::{ModuleSnapshot, SafetensorsStore};

/// Without metadata, so that equal weights are equal bytes.
pub(crate) fn to_bytes(model: &Aster) -> Result<Vec<u8>, StoreError> {
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
    model.save_into(&mut store).and_then(|()| store.get_bytes()).map_err(|error| {
        StoreError::Weights { place: "the network".into(), reason: error.to_string() }
    })
}

/// Reads exactly the weights of a network.
pub(crate) fn read(model: &mut Aster, bytes: Vec<u8>, place: &str) -> Result<(), StoreError> {
    let wrong = |reason: String| StoreError::Weights { place: place.into(), reason };
    let mut store = SafetensorsStore::from_bytes(Some(bytes)).allow_partial(true).validate(false);
    let result = model.load_from(&mut store).map_err(|error| wrong(error.to_string()))?;
    if let Some(error) = result.errors.first() {
        return Err(wrong(error.to_string()));
    }
    if let Some((name, _)) = result.missing.first() {
        return Err(wrong(format!("tensor {name:?} is missing")));
    }
    match result.unused.first() {
        Some(name) => Err(wrong(format!("tensor {name:?} belongs to no part of the model"))),
        None => Ok(()),
    }
}
