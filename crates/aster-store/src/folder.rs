use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::contents::{Contents, Place};
use crate::digest::digest;
use crate::entry::{Content, Entry};
use crate::error::{StoreError, io};
use crate::manifest::{Checksum, Format, MANIFEST, Manifest};

/// Replaces what a folder holds, in one moment. The folder is created where needed; files get the
/// modes that the umask gives.
///
/// # Errors
/// A file that cannot be written; then the folder holds what it held before.
pub fn replace(folder: &Path, format: Format, entries: Vec<Entry>) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let mut checksums = BTreeMap::new();
    for entry in entries {
        let partial = folder.join(format!("{}.partial", entry.name));
        write(&partial, &entry.content)?;
        let digest = File::open(&partial).and_then(digest).map_err(io(&partial))?;
        let checksum = Checksum::new(entry.name, entry.extension, digest);
        let path = folder.join(&checksum.file);
        std::fs::rename(&partial, &path).map_err(io(&path))?;
        checksums.insert(entry.name.to_string(), checksum);
    }
    let manifest = Manifest::new(format, checksums);
    let path = folder.join(MANIFEST);
    let partial = path.with_extension("partial");
    write(&partial, &Content::Bytes(manifest.to_json()?))?;
    std::fs::rename(&partial, &path).and_then(|()| sync_folder(folder)).map_err(io(&path))?;
    remove_strays(folder, &manifest);
    Ok(())
}

/// Writes a file and makes it last, through a handle that may write: Windows flushes no other.
fn write(path: &Path, content: &Content) -> Result<(), StoreError> {
    let file = match content {
        Content::Bytes(bytes) => {
            let create = || {
                let mut file = File::create(path)?;
                file.write_all(bytes).map(|()| file)
            };
            create()
        }
        Content::File(from) => {
            std::fs::rename(from, path).map_err(io(from))?;
            OpenOptions::new().write(true).open(path)
        }
    };
    file.and_then(|file| file.sync_all()).map_err(io(path))
}

/// Makes the names in a folder last. Only Unix lets a folder be opened for that.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

/// Removes entries of earlier contents, and nothing else. They do no harm, so that one that stays
/// is no error.
fn remove_strays(folder: &Path, manifest: &Manifest) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| manifest.replaces(name))
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, file = %entry.path().display(), "an old file stays");
        }
    }
}

impl Contents {
    /// Reads and checks a folder.
    ///
    /// # Errors
    /// A file that is missing, is not what it was when it was written, or lies outside the
    /// folder; another or a newer format.
    pub fn of_folder(folder: &Path, format: Format) -> Result<Self, StoreError> {
        let path = folder.join(MANIFEST);
        let manifest = File::open(&path).and_then(Manifest::read).map_err(io(&path))?;
        let manifest = Manifest::parse(&manifest, format, &path.display().to_string())?;
        for checksum in manifest.entries.values() {
            let path = folder.join(&checksum.file);
            let digest = File::open(&path).and_then(digest).map_err(io(&path))?;
            checksum.check(digest, &path.display().to_string())?;
        }
        Ok(Self::new(manifest, Place::Folder(folder.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 2 };

    fn write(folder: &Path, text: &str) {
        replace(
            folder,
            FORMAT,
            vec![Entry::json("text", &text).unwrap(), Entry::json("more", &[1, 2]).unwrap()],
        )
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
        write(folder.path(), "first");
        // Neither is ours, whatever their names begin with.
        for name in ["text-of-the-user.txt", "text-0123456789abcdef-notes.txt"] {
            std::fs::write(folder.path().join(name), "mine").unwrap();
        }
        let before = names(folder.path());
        write(folder.path(), "second");
        let read = Contents::of_folder(folder.path(), FORMAT).unwrap();
        assert_eq!(read.json::<String>("text").unwrap(), "second");
        let after = names(folder.path());
        assert_eq!(after.len(), 5);
        assert_eq!(before.iter().filter(|name| after.contains(name)).count(), 4);
        assert!(matches!(read.bytes("other"), Err(StoreError::InvalidFormat { .. })));
    }

    #[test]
    fn an_interrupted_write_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "first");
        let failing = Entry::file("more", "json", folder.path().join("that is not there"));
        let entries = vec![Entry::json("text", &"second").unwrap(), failing];
        assert!(matches!(replace(folder.path(), FORMAT, entries), Err(StoreError::Io { .. })));
        let read = Contents::of_folder(folder.path(), FORMAT).unwrap();
        assert_eq!(read.json::<String>("text").unwrap(), "first");
        write(folder.path(), "third");
        assert_eq!(names(folder.path()).len(), 3, "what was interrupted is gone");
    }

    #[cfg(unix)]
    #[test]
    fn files_have_the_modes_of_the_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        std::fs::write(folder.path().join("plain"), "").unwrap();
        let expected = mode(&folder.path().join("plain"));
        write(folder.path(), "first");
        for name in names(folder.path()) {
            assert_eq!(mode(&folder.path().join(&name)), expected, "{name}");
        }
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
                if let Ok(folder) = Contents::of_folder(folder.path(), FORMAT) {
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
            let error = Contents::of_folder(&folder, FORMAT).err().unwrap();
            assert!(matches!(error, StoreError::InvalidFormat { .. }), "{elsewhere}: {error}");
        }
    }
}
