use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::store::{ModuleStore, SafetensorsStore};
use burn::tensor::Device;

use crate::error::{LlmError, io};
use crate::pretrained::files::{CONFIG, INDEX, WEIGHTS, read, shards};
use crate::pretrained::hf::HfConfig;
use crate::pretrained::weights::{Tensors, Weights};
use crate::transformer::LlmConfig;

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

/// The model of `tools/src/bin/pretrain_llm.rs`.
#[cfg(feature = "bundled")]
mod bundled {
    pub(super) const CONFIG: &[u8] = include_bytes!("../../bundled/config.json");
    pub(super) const WEIGHTS: &[u8] = include_bytes!("../../bundled/model.safetensors");
    pub(super) const TOKENIZER: &[u8] = include_bytes!("../../bundled/tokenizer.json");
}

impl Pretrained {
    /// The model in a folder.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self { place: Place::Folder(folder.into()) }
    }

    /// The model of this name on the Hugging Face hub, `owner/name` or
    /// `owner/name@revision`, fetched as `Hub::from_env` says.
    ///
    /// # Errors
    /// Those of `Hub::fetch`; this crate was built without its feature `hub`.
    pub fn hub(model: &str) -> Result<Self, LlmError> {
        #[cfg(feature = "hub")]
        return crate::pretrained::hub::Hub::from_env().fetch(model).map(Self::folder);
        #[cfg(not(feature = "hub"))]
        Err(LlmError::Feature { what: format!("the model {model:?}"), feature: "hub" })
    }

    /// The small GPT-2 that comes with this crate.
    ///
    /// # Errors
    /// This crate was built without its feature `bundled`.
    pub fn bundled() -> Result<Self, LlmError> {
        #[cfg(feature = "bundled")]
        return Ok(Self { place: Place::Bundled });
        #[cfg(not(feature = "bundled"))]
        Err(LlmError::Feature { what: "the bundled model".into(), feature: "bundled" })
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

    /// Reads the tokenizer, which turns text into the model's tokens, from `tokenizer.json`.
    ///
    /// # Errors
    /// A missing or malformed file.
    #[cfg(feature = "tokenizers")]
    pub fn tokenizer(&self) -> Result<tokenizers::Tokenizer, LlmError> {
        let (path, text) = self.file(crate::pretrained::files::TOKENIZER)?;
        let wrong = |error| LlmError::Tokenizer { reason: format!("{}: {error}", path.display()) };
        tokenizers::Tokenizer::from_bytes(text).map_err(wrong)
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
        let shard_of = shards(&index)?;
        let mut all = BTreeMap::new();
        for shard in shard_of.values().collect::<BTreeSet<_>>() {
            let mut tensors = mapped(&folder.join(shard))?;
            tensors.retain(|name, _| shard_of.get(name) == Some(shard));
            all.append(&mut tensors);
        }
        Ok(Weights::new(all, device))
    }
}

fn mapped(path: &Path) -> Result<Tensors, LlmError> {
    std::fs::File::open(path).map_err(io(path))?;
    tensors(SafetensorsStore::from_file(path), path)
}

fn tensors(mut store: SafetensorsStore, path: &Path) -> Result<Tensors, LlmError> {
    let tensors = store.get_all_tensors();
    tensors.cloned().map_err(|source| LlmError::Format { path: path.into(), source })
}
