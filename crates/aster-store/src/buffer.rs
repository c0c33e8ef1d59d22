use std::collections::BTreeMap;
use std::io::Read;

use crate::contents::{Contents, Place, in_buffer};
use crate::digest::digest;
use crate::entry::{Content, Entry};
use crate::error::{StoreError, io};
use crate::manifest::{Checksum, Format, MANIFEST, Manifest};

/// Packs entries into one buffer: a tar archive of the files that [`replace`](crate::replace)
/// would write, `manifest.json` first.
///
/// # Errors
/// An entry of a file that cannot be read.
pub fn pack(format: Format, entries: Vec<Entry>) -> Result<Vec<u8>, StoreError> {
    let mut files = vec![];
    let mut checksums = BTreeMap::new();
    for Entry { name, extension, content } in entries {
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::File(path) => std::fs::read(&path).map_err(io(&path))?,
        };
        let digest = digest(bytes.as_slice()).map_err(buffer)?;
        let checksum = Checksum::new(name, extension, digest);
        files.push((checksum.file.clone(), bytes));
        checksums.insert(name.to_string(), checksum);
    }
    let manifest = Manifest::new(format, checksums).to_json()?;
    let mut archive = tar::Builder::new(vec![]);
    for (name, bytes) in [(MANIFEST.to_string(), manifest)].into_iter().chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes.as_slice()).map_err(buffer)?;
    }
    archive.into_inner().map_err(buffer)
}

impl Contents {
    /// Reads and checks a buffer that [`pack`] made.
    ///
    /// # Errors
    /// No tar archive, a file that is missing or is not what it was when it was packed; another
    /// or a newer format.
    pub fn of_buffer(bytes: &[u8], format: Format) -> Result<Self, StoreError> {
        let mut files = BTreeMap::new();
        let invalid = |error: std::io::Error| StoreError::InvalidFormat {
            place: "the buffer".into(),
            reason: format!("expected a tar archive: {error}"),
        };
        for file in tar::Archive::new(bytes).entries().map_err(invalid)? {
            let mut file = file.map_err(invalid)?;
            let name = file.path().map_err(invalid)?.display().to_string();
            let mut content = vec![];
            file.read_to_end(&mut content).map_err(invalid)?;
            files.insert(name, content);
        }
        let find = |name: &str| {
            files.get(name).ok_or_else(|| StoreError::InvalidFormat {
                place: "the buffer".into(),
                reason: format!("it holds no {name}"),
            })
        };
        let manifest = Manifest::parse(find(MANIFEST)?, format, &in_buffer(MANIFEST))?;
        for checksum in manifest.entries.values() {
            let digest = digest(find(&checksum.file)?.as_slice()).map_err(buffer)?;
            checksum.check(digest, &in_buffer(&checksum.file))?;
        }
        Ok(Self::new(manifest, Place::Buffer(files)))
    }
}

fn buffer(source: std::io::Error) -> StoreError {
    StoreError::Io { path: "the buffer".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 2 };

    fn packed() -> Vec<u8> {
        let entries =
            vec![Entry::json("text", &"first").unwrap(), Entry::bytes("raw", "bin", vec![7; 600])];
        pack(FORMAT, entries).unwrap()
    }

    #[test]
    fn a_buffer_holds_what_a_folder_does() {
        let read = Contents::of_buffer(&packed(), FORMAT).unwrap();
        assert_eq!(read.json::<String>("text").unwrap(), "first");
        assert_eq!(read.bytes("raw").unwrap(), [7; 600]);
        let folder = tempfile::tempdir().unwrap();
        tar::Archive::new(packed().as_slice()).unpack(folder.path()).unwrap();
        let read = Contents::of_folder(folder.path(), FORMAT).unwrap();
        assert_eq!(read.bytes("raw").unwrap(), [7; 600]);
        assert_eq!(packed(), packed(), "the same entries make the same bytes");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed_or_harmless() {
        let whole = packed();
        let sound = |bytes: &[u8]| match Contents::of_buffer(bytes, FORMAT) {
            // A flip in the version, in the name of an entry or in what tar does not read.
            Ok(read) => {
                let (text, raw) = (read.json::<String>("text"), read.bytes("raw"));
                text.map_or(true, |text| text == "first") && raw.map_or(true, |raw| raw == [7; 600])
            }
            Err(_) => true,
        };
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(sound(&bytes), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(sound(&whole[..length]), "{length} bytes");
        }
        assert!(Contents::of_buffer(&whole[..700], FORMAT).is_err());
        assert!(Contents::of_buffer(b"", FORMAT).is_err());
        assert!(Contents::of_buffer(&whole, Format { name: "other", ..FORMAT }).is_err());
    }
}
