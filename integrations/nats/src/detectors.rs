//! Detectors of a group in its object store.

use std::collections::HashMap;
use std::sync::Arc;

use aster::{Detector, Device};
use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{InfoErrorKind, ObjectStore};
use tokio::io::AsyncReadExt;

use crate::broker;
use crate::error::{NatsError, broker as asked, detector as of};
use crate::names::Names;

/// The object that all workers use.
const CURRENT: &str = "detector";

/// Puts a detector for all workers of a group: those that run take it over within a third of their lease.
///
/// # Errors
/// A broker that does not take it, weights that the device does not give.
pub async fn put_detector(
    context: &Context,
    names: &Names,
    detector: &Detector,
) -> Result<(), NatsError> {
    let store = broker::detectors(context, names).await?;
    let what = format!("detector {}", detector.fingerprint());
    let bytes = detector.to_bytes().map_err(of(what))?;
    put(&store, CURRENT, &bytes).await
}

async fn put(store: &ObjectStore, name: &str, bytes: &[u8]) -> Result<(), NatsError> {
    let mut bytes = bytes;
    store.put(name, &mut bytes).await.map_err(asked(format!("object {name}")))?;
    Ok(())
}

/// Detectors that a worker has read.
pub(crate) struct Detectors {
    store: ObjectStore,
    group: String,
    device: Device,
    /// Version of the object that the current one was read from.
    version: String,
    current: Arc<Detector>,
    /// By fingerprint, for states that belong to one before.
    earlier: HashMap<String, Arc<Detector>>,
}

impl Detectors {
    /// Reads the detector of a group.
    pub(crate) async fn open(
        store: &ObjectStore,
        names: &Names,
        device: &Device,
    ) -> Result<Self, NatsError> {
        let group = names.group().to_owned();
        let Some(version) = version(store, CURRENT).await? else {
            return Err(NatsError::NoDetector { group });
        };
        let current = Arc::new(keep(store, device).await?);
        let (store, device, earlier) = (store.clone(), device.clone(), HashMap::new());
        Ok(Self { store, group, device, version, current, earlier })
    }

    /// Returns the one that all workers use.
    pub(crate) fn current(&self) -> &Arc<Detector> {
        &self.current
    }

    /// Reads the detector anew, if the object was replaced.
    pub(crate) async fn replaced(&mut self) -> Result<Option<Arc<Detector>>, NatsError> {
        let Some(version) = version(&self.store, CURRENT).await? else {
            return Err(NatsError::NoDetector { group: self.group.clone() });
        };
        if version == self.version {
            return Ok(None);
        }
        self.version = version;
        Ok(Some(Arc::new(keep(&self.store, &self.device).await?)))
    }

    /// Goes on with another detector.
    pub(crate) fn take(&mut self, detector: Arc<Detector>) {
        let earlier = std::mem::replace(&mut self.current, detector);
        self.earlier.insert(earlier.fingerprint().into(), earlier);
    }

    /// The detector of a fingerprint, which states may belong to.
    pub(crate) async fn of(&mut self, fingerprint: &str) -> Result<Arc<Detector>, NatsError> {
        if let Some(known) = self.earlier.get(fingerprint) {
            return Ok(known.clone());
        }
        let detector = Arc::new(read(&self.store, fingerprint, &self.device).await?.1);
        self.earlier.insert(fingerprint.into(), detector.clone());
        Ok(detector)
    }
}

/// Reads the current detector, and keeps it under its fingerprint, before any state belongs to it.
async fn keep(store: &ObjectStore, device: &Device) -> Result<Detector, NatsError> {
    let (bytes, detector) = read(store, CURRENT, device).await?;
    if version(store, detector.fingerprint()).await?.is_none() {
        put(store, detector.fingerprint(), &bytes).await?;
    }
    Ok(detector)
}

async fn version(store: &ObjectStore, name: &str) -> Result<Option<String>, NatsError> {
    match store.info(name).await {
        Ok(info) if info.deleted => Ok(None),
        Ok(info) => Ok(Some(info.nuid)),
        Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(asked(format!("object {name}"))(error)),
    }
}

async fn read(
    store: &ObjectStore,
    name: &str,
    device: &Device,
) -> Result<(Vec<u8>, Detector), NatsError> {
    let what = || format!("object {name}");
    let mut object = store.get(name).await.map_err(asked(what()))?;
    let mut bytes = vec![];
    object.read_to_end(&mut bytes).await.map_err(asked(what()))?;
    let detector = Detector::from_bytes(&bytes, device);
    let detector = detector
        .map_err(|source| NatsError::Detector { what: what(), source: Box::new(source) })?;
    Ok((bytes, detector))
}
