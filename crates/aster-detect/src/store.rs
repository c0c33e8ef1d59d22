//! A detector as a folder or a buffer: `manifest.json` with checksums, a description (config,
//! scaler, calibration, threshold, run record), the scores of training, the memory bank and the
//! weights as safetensors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aster_data::{Clock, Preparation, Scaler};
use aster_llm::{ContextConfig, LlmSource};
use aster_store::{Contents, Entry, Format, pack, replace};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::components::CustomComponents;
use crate::config::AsterConfig;
use crate::detector::Detector;
use crate::error::DetectError;
use crate::numbers::{from_bytes, to_bytes};
use crate::record::RunRecord;
use crate::score::{Calibration, MemoryBank, Reading, ReferenceDistributions};
use crate::trained::TrainedModel;
use crate::weights;

/// Version of the format of a detector, raised when older code cannot read it.
pub const FORMAT_VERSION: u32 = 16;

const FORMAT: Format = Format { name: "aster-detector", version: FORMAT_VERSION };
const DESCRIPTION: &str = "detector";
/// Little-endian `f32`, one per row of the training series.
const SCORES: &str = "train_scores";
const WEIGHTS: &str = "weights";
/// Little-endian `f32`, of subsequences `[n, R, C]`.
const BANK: &str = "memory_bank";

#[derive(Serialize, Deserialize)]
struct Description {
    config: AsterConfig,
    preparation: Preparation,
    scaler: Scaler,
    clock: Clock,
    rows_per_day: Option<f64>,
    /// Rows R of the memory bank's subsequences, if there is one.
    bank_rows: Option<usize>,
    /// First of the calibration rows.
    calibrated: usize,
    calibration: Calibration,
    reference: ReferenceDistributions,
    threshold: f32,
    fingerprint: String,
    record: RunRecord,
    /// Names of the custom components.
    components: BTreeMap<String, String>,
}

impl Detector {
    /// Writes the detector into a folder, which is created where needed. The folder holds all
    /// weights, those of the language model too, and refers to nothing outside it. A detector
    /// that it held before is replaced in one moment: whatever happens meanwhile, the folder
    /// holds the one or the other. Files have the modes that the umask gives.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), DetectError> {
        Ok(replace(folder.as_ref(), FORMAT, self.entries()?)?)
    }

    /// Packs the detector into one buffer, for an object store, a column of a database or
    /// `include_bytes!`: a tar archive of the files that [`Detector::save`] writes, with their
    /// checksums.
    ///
    /// # Errors
    /// Weights that the device does not give.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DetectError> {
        Ok(pack(FORMAT, self.entries()?)?)
    }

    fn entries(&self) -> Result<Vec<Entry>, DetectError> {
        let mut config = self.config().clone();
        config.model.context = config.model.context.resolved()?;
        let description = Description {
            config,
            preparation: self.trained.preparation.clone(),
            scaler: self.trained.scaler.clone(),
            clock: self.clock().clone(),
            rows_per_day: self.trained.rows_per_day,
            bank_rows: self.bank.as_ref().map(|bank| bank.rows()),
            calibrated: self.calibrated,
            calibration: (*self.calibration).clone(),
            reference: (*self.reference).clone(),
            threshold: self.threshold,
            fingerprint: self.fingerprint.to_string(),
            record: self.record().clone(),
            components: self.trained.components.names(),
        };
        let mut entries = vec![
            Entry::json(DESCRIPTION, &description)?,
            Entry::bytes(SCORES, "f32", to_bytes(&self.train_scores)),
            Entry::bytes(WEIGHTS, "safetensors", weights::to_bytes(self.model())?),
        ];
        entries
            .extend(self.bank.as_ref().map(|it| Entry::bytes(BANK, "f32", to_bytes(&it.values()))));
        Ok(entries)
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
        Self::read(&Contents::of_folder(folder.as_ref(), FORMAT)?, device, components)
    }

    /// Reads a detector that [`Detector::to_bytes`] packed.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, DetectError> {
        Self::from_bytes_with(bytes, device, &CustomComponents::default())
    }

    /// Reads a packed detector with custom components, which are not in the buffer.
    ///
    /// # Errors
    /// As [`Detector::load_with`].
    pub fn from_bytes_with(
        bytes: &[u8],
        device: &Device,
        components: &CustomComponents,
    ) -> Result<Self, DetectError> {
        Self::read(&Contents::of_buffer(bytes, FORMAT)?, device, components)
    }

    fn read(
        contents: &Contents,
        device: &Device,
        components: &CustomComponents,
    ) -> Result<Self, DetectError> {
        let description: Description = contents.json(DESCRIPTION)?;
        let (expected, got) = (&description.components, components.names());
        if got != *expected {
            let (place, expected) = (contents.place_of(DESCRIPTION), listed(expected));
            return Err(DetectError::OtherComponents { place, expected, got: listed(&got) });
        }
        let together = "parts that belong together";
        description.validate().map_err(|got| contents.invalid(DESCRIPTION, together, got))?;
        let Description { config, preparation, scaler, clock, calibration, reference, .. } =
            description;
        let (threshold, fingerprint) = (description.threshold, description.fingerprint);
        let (rows_per_day, calibrated) = (description.rows_per_day, description.calibrated);
        config.check()?;
        components.check(&config.score)?;
        let scores: Arc<[f32]> = numbers(contents, SCORES)?.into();
        if calibrated >= scores.len() {
            let (expected, got) = ("scores of calibration rows", "none");
            return Err(contents.invalid(SCORES, expected, got).into());
        }
        let bank = match description.bank_rows {
            Some(rows) => {
                let values = numbers(contents, BANK)?;
                let expected = "whole subsequences, of a window's rows at least";
                let (window, channels) = (config.model.window, scaler.channels().len());
                let bank = MemoryBank::of(&values, rows, window, channels);
                Some(bank.ok_or_else(|| contents.invalid(BANK, expected, "something else"))?)
            }
            None => None,
        };
        let windows = config.windows()?;
        let mut model = config.model.init(components.network(), scaler.channels().len(), device)?;
        weights::read(&mut model, contents.bytes(WEIGHTS)?, &contents.place_of(WEIGHTS))?;
        let (components, device) = (components.clone(), device.clone());
        let record = description.record;
        let trained = TrainedModel {
            config,
            components,
            preparation,
            scaler,
            clock,
            rows_per_day,
            model,
            record,
            device,
        };
        Ok(Self {
            windows,
            bank: bank.map(Arc::new),
            calibration: calibration.into(),
            reference: reference.into(),
            rate: trained.normal_scores(&scores, calibrated).rate()?.into(),
            train_scores: scores,
            calibrated,
            threshold,
            fingerprint: fingerprint.into(),
            trained,
        })
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
        if self.config.calendar_channels() >= channels {
            return Err("a scaler of no channel beside the calendar features");
        }
        self.preparation.validate(self.scaler.channels())?;
        self.calibration.validate(&self.config.score, self.config.model.window, channels)?;
        self.reference.validate(channels)?;
        let ContextConfig { llm, adapter, cache, .. } = &self.config.model.context;
        let within = matches!(llm, LlmSource::None | LlmSource::Random(_));
        let (score, window) = (&self.config.score, self.config.model.window);
        let reads = !Reading::of_bank(score).is_empty();
        let fits = |rows| (window..=score.most_read_rows(window)).contains(&rows);
        match () {
            () if self.bank_rows.is_some() != reads || !self.bank_rows.is_none_or(fits) => {
                Err("a memory bank of other rows than the score reads")
            }
            () if !self.threshold.is_finite() => Err("a threshold that is not finite"),
            () if self.rows_per_day.is_some_and(|rows| !(rows > 0.0 && rows.is_finite())) => {
                Err("a day without rows, or with too many")
            }
            () if !within || adapter.is_some() || cache.is_some() => {
                Err("a language model that lies outside the folder")
            }
            () => Ok(()),
        }
    }
}

fn numbers(contents: &Contents, entry: &str) -> Result<Vec<f32>, DetectError> {
    let (expected, got) = ("finite numbers of 4 bytes each", "something else");
    let numbers = from_bytes(&contents.bytes(entry)?);
    Ok(numbers.ok_or_else(|| contents.invalid(entry, expected, got))?)
}

fn listed(components: &BTreeMap<String, String>) -> String {
    let named = components.iter().map(|(component, name)| format!("the {component} {name:?}"));
    let named: Vec<_> = named.collect();
    if named.is_empty() { "no custom components".into() } else { named.join(", ") }
}
