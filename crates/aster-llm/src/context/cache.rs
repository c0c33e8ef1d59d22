use std::io::Write;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Int, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::error::{LlmError, io};

/// What a frozen model makes of windows: a file for each, named by the hash of its patches,
/// in a folder named by the hash of all else that it depends on. Any number of threads and
/// processes may share it, as files appear whole or not at all.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `config` describes what the weights of `modules` alone do not say.
    pub(crate) fn open(
        root: &Path,
        config: &str,
        modules: impl FnOnce(&mut Weights),
    ) -> Result<Self, LlmError> {
        let version = env!("CARGO_PKG_VERSION");
        let mut weights = Weights(Sha256::new().chain_update(version).chain_update(config));
        modules(&mut weights);
        let folder = root.join(format!("{:x}", weights.0.finalize()));
        std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        Ok(Self { folder })
    }

    /// `model` of `patches`, of which it is given those windows that it has not seen.
    ///
    /// # Shapes
    /// `[B, L, P*C]` to `[B, L, width]`.
    pub(crate) fn embed(
        &self,
        patches: &Tensor<3>,
        width: usize,
        model: impl FnOnce(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let ([b, l, f], device) = (patches.dims(), patches.device());
        let data = patches.clone().detach().into_data().convert::<f32>();
        let files: Vec<PathBuf> = data.as_bytes().chunks(4 * l * f).map(|w| self.file(w)).collect();
        let whole = |bytes: &Vec<u8>| bytes.len() == 4 * l * width;
        let mut embeddings: Vec<Vec<u8>> =
            files.iter().map(|file| std::fs::read(file).unwrap_or_default()).collect();
        let missing: Vec<usize> = (0..b).filter(|i| !whole(&embeddings[*i])).collect();
        if !missing.is_empty() {
            let numbers: Vec<i64> = missing.iter().map(|i| *i as i64).collect();
            let numbers = Tensor::<1, Int>::from_ints(numbers.as_slice(), &device);
            let new = model(patches.clone().select(0, numbers)).into_data().convert::<f32>();
            for (i, bytes) in missing.into_iter().zip(new.as_bytes().chunks(4 * l * width)) {
                // What cannot be kept is computed again next time.
                let _ = self.keep(&files[i], bytes);
                embeddings[i] = bytes.to_vec();
            }
        }
        let values = embeddings.concat();
        let values = values.chunks_exact(4).map(|x| f32::from_ne_bytes([x[0], x[1], x[2], x[3]]));
        Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), [b, l, width]), &device)
    }

    fn file(&self, window: &[u8]) -> PathBuf {
        self.folder.join(format!("{:x}", Sha256::digest(window)))
    }

    fn keep(&self, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&self.folder)?;
        new.write_all(bytes)?;
        new.persist(file)?;
        Ok(())
    }
}

/// Hashes the weights of the modules that it visits.
pub(crate) struct Weights(Sha256);

impl Weights {
    pub(crate) fn of(&mut self, module: &impl Module) {
        module.visit(self);
    }
}

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.update(param.val().into_data().as_bytes());
    }
}
