use std::path::{Path, PathBuf};

/// The errors of writing and reading a checksummed folder or buffer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file holds something else than what is looked for there.
    #[error("{place} is of another kind: {reason}")]
    InvalidFormat {
        /// The file, or where in a buffer.
        place: String,
        /// Fault of the file, in words.
        reason: String,
    },
    /// A file is not what it was when it was written.
    #[error("{place} is damaged: expected {expected}, got {got}")]
    Damaged {
        /// The file, or where in a buffer.
        place: String,
        /// Length and checksum when the file was written.
        expected: String,
        /// Length and checksum now.
        got: String,
    },
    /// It was written by a newer version.
    #[error("{place} has format version {found}: expected at most {supported}")]
    NewerFormat {
        /// The file, or where in a buffer.
        place: String,
        /// Version found.
        found: u32,
        /// Newest version that can be read.
        supported: u32,
    },
    /// The weights do not belong to the config beside them, or are damaged.
    #[error("{place} does not hold the model's weights: {reason}")]
    Weights {
        /// The file, or where in a buffer.
        place: String,
        /// Fault of the file, in words.
        reason: String,
    },
}

/// Adds the path to an error of the file system.
pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| StoreError::Io { path, source }
}
