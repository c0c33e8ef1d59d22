//! The files of a model's folder, in the layout of the Hugging Face hub.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{LlmError, io};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
#[cfg(any(feature = "hub", feature = "tokenizers"))]
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Index of shards by tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The shard of each tensor: nothing outside the folder, and nothing but weights.
pub(crate) fn shards(index: &Path) -> Result<BTreeMap<String, String>, LlmError> {
    let Index { weight_map } = serde_json::from_slice(&read(index)?)
        .map_err(|source| LlmError::Config { path: index.into(), source })?;
    let odd =
        |shard: &&String| !shard.ends_with(".safetensors") || shard.contains(['/', '\\', ':']);
    match weight_map.values().find(odd) {
        Some(shard) => Err(LlmError::Index { path: index.into(), got: shard.clone() }),
        None => Ok(weight_map),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LlmError> {
    std::fs::read(path).map_err(io(path))
}
