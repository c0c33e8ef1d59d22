use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::SystemTime;

use aster::{DetectError, Detector, Device};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use url::Url;

use crate::error::SqlError;
use crate::stores::Stores;

/// Detectors by their URLs, which stay in memory for as long as there is room.
///
/// A URL names an object that holds what [`Detector::to_bytes`] packs: `s3://bucket/pump.aster`,
/// `file:///srv/pump.aster`, or a path of this machine, which may be a folder of [`Detector::save`]
/// too. Each use asks the store whether the object is still the same; one that was replaced is
/// read anew.
#[derive(Debug)]
pub struct Detectors {
    device: Device,
    stores: Stores,
    capacity: usize,
    /// The one that was used last comes last.
    loaded: Mutex<Vec<Loaded>>,
}

#[derive(Debug, Clone)]
struct Loaded {
    url: String,
    version: Version,
    detector: Arc<Detector>,
}

/// What a store says of an object, by which another one in its place is told.
#[derive(Debug, Clone, PartialEq)]
enum Version {
    Object { tag: Option<String>, size: u64, modified: i64 },
    Folder(Option<SystemTime>),
}

/// Where a detector is.
enum Place {
    Folder(PathBuf),
    Object(Arc<dyn ObjectStore>, Path),
}

impl Detectors {
    /// Creates an empty set of detectors, which run on a device, with stores that need no options.
    pub fn new(device: Device) -> Self {
        Self { device, stores: Stores::default(), capacity: 64, loaded: Mutex::default() }
    }

    /// Sets how many detectors stay in memory (64).
    pub fn with_capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Sets the stores that detectors are in.
    pub fn with_stores(self, stores: Stores) -> Self {
        Self { stores, ..self }
    }

    /// Returns the stores that detectors are in.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Returns the device that detectors run on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Gives the detector of a URL, from memory where it is still the same. It blocks the thread while
    /// the store answers.
    ///
    /// # Errors
    /// A URL of no known store; an object that is not there, or that is no detector.
    pub fn get(&self, url: &str) -> Result<Arc<Detector>, SqlError> {
        let place = self.place(url)?;
        let version = place.version(url)?;
        if let Some(known) = self.known(url, &version) {
            return Ok(known);
        }
        let detector = match place {
            Place::Folder(folder) => Detector::load(folder, &self.device),
            Place::Object(store, path) => {
                let fetched = async move { store.get(&path).await?.bytes().await };
                Detector::from_bytes(&wait(fetched)?.map_err(failed(url))?, &self.device)
            }
        };
        let url = url.to_owned();
        let detector = detector.map_err(|source| SqlError::Detector {
            url: url.clone(),
            fingerprint: None,
            source: source.into(),
        })?;
        let detector = Arc::new(detector);
        let mut loaded = self.loaded.lock();
        loaded.retain(|it| it.url != url);
        loaded.push(Loaded { url, version, detector: detector.clone() });
        let surplus = loaded.len().saturating_sub(self.capacity);
        loaded.drain(..surplus);
        Ok(detector)
    }

    /// Puts a detector where a URL says, as one object, in place of what was there.
    ///
    /// # Errors
    /// A URL of no known store, or of a folder; a store that does not take it.
    pub fn put(&self, url: &str, detector: &[u8]) -> Result<(), SqlError> {
        let Place::Object(store, path) = self.place(url)? else {
            let reason = "a folder, where an object would be put".into();
            return Err(SqlError::Url { url: url.into(), reason });
        };
        let detector = detector.to_vec();
        let put = async move { store.put(&path, detector.into()).await };
        wait(put)?.map_err(failed(url))?;
        Ok(())
    }

    fn known(&self, url: &str, version: &Version) -> Option<Arc<Detector>> {
        let mut loaded = self.loaded.lock();
        let at = loaded.iter().position(|it| it.url == url && it.version == *version)?;
        let known = loaded.remove(at);
        loaded.push(known.clone());
        Some(known.detector)
    }

    fn place(&self, text: &str) -> Result<Place, SqlError> {
        let wrong = |reason: String| SqlError::Url { url: text.into(), reason };
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(_) => {
                let path = std::path::absolute(text).map_err(|error| wrong(error.to_string()))?;
                Url::from_file_path(path).map_err(|()| wrong("neither".into()))?
            }
        };
        if url.scheme() == "file"
            && let Ok(path) = url.to_file_path()
            && path.is_dir()
        {
            return Ok(Place::Folder(path));
        }
        let (store, path) = self.stores.of(&url).map_err(failed(text))?;
        Ok(Place::Object(store, path))
    }
}

impl Place {
    fn version(&self, url: &str) -> Result<Version, SqlError> {
        Ok(match self {
            Self::Folder(folder) => Version::Folder(modified(&folder.join("manifest.json"))),
            Self::Object(store, path) => {
                let (store, path) = (store.clone(), path.clone());
                let head = wait(async move { store.head(&path).await })?;
                let ObjectMeta { last_modified, size, e_tag: tag, .. } =
                    head.map_err(failed(url))?;
                Version::Object { tag, size, modified: last_modified.timestamp_micros() }
            }
        })
    }
}

fn modified(file: &FilePath) -> Option<SystemTime> {
    file.metadata().and_then(|it| it.modified()).ok()
}

fn failed(url: &str) -> impl FnOnce(object_store::Error) -> SqlError {
    move |source| SqlError::Store { url: url.into(), source: source.into() }
}

/// Waits for what a store does, on a thread of its own: a query's threads may not wait for themselves.
fn wait<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, SqlError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let named = builder.worker_threads(1).thread_name("aster-detectors").enable_all();
        named.build().map_err(|error| error.to_string())
    });
    let fetching = |reason: String| SqlError::Fetching { reason };
    let runtime = runtime.as_ref().map_err(|reason| fetching(reason.clone()))?;
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move {
        // Nobody waits any more where the receiver is gone.
        let _ = sender.send(future.await);
    });
    receiver.recv().map_err(|error| fetching(error.to_string()))
}

/// The error of a detector that does not fit, with what tells which one it is.
pub(crate) fn unfit(url: &str, detector: &Detector) -> impl FnOnce(DetectError) -> SqlError {
    let (url, fingerprint) = (url.to_owned(), Some(detector.fingerprint().to_owned()));
    move |source| SqlError::Detector { url, fingerprint, source: source.into() }
}
