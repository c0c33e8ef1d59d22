use std::fs::File;
#[cfg(feature = "csv")]
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

#[cfg(feature = "csv")]
use rayon::prelude::*;

use crate::error::DataError;

/// Opens a file that is there and not empty.
pub(crate) fn open(path: &Path) -> Result<File, DataError> {
    if !path.is_file() {
        return Err(DataError::MissingFile { path: path.into() });
    }
    let io = |source| DataError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(DataError::Empty { what: path.display().to_string() });
    }
    Ok(file)
}

/// Reads a whole file, on all threads: most of the time goes into the pages that it is copied to.
#[cfg(feature = "csv")]
pub(crate) fn read_all(path: &Path) -> Result<Vec<u8>, DataError> {
    const PART: usize = 1 << 24;
    let io = |source| DataError::Io { path: path.into(), source };
    let mut file = open(path)?;
    let size = file.metadata().map_err(io)?.len();
    let length = usize::try_from(size).map_err(|error| io(std::io::Error::other(error)))?;
    let mut bytes = vec![0; length];
    bytes
        .par_chunks_mut(PART)
        .enumerate()
        .try_for_each(|(number, part)| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start((number * PART) as u64))?;
            file.read_exact(part)
        })
        .map_err(io)?;
    // What was written meanwhile is part of it.
    file.seek(SeekFrom::Start(size)).map_err(io)?;
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}
