//! A detector as a folder: `manifest.json` with checksums, a description (config, scaler,
//! calibration, threshold, run record) and the weights as safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use aster_data::Scaler;
use aster_llm::{ContextConfig, LlmSource};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::reference::Reference;
use crate::sealed::{Format, Part, Sealed, seal};
use crate::{AsterConfig, Detector, Parts, RunRecord, TrainError};

/// Version of the folder's format, raised when older code cannot read it.
pub const FORMAT_VERSION: u32 = 4;

const FORMAT: Format = Format { name: "aster-detector", version: FORMAT_VERSION };
const DESCRIPTION: &str = "detector";
const WEIGHTS: &str = "weights";

#[derive(Serialize, Deserialize)]
struct Description {
    config: AsterConfig,
    scaler: Scaler,
    calibration: Calibration,
    reference: Reference,
    threshold: f32,
    record: RunRecord,
    /// Names of the parts that are the user's own.
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

impl Detector {
    /// Writes the detector into a folder, which is created where needed. The folder holds all
    /// weights, those of the language model too, and refers to nothing outside it. A detector
    /// that it held before is replaced in one moment: whatever happens meanwhile, the folder
    /// holds the one or the other.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TrainError> {
        let mut config = self.config().clone();
        config.context = config.context.resolved()?;
        let description = Description {
            config,
            scaler: self.scaler.clone(),
            calibration: self.calibration.clone(),
            reference: self.reference.clone(),
            threshold: self.threshold,
            record: self.record.clone(),
            parts: self.model.parts().names(),
        };
        let write = |path: &Path| {
            let mut store = SafetensorsStore::from_file(path).overwrite(true);
            self.model.save_into(&mut store).map_err(|error| TrainError::Weights {
                path: path.into(),
                reason: error.to_string(),
            })
        };
        let weights = Part { name: WEIGHTS, extension: "safetensors", write: Box::new(write) };
        seal(folder.as_ref(), FORMAT, vec![Part::json(DESCRIPTION, &description), weights])
    }

    /// Reads a detector that [`Detector::save`] wrote. On the same kind of device
    /// it scores as the saved one did; on flex, bit for bit.
    ///
    /// # Errors
    /// A file that is missing or damaged, a folder that holds something else, a
    /// newer format version, weights that do not fit the config.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TrainError> {
        Self::load_with(folder, device, &Parts::default())
    }

    /// The same of a detector with parts of the user's own, which are not in the folder.
    ///
    /// # Errors
    /// As [`Detector::load`]; parts of other names than it was trained with.
    pub fn load_with(
        folder: impl AsRef<Path>,
        device: &Device,
        parts: &Parts,
    ) -> Result<Self, TrainError> {
        let sealed = Sealed::open(folder.as_ref(), FORMAT)?;
        let description: Description = sealed.json(DESCRIPTION)?;
        let Description { config, scaler, calibration, reference, threshold, record, .. } =
            description;
        let (expected, got) = (description.parts, parts.names());
        if got != expected {
            let (expected, got) = (listed(&expected), listed(&got));
            return Err(TrainError::OtherParts { path: sealed.path(DESCRIPTION)?, expected, got });
        }
        let channels = scaler.channels().len();
        let suits = scaler.is_sound()
            && calibration.suits(&config.score, channels)
            && reference.suits(channels)
            && threshold.is_finite();
        if !suits {
            let reason = "scaler, calibration and config do not belong together".into();
            return Err(TrainError::Foreign { path: sealed.path(DESCRIPTION)?, reason });
        }
        let ContextConfig { llm, adapter, cache, .. } = &config.context;
        let within = matches!(llm, LlmSource::None | LlmSource::Random(_));
        if !within || adapter.is_some() || cache.is_some() {
            let reason = "its language model lies outside the folder".into();
            return Err(TrainError::Foreign { path: sealed.path(DESCRIPTION)?, reason });
        }
        let mut model = config.init_with(parts, channels, device)?;
        load_weights(&mut model, &sealed.path(WEIGHTS)?)?;
        let device = device.clone();
        Ok(Self { scaler, model, calibration, reference, threshold, record, device })
    }
}

fn listed(parts: &BTreeMap<String, String>) -> String {
    let named: Vec<_> = parts.iter().map(|(part, name)| format!("the {part} {name:?}")).collect();
    if named.is_empty() { "no parts of its own".into() } else { named.join(", ") }
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
