//! A detector as a folder: `manifest.json` with checksums, a description (config, scaler,
//! calibration, threshold, run record) and the weights as safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use aster_data::Scaler;
use aster_llm::{ContextConfig, LlmSource};
use aster_model::Aster;
use aster_store::{Entry, Folder, Format, StoreError, replace};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::components::CustomComponents;
use crate::config::AsterConfig;
use crate::detector::{Detector, TrainedModel};
use crate::error::DetectError;
use crate::record::RunRecord;
use crate::score::{Calibration, ReferenceDistributions};

/// Version of the format of a detector's folder, raised when older code cannot read it.
pub const FORMAT_VERSION: u32 = 5;

const FORMAT: Format = Format { name: "aster-detector", version: FORMAT_VERSION };
const DESCRIPTION: &str = "detector";
const WEIGHTS: &str = "weights";

#[derive(Serialize, Deserialize)]
struct Description {
    config: AsterConfig,
    scaler: Scaler,
    calibration: Calibration,
    reference: ReferenceDistributions,
    threshold: f32,
    record: RunRecord,
    /// Names of the custom components.
    components: BTreeMap<String, String>,
}

impl Detector {
    /// Writes the detector into a folder, which is created where needed. The folder holds all
    /// weights, those of the language model too, and refers to nothing outside it. A detector
    /// that it held before is replaced in one moment: whatever happens meanwhile, the folder
    /// holds the one or the other.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), DetectError> {
        let mut config = self.config().clone();
        config.model.context = config.model.context.resolved()?;
        let description = Description {
            config,
            scaler: self.trained.scaler.clone(),
            calibration: self.calibration.clone(),
            reference: self.reference.clone(),
            threshold: self.threshold,
            record: self.record().clone(),
            components: self.trained.components.names(),
        };
        let write = |path: &Path| {
            let mut store = SafetensorsStore::from_file(path).overwrite(true);
            self.model().save_into(&mut store).map_err(|error| StoreError::Weights {
                path: path.into(),
                reason: error.to_string(),
            })
        };
        let weights = Entry::new(WEIGHTS, "safetensors", write);
        let description = Entry::json(DESCRIPTION, &description);
        Ok(replace(folder.as_ref(), FORMAT, vec![description, weights])?)
    }

    /// Reads a detector that [`Detector::save`] wrote. On the same kind of device
    /// it scores as the saved one did; on flex, bit for bit.
    ///
    /// # Errors
    /// A file that is missing or damaged, a folder that holds something else, a
    /// newer format version, weights that do not fit the config.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self, DetectError> {
        Self::load_with(folder, device, &CustomComponents::default())
    }

    /// Reads a detector with custom components, which are not in the folder.
    ///
    /// # Errors
    /// As [`Detector::load`]; components of other names than it was trained with.
    pub fn load_with(
        folder: impl AsRef<Path>,
        device: &Device,
        components: &CustomComponents,
    ) -> Result<Self, DetectError> {
        let folder = Folder::open(folder.as_ref(), FORMAT)?;
        let description: Description = folder.json(DESCRIPTION)?;
        let (expected, got) = (&description.components, components.names());
        if got != *expected {
            let (path, expected, got) = (folder.path(DESCRIPTION)?, listed(expected), listed(&got));
            return Err(DetectError::OtherComponents { path, expected, got });
        }
        let together = "parts that belong together";
        description.validate().map_err(|got| folder.invalid(DESCRIPTION, together, got))?;
        let Description { config, scaler, calibration, reference, threshold, record, .. } =
            description;
        config.check()?;
        components.check(&config.score)?;
        let windows = config.windows()?;
        let mut model = config.model.init(components.network(), scaler.channels().len(), device)?;
        load_weights(&mut model, &folder.path(WEIGHTS)?)?;
        let (components, device) = (components.clone(), device.clone());
        let trained = TrainedModel { config, components, scaler, model, record, device };
        Ok(Self { trained, windows, calibration, reference, threshold })
    }
}

impl Description {
    /// Validates what was read: its parts belong together and refer to nothing outside.
    ///
    /// # Errors
    /// What does not fit, in words.
    fn validate(&self) -> Result<(), &'static str> {
        let channels = self.scaler.channels().len();
        self.scaler.validate()?;
        self.calibration.validate(&self.config.score, channels)?;
        self.reference.validate(channels)?;
        let ContextConfig { llm, adapter, cache, .. } = &self.config.model.context;
        let within = matches!(llm, LlmSource::None | LlmSource::Random(_));
        match () {
            () if !self.threshold.is_finite() => Err("a threshold that is not finite"),
            () if !within || adapter.is_some() || cache.is_some() => {
                Err("a language model that lies outside the folder")
            }
            () => Ok(()),
        }
    }
}

fn listed(components: &BTreeMap<String, String>) -> String {
    let named = components.iter().map(|(component, name)| format!("the {component} {name:?}"));
    let named: Vec<_> = named.collect();
    if named.is_empty() { "no custom components".into() } else { named.join(", ") }
}

fn load_weights(model: &mut Aster, path: &Path) -> Result<(), StoreError> {
    let wrong = |reason: String| StoreError::Weights { path: path.into(), reason };
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
