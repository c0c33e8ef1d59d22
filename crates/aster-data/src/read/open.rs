use std::fs::File;
use std::path::Path;

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
