use std::path::PathBuf;

use serde::Serialize;

use crate::error::StoreError;
use crate::json;

/// Named part of what is kept.
#[derive(Debug)]
pub struct Entry {
    pub(crate) name: &'static str,
    pub(crate) extension: &'static str,
    pub(crate) content: Content,
}

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// A file that is moved.
    File(PathBuf),
}

impl Entry {
    /// Creates an entry that holds bytes.
    pub fn bytes(name: &'static str, extension: &'static str, bytes: Vec<u8>) -> Self {
        Self { name, extension, content: Content::Bytes(bytes) }
    }

    /// Creates an entry of a file of the same file system, which moves.
    pub fn file(name: &'static str, extension: &'static str, path: PathBuf) -> Self {
        Self { name, extension, content: Content::File(path) }
    }

    /// Creates an entry that holds a value as JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn json(name: &'static str, value: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self::bytes(name, "json", json::write(name, value)?))
    }
}
