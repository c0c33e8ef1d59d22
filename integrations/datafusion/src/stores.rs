use std::collections::HashMap;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme};
use parking_lot::Mutex;
use url::Url;

use crate::error::SqlError;

/// Stores of objects by their URLs, each made when it is first needed, for detectors and tables alike:
/// `s3://bucket`, `file://`, and whatever else the features of this crate know.
///
/// A clone has the same options, and makes stores of its own: connections belong to the runtime that
/// began them, and one runtime does not wait for another's threads.
#[derive(Debug, Default)]
pub struct Stores {
    options: Vec<(String, String)>,
    made: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Clone for Stores {
    fn clone(&self) -> Self {
        Self { options: self.options.clone(), made: Mutex::default() }
    }
}

impl Stores {
    /// Adds an option of a kind of store, as `object_store` names it: `aws_region`, `aws_endpoint`.
    ///
    /// # Errors
    /// A name that no kind of store has which is compiled in.
    pub fn with_option(mut self, name: &str, value: impl Into<String>) -> Result<Self, SqlError> {
        if !is_option(name) {
            return Err(SqlError::Option { name: name.into() });
        }
        self.options.push((name.into(), value.into()));
        Ok(self)
    }

    /// Adds the variables of the environment that are options of a kind of store: `AWS_REGION`,
    /// `AWS_ACCESS_KEY_ID`, `AZURE_STORAGE_ACCOUNT_NAME`.
    pub fn with_environment(mut self) -> Self {
        let named = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?.to_ascii_lowercase(), value.into_string().ok()?))
        });
        let kinds = ["aws_", "azure_", "google_"];
        self.options.extend(named.filter(|(name, _)| {
            kinds.iter().any(|kind| name.starts_with(kind)) && is_option(name)
        }));
        self
    }

    /// Gives the store of a URL, and the path that the URL names in it.
    pub(crate) fn of(&self, url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Path)> {
        let (_, path) = ObjectStoreScheme::parse(url)?;
        let path = Path::parse(path)?;
        let mut made = self.made.lock();
        let authority = authority(url);
        if let Some(store) = made.get(&authority) {
            return Ok((store.clone(), path));
        }
        // One store for all its objects, which share its connections.
        let options = self.options.iter().map(|(name, value)| (name, value.clone()));
        let store: Arc<dyn ObjectStore> = object_store::parse_url_opts(url, options)?.0.into();
        made.insert(authority, store.clone());
        Ok((store, path))
    }
}

impl ObjectStoreRegistry for Stores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.made.lock().insert(authority(url), store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let gone = self.made.lock().remove(&authority(url));
        gone.ok_or_else(|| DataFusionError::Plan(format!("{url}: no such store")))
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        Ok(self.of(url)?.0)
    }
}

/// Key of a store: scheme and authority of its URLs.
fn authority(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.authority())
}

fn is_option(name: &str) -> bool {
    let kinds: &[fn(&str) -> bool] = &[
        #[cfg(feature = "aws")]
        |name| name.parse::<object_store::aws::AmazonS3ConfigKey>().is_ok(),
        #[cfg(feature = "azure")]
        |name| name.parse::<object_store::azure::AzureConfigKey>().is_ok(),
        #[cfg(feature = "gcp")]
        |name| name.parse::<object_store::gcp::GoogleConfigKey>().is_ok(),
    ];
    kinds.iter().any(|is_one| is_one(name))
}
