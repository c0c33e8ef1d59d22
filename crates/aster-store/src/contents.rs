use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::error::{StoreError, io};
use crate::json;
use crate::manifest::{MANIFEST, Manifest};

/// What a folder or a buffer holds, found to be what it was when it was written.
#[derive(Debug)]
pub struct Contents {
    manifest: Manifest,
    place: Place,
}

#[derive(Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    /// The files of a buffer by their names.
    Buffer(BTreeMap<String, Vec<u8>>),
}

impl Contents {
    pub(crate) fn new(manifest: Manifest, place: Place) -> Self {
        Self { manifest, place }
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// No such entry, a file that cannot be read.
    pub fn bytes(&self, entry: &str) -> Result<Vec<u8>, StoreError> {
        let file = self.manifest.entries.get(entry).map(|checksum| &checksum.file);
        let missing = || StoreError::InvalidFormat {
            place: self.place(MANIFEST),
            reason: format!("it names no {entry}"),
        };
        let file = file.ok_or_else(missing)?;
        match &self.place {
            Place::Folder(folder) => {
                let path = folder.join(file);
                std::fs::read(&path).map_err(io(&path))
            }
            Place::Buffer(files) => files.get(file).cloned().ok_or_else(missing),
        }
    }

    /// Reads an entry that was written as JSON.
    ///
    /// # Errors
    /// No such entry, or one that holds something else.
    pub fn json<T: DeserializeOwned>(&self, entry: &str) -> Result<T, StoreError> {
        json::parse(&self.place_of(entry), &self.bytes(entry)?)
    }

    /// Describes an entry that can be read and is not what it should be.
    pub fn invalid(&self, entry: &str, expected: &str, got: &str) -> StoreError {
        let reason = format!("expected {expected}, got {got}");
        StoreError::InvalidFormat { place: self.place_of(entry), reason }
    }

    /// Says where an entry lies.
    pub fn place_of(&self, entry: &str) -> String {
        self.place(self.manifest.entries.get(entry).map_or(entry, |checksum| &checksum.file))
    }

    fn place(&self, file: &str) -> String {
        match &self.place {
            Place::Folder(folder) => folder.join(file).display().to_string(),
            Place::Buffer(_) => in_buffer(file),
        }
    }
}

pub(crate) fn in_buffer(file: &str) -> String {
    format!("{file} in the buffer")
}
