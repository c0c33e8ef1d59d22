//! Atomically replaced, checksummed folders for what ASTER keeps: detectors, checkpoints, streams.
//!
//! Each entry is written under a temporary name, synced, and renamed to a name that carries its
//! checksum. `manifest.json`, renamed last, names the entries: until then the folder is what it
//! was before, and from then on what it has become, whatever happens while it is written.

mod error;
mod folder;

pub use error::{StoreError, io};
pub use folder::{Entry, Folder, Format, replace};
