use std::path::Path;

use aster_store::{Contents, Entry, Format, StoreError, pack, replace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::detector::Detector;
use crate::error::DetectError;

const STREAM: &str = "stream";

/// What belongs to a detector, and the fingerprint of that.
#[derive(Serialize, Deserialize)]
struct Saved<T> {
    detector: String,
    state: T,
}

/// Saves what belongs to a detector into a folder, without it.
pub(crate) fn save(
    folder: &Path,
    format: Format,
    detector: &Detector,
    state: &impl Serialize,
) -> Result<(), DetectError> {
    Ok(replace(folder, format, vec![entry(detector, state)?])?)
}

/// Packs what belongs to a detector into a buffer, without it.
pub(crate) fn to_bytes(
    format: Format,
    detector: &Detector,
    state: &impl Serialize,
) -> Result<Vec<u8>, DetectError> {
    Ok(pack(format, vec![entry(detector, state)?])?)
}

fn entry(detector: &Detector, state: &impl Serialize) -> Result<Entry, StoreError> {
    Entry::json(STREAM, &Saved { detector: detector.fingerprint().into(), state })
}

/// Reads what was saved for this detector, validated.
pub(crate) fn read<T: DeserializeOwned>(
    contents: &Contents,
    detector: &Detector,
    validate: impl FnOnce(&T) -> Result<(), &'static str>,
) -> Result<T, DetectError> {
    // First, since what is of another detector may not even parse.
    let Saved { detector: expected, .. } = contents.json::<Saved<serde::de::IgnoredAny>>(STREAM)?;
    if expected != detector.fingerprint() {
        let (place, got) = (contents.place_of(STREAM), detector.fingerprint().into());
        return Err(DetectError::OtherDetector { place, expected, got });
    }
    let Saved { state, .. } = contents.json::<Saved<T>>(STREAM)?;
    let sound = "a state of this detector";
    validate(&state).map_err(|got| contents.invalid(STREAM, sound, got))?;
    Ok(state)
}
