//! A detector as a folder: `detector.json` (format, config, scaler, calibration,
//! threshold, run record) and `weights.safetensors`.

use std::path::Path;

use aster_data::Scaler;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::{AsterConfig, Detector, RunRecord, TrainError};

/// Version of the folder's format, raised when older code cannot read it.
pub const FORMAT_VERSION: u32 = 3;

const FORMAT: &str = "aster-detector";
const DESCRIPTION: &str = "detector.json";
const WEIGHTS: &str = "weights.safetensors";

/// Read first, alone, so that another format is recognised as such.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Description {
    format: String,
    version: u32,
    config: AsterConfig,
    scaler: Scaler,
    calibration: Calibration,
    threshold: f32,
    record: RunRecord,
}

impl Detector {
    /// Writes the detector into a folder, which is created where needed; files of
    /// an earlier save are replaced. The folder holds all weights, those of the
    /// language model too, and refers to nothing outside it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TrainError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder)
            .map_err(|source| TrainError::Io { path: folder.into(), source })?;
        let mut config = self.config().clone();
        config.context = config.context.resolved()?;
        let description = Description {
            format: FORMAT.into(),
            version: FORMAT_VERSION,
            config,
            scaler: self.scaler.clone(),
            calibration: self.calibration.clone(),
            threshold: self.threshold,
            record: self.record.clone(),
        };
        let path = folder.join(WEIGHTS);
        let mut store = SafetensorsStore::from_file(&path).overwrite(true);
        self.model
            .save_into(&mut store)
            .map_err(|error| TrainError::Weights { path, reason: error.to_string() })?;
        let path = folder.join(DESCRIPTION);
        serde_json::to_vec_pretty(&description)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&path, text))
            .map_err(|source| TrainError::Io { path, source })
    }

    /// Reads a detector that [`Detector::save`] wrote. On the same kind of device
    /// it scores as the saved one did; on flex, bit for bit.
    ///
    /// # Errors
    /// A file that is missing or damaged, a folder that holds something else, a
    /// newer format version, weights that do not fit the config.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TrainError> {
        let folder = folder.as_ref();
        let path = folder.join(DESCRIPTION);
        let foreign = |reason: String| TrainError::Foreign { path: path.clone(), reason };
        let text =
            std::fs::read(&path).map_err(|source| TrainError::Io { path: path.clone(), source })?;
        let header: Header =
            serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
        if header.format != FORMAT {
            return Err(foreign(format!("expected format {FORMAT:?}, got {:?}", header.format)));
        }
        if header.version > FORMAT_VERSION {
            let (found, supported) = (header.version, FORMAT_VERSION);
            return Err(TrainError::NewerFormat { path, found, supported });
        }
        let description: Description =
            serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
        let Description { config, scaler, calibration, threshold, record, .. } = description;
        if !calibration.suits(&config.score, scaler.channels().len()) {
            return Err(foreign("the calibration is of other evidence than the config's".into()));
        }
        let mut model = config.init(scaler.channels().len(), device)?;
        load_weights(&mut model, &folder.join(WEIGHTS))?;
        Ok(Self { scaler, model, calibration, threshold, record, device: device.clone() })
    }
}

fn load_weights(model: &mut crate::Aster, path: &Path) -> Result<(), TrainError> {
    let wrong = |reason: String| TrainError::Weights { path: path.into(), reason };
    let mut store = SafetensorsStore::from_file(path).allow_partial(true).validate(false);
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
