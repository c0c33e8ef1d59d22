use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::store::{ModuleStore, SafetensorsStore};
use burn::tensor::Device;
use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::hf::HfConfig;
use crate::weights::{Tensors, Weights};
use crate::{LlmConfig, LlmError};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const INDEX: &str = "model.safetensors.index.json";

/// A pre-trained model in the layout of the Hugging Face hub: `config.json`,
/// `model.safetensors` or its shards with `model.safetensors.index.json`, and
/// `tokenizer.json` where text is to be read.
#[derive(Debug, Clone)]
pub struct Pretrained {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    #[cfg(feature = "bundled")]
    Bundled,
}

/// The model of `examples/pretrain_llm.rs`.
#[cfg(feature = "bundled")]
mod bundled {
    pub(super) const CONFIG: &[u8] = include_bytes!("../bundled/config.json");
    pub(super) const WEIGHTS: &[u8] = include_bytes!("../bundled/model.safetensors");
    pub(super) const TOKENIZER: &[u8] = include_bytes!("../bundled/tokenizer.json");
}

/// Which shard holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Pretrained {
    /// The model in a folder.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self { place: Place::Folder(folder.into()) }
    }

    /// The small GPT-2 that comes with this crate.
    ///
    /// # Errors
    /// This crate was built without its feature `bundled`.
    pub fn bundled() -> Result<Self, LlmError> {
        #[cfg(feature = "bundled")]
        return Ok(Self { place: Place::Bundled });
        #[cfg(not(feature = "bundled"))]
        Err(LlmError::Feature { what: "the bundled model", feature: "bundled" })
    }

    /// The shape of the model, from `config.json`.
    ///
    /// # Errors
    /// A missing or malformed file, an unknown `model_type`, a size that is
    /// missing or does not divide.
    pub fn config(&self) -> Result<LlmConfig, LlmError> {
        let (path, text) = self.file(CONFIG)?;
        let hf: HfConfig =
            serde_json::from_slice(&text).map_err(|source| LlmError::Config { path, source })?;
        hf.read()
    }

    /// What turns text into the model's tokens, from `tokenizer.json`.
    ///
    /// # Errors
    /// A missing or malformed file.
    pub fn tokenizer(&self) -> Result<Tokenizer, LlmError> {
        let (path, text) = self.file(TOKENIZER)?;
        let wrong = |error| LlmError::Tokenizer { reason: format!("{}: {error}", path.display()) };
        Tokenizer::from_bytes(text).map_err(wrong)
    }

    fn file(&self, name: &'static str) -> Result<(PathBuf, Cow<'static, [u8]>), LlmError> {
        match &self.place {
            Place::Folder(folder) => {
                let path = folder.join(name);
                let text = read(&path)?;
                Ok((path, text.into()))
            }
            #[cfg(feature = "bundled")]
            Place::Bundled => {
                let text = if name == CONFIG { bundled::CONFIG } else { bundled::TOKENIZER };
                Ok((name.into(), text.into()))
            }
        }
    }

    /// The tensors, none of them read before it is asked for: the files are mapped into
    /// memory.
    pub(crate) fn weights<'a>(&self, device: &'a Device) -> Result<Weights<'a>, LlmError> {
        let folder = match &self.place {
            Place::Folder(folder) => folder,
            #[cfg(feature = "bundled")]
            Place::Bundled => {
                let store = SafetensorsStore::from_bytes(Some(bundled::WEIGHTS.to_vec()));
                return Ok(Weights::new(tensors(store, WEIGHTS.as_ref())?, device));
            }
        };
        let (whole, index) = (folder.join(WEIGHTS), folder.join(INDEX));
        if whole.exists() || !index.exists() {
            return Ok(Weights::new(mapped(&whole)?, device));
        }
        let Index { weight_map } = serde_json::from_slice(&read(&index)?)
            .map_err(|source| LlmError::Config { path: index.clone(), source })?;
        let shards: BTreeSet<&String> = weight_map.values().collect();
        let mut all = BTreeMap::new();
        for shard in shards {
            // Nothing outside the folder, and nothing but weights.
            if !shard.ends_with(".safetensors") || shard.contains(['/', '\\', ':']) {
                return Err(LlmError::Index { path: index, got: shard.clone() });
            }
            let mut tensors = mapped(&folder.join(shard))?;
            tensors.retain(|name, _| weight_map.get(name) == Some(shard));
            all.append(&mut tensors);
        }
        Ok(Weights::new(all, device))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LlmError> {
    std::fs::read(path).map_err(|source| LlmError::Io { path: path.into(), source })
}

fn mapped(path: &Path) -> Result<Tensors, LlmError> {
    std::fs::File::open(path).map_err(|source| LlmError::Io { path: path.into(), source })?;
    tensors(SafetensorsStore::from_file(path), path)
}

fn tensors(mut store: SafetensorsStore, path: &Path) -> Result<Tensors, LlmError> {
    let tensors = store.get_all_tensors();
    tensors.cloned().map_err(|source| LlmError::Format { path: path.into(), source })
}
