//! Checksummed folders and buffers for what ASTER keeps: detectors, checkpoints, streams.
//!
//! In a folder each entry is written under a temporary name, synced, and renamed to a name that
//! carries its checksum. `manifest.json`, renamed last, names the entries: until then the folder is
//! what it was before, and from then on what it has become, whatever happens while it is written.
//! A buffer is a tar archive of the same files.

mod buffer;
mod contents;
mod digest;
mod entry;
mod error;
mod folder;
mod json;
mod manifest;

pub use buffer::pack;
pub use contents::Contents;
pub use entry::Entry;
pub use error::{StoreError, io};
pub use folder::replace;
pub use manifest::Format;
// For other crates of this workspace.
#[doc(hidden)]
pub use digest::{digest, digest_of};
