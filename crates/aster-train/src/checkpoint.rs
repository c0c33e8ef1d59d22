//! What each epoch leaves behind, so that a training goes on where it was stopped.

use std::path::{Path, PathBuf};

use aster_data::ScaledSeries;
use aster_detect::{AsterConfig, EpochRecord, Rollback, RunRecord, TrainConfig};
use aster_model::NetworkComponents;
use aster_store::{Contents, Entry, Format, StoreError, io, replace};
use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::TrainError;
use crate::step::Trainable;

const FORMAT: Format = Format { name: "aster-checkpoint", version: 3 };

/// The files that Burn leaves in its working folder after the one epoch that it was asked for.
const WORKING: [&str; 2] = ["checkpoint/model-1.bpk", "checkpoint/optim-1.bpk"];

/// Progress of a training. With the weights and the optimiser's state of its last epoch,
/// all that decides how it goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainState {
    /// Identity of the training.
    pub(crate) identity: String,
    pub(crate) epochs: Vec<EpochRecord>,
    pub(crate) rollbacks: Vec<Rollback>,
    /// Wall-clock time so far.
    pub(crate) seconds: f64,
}

impl TrainState {
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

/// Identity of a training: scaler, network with the parameters of custom parts, optimisation,
/// series, what it starts from and the version. What is decided after training, such as an alarm rule, does not belong to it.
pub(crate) fn identity(
    config: &AsterConfig,
    components: &NetworkComponents,
    series: [&ScaledSeries; 2],
    start: Option<&RunRecord>,
) -> String {
    let AsterConfig { scaler, model, train, .. } = config;
    let mut digest = Sha256::new();
    let all = (scaler, model, train, start, format!("{components:?}"));
    let text = serde_json::to_string(&all).unwrap_or_default();
    digest.update(format!("{} {text}", env!("CARGO_PKG_VERSION")));
    for series in series {
        digest.update(format!("{} {}", series.channel_count(), series.rows()));
        series.values().iter().for_each(|value| digest.update(value.to_le_bytes()));
    }
    format!("{:x}", digest.finalize())
}

/// Place of the checkpoints: the caller's folder, or one that vanishes.
pub(crate) enum Place {
    Named(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Place {
    /// Opens a folder, or a temporary one.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, TrainError> {
        let (folder, opened) = match folder {
            Some(path) => {
                // One that is there may still be of a file system that is only read.
                let probe = || {
                    std::fs::create_dir_all(path)?;
                    tempfile::tempfile_in(path).map(|_| Self::Named(path.into()))
                };
                (path.into(), probe())
            }
            None => {
                let folder = tempfile::Builder::new().prefix("aster-").tempdir();
                (std::env::temp_dir(), folder.map(Self::Temporary))
            }
        };
        opened.map_err(|source| TrainError::NotWritable { folder, source })
    }
}

/// The checkpoints of one training.
pub(crate) struct Checkpoints {
    place: Place,
    identity: String,
}

impl Checkpoints {
    pub(crate) fn new(place: Place, identity: String) -> Self {
        Self { place, identity }
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

    /// Returns the folder to write to, without what an earlier epoch has left there.
    pub(crate) fn working(&self) -> Result<PathBuf, StoreError> {
        let path = self.workplace();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&path)(error)),
            _ => Ok(path),
        }
    }

    /// The epochs that have a folder, the newest first.
    fn epochs(&self) -> Result<Vec<usize>, StoreError> {
        let entries = std::fs::read_dir(self.folder()).map_err(io(self.folder()))?;
        let epoch = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_prefix("epoch-")?.parse().ok()
        };
        let mut epochs: Vec<usize> = entries.filter_map(epoch).collect();
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(epochs)
    }

    /// Reads the state at the last good checkpoint; a damaged one is passed over.
    pub(crate) fn last_good(&self) -> Result<TrainState, TrainError> {
        for epoch in self.epochs()? {
            let folder = self.of_epoch(epoch);
            let state =
                Contents::of_folder(&folder, FORMAT).and_then(|it| it.json::<TrainState>("state"));
            match state {
                Ok(state) if state.identity != self.identity => {
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
        Ok(TrainState { identity: self.identity.clone(), ..Default::default() })
    }

    fn holds_best(&self, state: &TrainState) -> bool {
        state.best().is_some_and(|best| Contents::of_folder(&self.of_epoch(best), FORMAT).is_ok())
    }

    /// Keeps what Burn has left in its working folder, then drops what is needed no longer:
    /// the last two epochs and the best one stay.
    pub(crate) fn keep(&self, state: &TrainState) -> Result<(), StoreError> {
        let epoch = state.epochs.len();
        let working = self.workplace();
        let moved = |name, file: &str| {
            let from = working.join(file);
            Entry::file(name, "bpk", from)
        };
        let [model, optimizer] = WORKING;
        let entries = vec![
            Entry::json("state", state)?,
            moved("model", model),
            moved("optimizer", optimizer),
        ];
        replace(&self.of_epoch(epoch), FORMAT, entries)?;
        let needed = |old: usize| [epoch, epoch - 1].contains(&old) || Some(old) == state.best();
        self.epochs()?.into_iter().filter(|old| !needed(*old)).try_for_each(|old| {
            let folder = self.of_epoch(old);
            std::fs::remove_dir_all(&folder).map_err(io(&folder))
        })
    }

    /// The network as it was after an epoch.
    pub(crate) fn model(&self, epoch: usize, fresh: Trainable) -> Result<Trainable, StoreError> {
        load_model(&Contents::of_folder(&self.of_epoch(epoch), FORMAT)?, fresh)
    }

    /// Network and optimiser as they were after an epoch.
    pub(crate) fn restore(
        &self,
        epoch: usize,
        (model, optimizer): (Trainable, ModuleOptimizer),
    ) -> Result<(Trainable, ModuleOptimizer), StoreError> {
        let folder = Contents::of_folder(&self.of_epoch(epoch), FORMAT)?;
        let bytes = Bytes::from_bytes_vec(folder.bytes("optimizer")?);
        let record = OptimizerRecord::from_bytes(bytes)
            .map_err(|error| wrong(&folder, "optimizer", &error))?;
        Ok((load_model(&folder, model)?, optimizer.load_record(record)))
    }

    /// The folder of the last good checkpoint, if there is any; then it is permanent.
    pub(crate) fn leave(self) -> Option<PathBuf> {
        let folders = self.epochs().ok()?.into_iter().map(|epoch| self.of_epoch(epoch));
        let newest =
            folders.into_iter().find(|folder| Contents::of_folder(folder, FORMAT).is_ok())?;
        if let Place::Temporary(folder) = self.place {
            let _path = folder.keep();
        }
        Some(newest)
    }

    /// Removes Burn's working folder, which holds nothing of use any more.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        self.working().map(drop)
    }
}

fn load_model(folder: &Contents, fresh: Trainable) -> Result<Trainable, StoreError> {
    // Whole, at once: a record of a file would come back for its tensors later, when a temporary
    // folder is gone.
    let bytes = Bytes::from_bytes_vec(folder.bytes("model")?);
    let record = ModuleRecord::from_bytes(bytes).map_err(|error| wrong(folder, "model", &error))?;
    Ok(fresh.load_record(record))
}

fn wrong(folder: &Contents, entry: &str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Weights { place: folder.place_of(entry), reason: error.to_string() }
}
