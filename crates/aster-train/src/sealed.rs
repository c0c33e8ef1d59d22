//! Folders whose files are all whole or not there, whatever happens while they are written.
//!
//! Each part is written under a temporary name, synced, and renamed to a name that carries its
//! checksum. `manifest.json`, renamed last, names the parts: until then the folder is what it
//! was before, and from then on what it has become.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::error::io;

const MANIFEST: &str = "manifest.json";

/// No more bytes are read of a manifest.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// Of what kind a folder is, and of which version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
}

/// Writes a file at a path.
pub(crate) type Write<'a> = Box<dyn FnOnce(&Path) -> Result<(), TrainError> + 'a>;

/// A file to be written.
pub(crate) struct Part<'a> {
    pub(crate) name: &'static str,
    pub(crate) extension: &'static str,
    pub(crate) write: Write<'a>,
}

impl<'a> Part<'a> {
    /// A value as JSON.
    pub(crate) fn json(name: &'static str, value: &'a impl Serialize) -> Self {
        let write = move |path: &Path| {
            let text = serde_json::to_vec(value).map_err(std::io::Error::from);
            text.and_then(|text| std::fs::write(path, text)).map_err(io(path))
        };
        Self { name, extension: "json", write: Box::new(write) }
    }
}

/// Read first, alone, so that another format is recognised as such.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    parts: BTreeMap<String, Seal>,
}

/// A file, and what it held when it was written.
#[derive(Serialize, Deserialize)]
struct Seal {
    file: String,
    bytes: u64,
    sha256: String,
}

/// A folder whose files have been found to be what they were when they were written.
pub(crate) struct Sealed {
    folder: PathBuf,
    manifest: Manifest,
}

/// Replaces what a folder holds. It is created where needed.
pub(crate) fn seal(folder: &Path, format: Format, parts: Vec<Part>) -> Result<(), TrainError> {
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let mut sealed = BTreeMap::new();
    for Part { name, extension, write } in parts {
        let partial = folder.join(format!("{name}.partial"));
        write(&partial)?;
        File::open(&partial).and_then(|file| file.sync_all()).map_err(io(&partial))?;
        let (bytes, sha256) = digest(&partial).map_err(io(&partial))?;
        let file = format!("{name}-{}.{extension}", &sha256[..16]);
        let path = folder.join(&file);
        std::fs::rename(&partial, &path).map_err(io(&path))?;
        sealed.insert(name.to_string(), Seal { file, bytes, sha256 });
    }
    let manifest = Manifest { format: format.name.into(), version: format.version, parts: sealed };
    replace_json(&folder.join(MANIFEST), &manifest)?;
    remove_strays(folder, &manifest);
    Ok(())
}

/// Replaces a file by a value as JSON; at any moment it holds all of the old or of the new one.
fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let partial = path.with_extension("partial");
    let write = || {
        std::fs::write(&partial, serde_json::to_vec(value)?)?;
        File::open(&partial)?.sync_all()?;
        std::fs::rename(&partial, path)?;
        sync_folder(path)
    };
    write().map_err(io(path))
}

/// Makes the names in the folder of a file last. Only Unix lets a folder be opened for that.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) && folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Removes parts of earlier contents and of interrupted writes, and nothing else. They do no
/// harm, so that one that stays is no error.
fn remove_strays(folder: &Path, manifest: &Manifest) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_part = manifest.parts.iter().any(|(part, seal)| {
            let hash = name.strip_prefix(part.as_str()).and_then(|rest| rest.strip_prefix('-'));
            let hash = hash.and_then(|rest| rest.get(..16));
            let hashed = hash.is_some_and(|h| h.bytes().all(|byte| byte.is_ascii_hexdigit()));
            hashed && name != seal.file
        });
        if of_part && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%error, file = %entry.path().display(), "an old file stays");
        }
    }
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let bytes = std::io::copy(&mut File::open(path)?, &mut digest)?;
    Ok((bytes, format!("{:x}", digest.finalize())))
}

impl Sealed {
    /// Reads and checks a folder.
    ///
    /// # Errors
    /// A file that is missing, is not what it was when it was written, or lies outside the
    /// folder; another or a newer format.
    pub(crate) fn open(folder: &Path, format: Format) -> Result<Self, TrainError> {
        let path = folder.join(MANIFEST);
        let mut text = vec![];
        File::open(&path)
            .and_then(|file| file.take(MANIFEST_LIMIT).read_to_end(&mut text))
            .map_err(io(&path))?;
        let header: Header = parse(&path, &text)?;
        if header.format != format.name {
            let reason = format!("expected format {:?}, got {:?}", format.name, header.format);
            return Err(TrainError::Foreign { path, reason });
        }
        if header.version > format.version {
            let (found, supported) = (header.version, format.version);
            return Err(TrainError::NewerFormat { path, found, supported });
        }
        let sealed = Self { folder: folder.into(), manifest: parse(&path, &text)? };
        sealed.manifest.parts.values().try_for_each(|seal| sealed.check(seal))?;
        Ok(sealed)
    }

    fn check(&self, seal: &Seal) -> Result<(), TrainError> {
        let path = self.folder.join(&seal.file);
        let mut parts = Path::new(&seal.file).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            let reason = format!("expected the name of a file beside it, got {:?}", seal.file);
            return Err(TrainError::Foreign { path: self.folder.join(MANIFEST), reason });
        }
        let (bytes, sha256) = digest(&path).map_err(io(&path))?;
        if (bytes, sha256.as_str()) == (seal.bytes, seal.sha256.as_str()) {
            return Ok(());
        }
        let expected = format!("{} bytes with SHA-256 {}", seal.bytes, seal.sha256);
        Err(TrainError::Damaged { path, expected, got: format!("{bytes} with {sha256}") })
    }

    /// The file of a part.
    pub(crate) fn path(&self, part: &str) -> Result<PathBuf, TrainError> {
        let seal = self.manifest.parts.get(part).ok_or_else(|| TrainError::Foreign {
            path: self.folder.join(MANIFEST),
            reason: format!("it names no {part}"),
        })?;
        Ok(self.folder.join(&seal.file))
    }

    /// The value of a part that was written as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, part: &str) -> Result<T, TrainError> {
        let path = self.path(part)?;
        parse(&path, &std::fs::read(&path).map_err(io(&path))?)
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, TrainError> {
    serde_json::from_slice(text)
        .map_err(|error| TrainError::Foreign { path: path.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 2 };

    fn write(folder: &Path, text: &str) {
        seal(folder, FORMAT, vec![Part::json("text", &text), Part::json("more", &[1, 2])]).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_sealed_is_read_and_replaced_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("text-of-the-user.txt"), "mine").unwrap();
        write(folder.path(), "first");
        let before = names(folder.path());
        write(folder.path(), "second");
        let sealed = Sealed::open(folder.path(), FORMAT).unwrap();
        assert_eq!(sealed.json::<String>("text").unwrap(), "second");
        let after = names(folder.path());
        assert_eq!(after.len(), 4);
        assert_eq!(before.iter().filter(|name| after.contains(name)).count(), 3);
        assert!(matches!(sealed.path("other"), Err(TrainError::Foreign { .. })));
    }

    #[test]
    fn an_interrupted_write_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "first");
        let full = |path: &Path| Err(io(path)(std::io::ErrorKind::StorageFull.into()));
        let failing = Part { name: "more", extension: "json", write: Box::new(full) };
        let parts = vec![Part::json("text", &"second"), failing];
        assert!(matches!(seal(folder.path(), FORMAT, parts), Err(TrainError::Io { .. })));
        let sealed = Sealed::open(folder.path(), FORMAT).unwrap();
        assert_eq!(sealed.json::<String>("text").unwrap(), "first");
        write(folder.path(), "third");
        assert_eq!(names(folder.path()).len(), 3, "what was interrupted is gone");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed_or_harmless() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "first");
        for name in names(folder.path()) {
            let path = folder.path().join(&name);
            let whole = std::fs::read(&path).unwrap();
            let flipped = (0..8 * whole.len()).map(|bit| {
                let mut bytes = whole.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            });
            let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
            for bytes in flipped.chain(cut) {
                std::fs::write(&path, bytes).unwrap();
                // A flip in the manifest's version or in the name of a part may pass.
                if let Ok(sealed) = Sealed::open(folder.path(), FORMAT) {
                    let text = sealed.json::<String>("text");
                    assert!(name == MANIFEST && text.is_err() || text.unwrap() == "first");
                }
            }
            std::fs::write(&path, &whole).unwrap();
        }
    }

    #[test]
    fn files_outside_the_folder_are_not_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("inner");
        write(&folder, "first");
        let manifest = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&manifest).unwrap();
        let file = names(&folder).into_iter().find(|name| name.starts_with("text")).unwrap();
        std::fs::rename(folder.join(&file), outer.path().join(&file)).unwrap();
        let absolute = outer.path().join(&file).display().to_string();
        for elsewhere in [format!("../{file}"), absolute, "..".into(), String::new()] {
            std::fs::write(&manifest, text.replace(&file, &elsewhere)).unwrap();
            let error = Sealed::open(&folder, FORMAT).err().unwrap();
            assert!(matches!(error, TrainError::Foreign { .. }), "{elsewhere}: {error}");
        }
    }
}
