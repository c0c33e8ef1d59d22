use std::path::Path;

use crate::error::DataError;

/// Refuses what is a file of another kind, by how it begins.
pub(crate) fn refuse(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    const UNPACK: &str = "unpack it first";
    const EXPORT: &str = "export it as CSV first";
    const KINDS: [(&[u8], &str, &str); 14] = [
        (b"\x1f\x8b", "compressed with gzip", UNPACK),
        (b"BZh91AY", "compressed with bzip2", UNPACK),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
        (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
        (b"PK\x03\x04", "a spreadsheet or a ZIP archive", "export it as CSV, or unpack it, first"),
        (b"\xd0\xcf\x11\xe0", "a spreadsheet", EXPORT),
        (b"PAR1\x15", "Parquet", "Loaded::from_parquet reads it"),
        (b"ARROW1\0\0", "Arrow", "Loaded::from_record_batch reads its batches"),
        (b"\x89HDF", "HDF5", EXPORT),
        (b"SQLite format 3", "a database of SQLite", EXPORT),
        (b"<!doctype", "HTML, a page in place of a file maybe", EXPORT),
        (b"<html", "HTML, a page in place of a file maybe", EXPORT),
        (b"<?xml", "XML", EXPORT),
        (b"{\"", "JSON", EXPORT),
    ];
    let begins =
        |with: &[u8]| bytes.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    match KINDS.iter().find(|(with, ..)| begins(with)) {
        Some((_, found, hint)) => Err(DataError::NotCsv { path: path.into(), found, hint }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named() {
        let refused = |bytes: &[u8]| refuse(Path::new("x.csv"), bytes).map_err(|it| it.to_string());
        for (bytes, found) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"PK\x03\x04\x14", "spreadsheet"),
            (b"PAR1\x15\x04", "Parquet"),
            (b"<!DOCTYPE html>", "HTML"),
            (b"{\"time\": 1}", "JSON"),
        ] {
            let message = refused(bytes).unwrap_err();
            assert!(
                message.contains("x.csv is no CSV file but") && message.contains(found),
                "{message}"
            );
        }
        for text in ["PAR1,PAR2\n1,2\n", "time,a\n", "BZh,b\n", ""] {
            assert_eq!(refused(text.as_bytes()), Ok(()), "{text}");
        }
    }
}
