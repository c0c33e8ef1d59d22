use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{StoreError, io};

const MANIFEST: &str = "manifest.json";

/// No more bytes are read of a manifest.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// Kind and version of what a folder holds.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Name of the kind.
    pub name: &'static str,
    /// Version, raised when older code cannot read it.
    pub version: u32,
}

type Write<'a> = Box<dyn FnOnce(&Path) -> Result<(), StoreError> + 'a>;

/// A file that is to be written into a folder.
pub struct Entry<'a> {
    name: &'static str,
    extension: &'static str,
    write: Write<'a>,
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({}.{})", self.name, self.extension)
    }
}

impl<'a> Entry<'a> {
    /// Creates an entry whose file `write` writes at the path that it is given.
    pub fn new(
        name: &'static str,
        extension: &'static str,
        write: impl FnOnce(&Path) -> Result<(), StoreError> + 'a,
    ) -> Self {
        Self { name, extension, write: Box::new(write) }
    }

    /// Creates an entry that holds a value as JSON.
    pub fn json(name: &'static str, value: &'a impl Serialize) -> Self {
        let write = move |path: &Path| {
            let text = serde_json::to_vec(value).map_err(std::io::Error::from);
            text.and_then(|text| std::fs::write(path, text)).map_err(io(path))
        };
        Self::new(name, "json", write)
    }
}

/// Read first, alone, so that another format is recognised as such.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    entries: BTreeMap<String, Checksum>,
}

/// A file, and what it held when it was written.
#[derive(Debug, Serialize, Deserialize)]
struct Checksum {
    file: String,
    bytes: u64,
    sha256: String,
}

/// A folder whose files have been found to be what they were when they were written.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    manifest: Manifest,
}

/// Replaces what a folder holds, in one moment. The folder is created where needed.
///
/// # Errors
/// A file that cannot be written; then the folder holds what it held before.
pub fn replace(folder: &Path, format: Format, entries: Vec<Entry>) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let mut checksums = BTreeMap::new();
    for Entry { name, extension, write } in entries {
        let partial = folder.join(format!("{name}.partial"));
        write(&partial)?;
        File::open(&partial).and_then(|file| file.sync_all()).map_err(io(&partial))?;
        let (bytes, sha256) = digest(&partial).map_err(io(&partial))?;
        let file = format!("{name}-{}.{extension}", &sha256[..16]);
        let path = folder.join(&file);
        std::fs::rename(&partial, &path).map_err(io(&path))?;
        checksums.insert(name.to_string(), Checksum { file, bytes, sha256 });
    }
    let manifest =
        Manifest { format: format.name.into(), version: format.version, entries: checksums };
    replace_json(&folder.join(MANIFEST), &manifest)?;
    remove_strays(folder, &manifest);
    Ok(())
}

/// Replaces a file by a value as JSON; at any moment it holds all of the old or of the new one.
fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
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

/// Removes entries of earlier contents and of interrupted writes, and nothing else. They do no
/// harm, so that one that stays is no error.
fn remove_strays(folder: &Path, manifest: &Manifest) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_entry = manifest.entries.iter().any(|(entry_name, checksum)| {
            let hash =
                name.strip_prefix(entry_name.as_str()).and_then(|rest| rest.strip_prefix('-'));
            let hash = hash.and_then(|rest| rest.get(..16));
            let hashed = hash.is_some_and(|h| h.bytes().all(|byte| byte.is_ascii_hexdigit()));
            hashed && name != checksum.file
        });
        if of_entry && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%error, file = %entry.path().display(), "an old file stays");
        }
    }
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let bytes = std::io::copy(&mut File::open(path)?, &mut digest)?;
    Ok((bytes, format!("{:x}", digest.finalize())))
}

impl Folder {
    /// Reads and checks a folder.
    ///
    /// # Errors
    /// A file that is missing, is not what it was when it was written, or lies outside the
    /// folder; another or a newer format.
    pub fn open(folder: &Path, format: Format) -> Result<Self, StoreError> {
        let path = folder.join(MANIFEST);
        let mut text = vec![];
        File::open(&path)
            .and_then(|file| file.take(MANIFEST_LIMIT).read_to_end(&mut text))
            .map_err(io(&path))?;
        let header: Header = parse(&path, &text)?;
        if header.format != format.name {
            let reason = format!("expected format {:?}, got {:?}", format.name, header.format);
            return Err(StoreError::InvalidFormat { path, reason });
        }
        if header.version > format.version {
            let (found, supported) = (header.version, format.version);
            return Err(StoreError::NewerFormat { path, found, supported });
        }
        let folder = Self { path: folder.into(), manifest: parse(&path, &text)? };
        folder.manifest.entries.values().try_for_each(|checksum| folder.check(checksum))?;
        Ok(folder)
    }

    fn check(&self, checksum: &Checksum) -> Result<(), StoreError> {
        let path = self.path.join(&checksum.file);
        let mut entries = Path::new(&checksum.file).components();
        if !matches!((entries.next(), entries.next()), (Some(Component::Normal(_)), None)) {
            let reason = format!("expected the name of a file beside it, got {:?}", checksum.file);
            return Err(StoreError::InvalidFormat { path: self.path.join(MANIFEST), reason });
        }
        let (bytes, sha256) = digest(&path).map_err(io(&path))?;
        if (bytes, sha256.as_str()) == (checksum.bytes, checksum.sha256.as_str()) {
            return Ok(());
        }
        let expected = format!("{} bytes with SHA-256 {}", checksum.bytes, checksum.sha256);
        Err(StoreError::Damaged { path, expected, got: format!("{bytes} with {sha256}") })
    }

    /// Path of an entry's file.
    ///
    /// # Errors
    /// A folder without such an entry.
    pub fn path(&self, entry: &str) -> Result<PathBuf, StoreError> {
        let checksum =
            self.manifest.entries.get(entry).ok_or_else(|| StoreError::InvalidFormat {
                path: self.path.join(MANIFEST),
                reason: format!("it names no {entry}"),
            })?;
        Ok(self.path.join(&checksum.file))
    }

    /// Describes an entry that can be read and is not what it should be.
    pub fn invalid(&self, entry: &str, expected: &str, got: &str) -> StoreError {
        let reason = format!("expected {expected}, got {got}");
        self.path(entry)
            .map_or_else(|error| error, |path| StoreError::InvalidFormat { path, reason })
    }

    /// Reads an entry that was written as JSON.
    ///
    /// # Errors
    /// A folder without such an entry, or one that holds something else.
    pub fn json<T: DeserializeOwned>(&self, entry: &str) -> Result<T, StoreError> {
        let path = self.path(entry)?;
        parse(&path, &std::fs::read(&path).map_err(io(&path))?)
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(text)
        .map_err(|error| StoreError::InvalidFormat { path: path.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 2 };

    fn write(folder: &Path, text: &str) {
        replace(folder, FORMAT, vec![Entry::json("text", &text), Entry::json("more", &[1, 2])])
            .unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_written_is_read_and_replaced_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("text-of-the-user.txt"), "mine").unwrap();
        write(folder.path(), "first");
        let before = names(folder.path());
        write(folder.path(), "second");
        let read = Folder::open(folder.path(), FORMAT).unwrap();
        assert_eq!(read.json::<String>("text").unwrap(), "second");
        let after = names(folder.path());
        assert_eq!(after.len(), 4);
        assert_eq!(before.iter().filter(|name| after.contains(name)).count(), 3);
        assert!(matches!(read.path("other"), Err(StoreError::InvalidFormat { .. })));
    }

    #[test]
    fn an_interrupted_write_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "first");
        let full = |path: &Path| Err(io(path)(std::io::ErrorKind::StorageFull.into()));
        let failing = Entry::new("more", "json", full);
        let entries = vec![Entry::json("text", &"second"), failing];
        assert!(matches!(replace(folder.path(), FORMAT, entries), Err(StoreError::Io { .. })));
        let read = Folder::open(folder.path(), FORMAT).unwrap();
        assert_eq!(read.json::<String>("text").unwrap(), "first");
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
                // A flip in the manifest's version or in the name of an entry may pass.
                if let Ok(folder) = Folder::open(folder.path(), FORMAT) {
                    let text = folder.json::<String>("text");
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
            let error = Folder::open(&folder, FORMAT).err().unwrap();
            assert!(matches!(error, StoreError::InvalidFormat { .. }), "{elsewhere}: {error}");
        }
    }
}
