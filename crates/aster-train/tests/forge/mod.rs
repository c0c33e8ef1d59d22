//! Folders as a stranger could make them.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Changes an entry of a folder and makes its checksum fit.
pub(crate) fn forge(folder: &Path, entry: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let checksum = &mut manifest["entries"][entry];
    let file = folder.join(checksum["file"].as_str().unwrap());
    let bytes = change(std::fs::read(&file).unwrap());
    checksum["bytes"] = bytes.len().into();
    checksum["sha256"] = format!("{:x}", Sha256::digest(&bytes)).into();
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(&path, manifest.to_string()).unwrap();
}
