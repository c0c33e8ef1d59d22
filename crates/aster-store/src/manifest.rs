use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::json;

pub(crate) const MANIFEST: &str = "manifest.json";

/// No more bytes are read of a manifest.
const LIMIT: u64 = 1 << 20;

/// Hexadecimal digits of a checksum in the name of a file.
const DIGITS: usize = 16;

/// Kind and version of what is kept.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Name of the kind.
    pub name: &'static str,
    /// Version, raised when older code cannot read it.
    pub version: u32,
}

/// Read first, alone, so that another format is recognised as such.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// What is kept together, and what it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    pub(crate) entries: BTreeMap<String, Checksum>,
}

/// A file, and what it held when it was written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) file: String,
    bytes: u64,
    sha256: String,
}

impl Checksum {
    pub(crate) fn new(name: &str, extension: &str, (bytes, sha256): (u64, String)) -> Self {
        let file = format!("{name}-{}.{extension}", &sha256[..DIGITS]);
        Self { file, bytes, sha256 }
    }

    /// Checks what has been read of the file against what it was.
    pub(crate) fn check(&self, digest: (u64, String), place: &str) -> Result<(), StoreError> {
        if (digest.0, &digest.1) == (self.bytes, &self.sha256) {
            return Ok(());
        }
        let said = |bytes, sha256| format!("{bytes} bytes with SHA-256 {sha256}");
        let (expected, got) = (said(self.bytes, &self.sha256), said(digest.0, &digest.1));
        Err(StoreError::Damaged { place: place.into(), expected, got })
    }
}

impl Manifest {
    pub(crate) fn new(format: Format, entries: BTreeMap<String, Checksum>) -> Self {
        Self { format: format.name.into(), version: format.version, entries }
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        json::write("manifest", self)
    }

    pub(crate) fn read(from: impl Read) -> std::io::Result<Vec<u8>> {
        let mut text = vec![];
        from.take(LIMIT).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Parses a manifest of this format whose files all lie beside it.
    pub(crate) fn parse(text: &[u8], format: Format, place: &str) -> Result<Self, StoreError> {
        let invalid = |reason| Err(StoreError::InvalidFormat { place: place.into(), reason });
        let header: Header = json::parse(place, text)?;
        if header.format != format.name {
            return invalid(format!("expected format {:?}, got {:?}", format.name, header.format));
        }
        if header.version > format.version {
            let (found, supported) = (header.version, format.version);
            return Err(StoreError::NewerFormat { place: place.into(), found, supported });
        }
        let manifest: Self = json::parse(place, text)?;
        let beside = |file: &str| {
            let mut parts = Path::new(file).components();
            matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
        };
        match manifest.entries.values().find(|checksum| !beside(&checksum.file)) {
            Some(Checksum { file, .. }) => {
                invalid(format!("expected the name of a file beside it, got {file:?}"))
            }
            None => Ok(manifest),
        }
    }

    /// Whether a file is of an earlier content of one of the entries.
    pub(crate) fn replaces(&self, name: &str) -> bool {
        self.entries.iter().any(|(entry, checksum)| {
            let extension = checksum.file.rsplit_once('.').map_or("", |(_, extension)| extension);
            let hash = name.strip_prefix(entry.as_str()).and_then(|rest| rest.strip_prefix('-'));
            let hash = hash.and_then(|rest| rest.strip_suffix(extension)?.strip_suffix('.'));
            let of_entry = hash.is_some_and(|hash| {
                hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            of_entry && name != checksum.file
        })
    }
}
