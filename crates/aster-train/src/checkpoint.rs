//! What each epoch leaves behind, so that a training goes on where it was stopped.

use std::path::{Path, PathBuf};

use aster_data::TimeSeries;
use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::io;
use crate::sealed::{Format, Part, Sealed, seal};
use crate::{Aster, AsterConfig, EpochRecord, Parts, Rollback, RunRecord, TrainConfig, TrainError};

const FORMAT: Format = Format { name: "aster-checkpoint", version: 1 };

/// The files that Burn leaves in its working folder after the one epoch that it was asked for.
const WORKING: [&str; 2] = ["checkpoint/model-1.bpk", "checkpoint/optim-1.bpk"];

/// How far a training has come. With the weights and the optimiser's state of its last epoch,
/// all that decides how it goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Of which config and series.
    pub(crate) training: String,
    pub(crate) epochs: Vec<EpochRecord>,
    pub(crate) rollbacks: Vec<Rollback>,
    /// Wall-clock time so far.
    pub(crate) seconds: f64,
}

impl State {
    /// The epoch of the lowest validation loss.
    pub(crate) fn best(&self) -> Option<usize> {
        let losses = self.epochs.iter().map(|epoch| epoch.validation.total);
        let best = losses.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map(|(index, _)| index + 1)
    }

    pub(crate) fn finished(&self, config: &TrainConfig) -> bool {
        let done = self.epochs.len();
        let patience = config.patience.unwrap_or(usize::MAX);
        done >= config.epochs || self.best().is_some_and(|best| done - best >= patience)
    }
}

/// Names a training by what it is of: the config (where its checkpoints lie and who watches
/// aside), the series, what it starts from, the version.
pub(crate) fn name_of(
    config: &AsterConfig,
    parts: &Parts,
    series: [&TimeSeries; 2],
    start: Option<&RunRecord>,
) -> String {
    let mut config = config.clone();
    (config.train.checkpoints, config.train.progress) = (None, false);
    let mut digest = Sha256::new();
    let text = serde_json::to_string(&(config, start, parts.names())).unwrap_or_default();
    digest.update(format!("{} {text}", env!("CARGO_PKG_VERSION")));
    for series in series {
        digest.update(format!("{:?} {}", series.channels(), series.rows()));
        series.values().iter().for_each(|value| digest.update(value.to_le_bytes()));
    }
    format!("{:x}", digest.finalize())
}

/// Where checkpoints go: the caller's folder, or one that vanishes.
enum Place {
    Named(PathBuf),
    Temporary(tempfile::TempDir),
}

/// The checkpoints of one training.
pub(crate) struct Checkpoints {
    place: Place,
    training: String,
}

impl Checkpoints {
    pub(crate) fn open(config: &TrainConfig, training: String) -> Result<Self, TrainError> {
        let place = match &config.checkpoints {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(io(path))?;
                Place::Named(path.clone())
            }
            None => {
                let folder = tempfile::Builder::new().prefix("aster-").tempdir();
                Place::Temporary(folder.map_err(io(&std::env::temp_dir()))?)
            }
        };
        Ok(Self { place, training })
    }

    fn folder(&self) -> &Path {
        match &self.place {
            Place::Named(path) => path,
            Place::Temporary(folder) => folder.path(),
        }
    }

    fn of_epoch(&self, epoch: usize) -> PathBuf {
        self.folder().join(format!("epoch-{epoch}"))
    }

    /// Where Burn may write while it trains an epoch.
    fn workplace(&self) -> PathBuf {
        self.folder().join(".aster-working")
    }

    /// The same, without what an earlier epoch has left there.
    pub(crate) fn working(&self) -> Result<PathBuf, TrainError> {
        let path = self.workplace();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&path)(error)),
            _ => Ok(path),
        }
    }

    /// The epochs that have a folder, the newest first.
    fn epochs(&self) -> Result<Vec<usize>, TrainError> {
        let entries = std::fs::read_dir(self.folder()).map_err(io(self.folder()))?;
        let epoch = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_prefix("epoch-")?.parse().ok()
        };
        let mut epochs: Vec<usize> = entries.filter_map(epoch).collect();
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(epochs)
    }

    /// How far the training had come at its last good checkpoint; a damaged one is passed over.
    pub(crate) fn last_good(&self) -> Result<State, TrainError> {
        for epoch in self.epochs()? {
            let folder = self.of_epoch(epoch);
            let state = Sealed::open(&folder, FORMAT).and_then(|s| s.json::<State>("state"));
            match state {
                Ok(state) if state.training != self.training => {
                    return Err(TrainError::OtherTraining { folder: self.folder().into() });
                }
                // One that lies in the folder of another epoch has been moved there.
                Ok(state) if state.epochs.len() == epoch && self.holds_best(&state) => {
                    tracing::info!(epoch, folder = %folder.display(), "training goes on");
                    return Ok(state);
                }
                Ok(_) => tracing::warn!(epoch, "a checkpoint whose best epoch is damaged"),
                Err(error) => tracing::warn!(epoch, %error, "a checkpoint is damaged"),
            }
        }
        Ok(State { training: self.training.clone(), ..Default::default() })
    }

    fn holds_best(&self, state: &State) -> bool {
        state.best().is_some_and(|best| Sealed::open(&self.of_epoch(best), FORMAT).is_ok())
    }

    /// Keeps what Burn has left in its working folder, then drops what is needed no longer:
    /// the last two epochs and the best one stay.
    pub(crate) fn keep(&self, state: &State) -> Result<(), TrainError> {
        let epoch = state.epochs.len();
        let working = self.workplace();
        let moved = |name, file: &str| {
            let from = working.join(file);
            let write = move |to: &Path| std::fs::rename(&from, to).map_err(io(&from));
            Part { name, extension: "bpk", write: Box::new(write) }
        };
        let [model, optimizer] = WORKING;
        let parts =
            vec![Part::json("state", state), moved("model", model), moved("optimizer", optimizer)];
        seal(&self.of_epoch(epoch), FORMAT, parts)?;
        let needed = |old: usize| [epoch, epoch - 1].contains(&old) || Some(old) == state.best();
        self.epochs()?.into_iter().filter(|old| !needed(*old)).try_for_each(|old| {
            let folder = self.of_epoch(old);
            std::fs::remove_dir_all(&folder).map_err(io(&folder))
        })
    }

    /// The model as it was after an epoch.
    pub(crate) fn model(&self, epoch: usize, fresh: Aster) -> Result<Aster, TrainError> {
        load_model(&Sealed::open(&self.of_epoch(epoch), FORMAT)?, fresh)
    }

    /// Model and optimiser as they were after an epoch.
    pub(crate) fn restore(
        &self,
        epoch: usize,
        (model, optimizer): (Aster, ModuleOptimizer),
    ) -> Result<(Aster, ModuleOptimizer), TrainError> {
        let sealed = Sealed::open(&self.of_epoch(epoch), FORMAT)?;
        let (path, bytes) = read(&sealed, "optimizer")?;
        let record = OptimizerRecord::from_bytes(bytes)
            .map_err(|error| TrainError::Weights { path, reason: error.to_string() })?;
        Ok((load_model(&sealed, model)?, optimizer.load_record(record)))
    }

    /// The folder of the last good checkpoint, if there is any; then it is permanent.
    pub(crate) fn leave(self) -> Option<PathBuf> {
        let folders = self.epochs().ok()?.into_iter().map(|epoch| self.of_epoch(epoch));
        let newest = folders.into_iter().find(|folder| Sealed::open(folder, FORMAT).is_ok())?;
        if let Place::Temporary(folder) = self.place {
            let _path = folder.keep();
        }
        Some(newest)
    }

    /// Removes Burn's working folder, which holds nothing of use any more.
    pub(crate) fn tidy(&self) -> Result<(), TrainError> {
        self.working().map(drop)
    }
}

fn load_model(sealed: &Sealed, fresh: Aster) -> Result<Aster, TrainError> {
    let (path, bytes) = read(sealed, "model")?;
    let record = ModuleRecord::from_bytes(bytes)
        .map_err(|error| TrainError::Weights { path, reason: error.to_string() })?;
    Ok(fresh.load_record(record))
}

/// Whole, at once: a record of a file would come back for its tensors later, when a temporary
/// folder is gone.
fn read(sealed: &Sealed, part: &str) -> Result<(PathBuf, Bytes), TrainError> {
    let path = sealed.path(part)?;
    let bytes = std::fs::read(&path).map_err(io(&path))?;
    Ok((path, Bytes::from_bytes_vec(bytes)))
}
