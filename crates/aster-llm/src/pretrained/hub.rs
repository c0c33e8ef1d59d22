use aster_base::SettingError;
use std::error::Error;
use std::path::{Path, PathBuf};

use hf_hub::{HFClient, HFClientSync, HFError, HFRepositorySync, RepoTypeModel, split_id};
use sha2::{Digest, Sha256};

use crate::error::{LlmError, io};
use crate::pretrained::files::{CONFIG, INDEX, TOKENIZER, WEIGHTS, shards};

/// A Hugging Face hub and the cache of what came from it, with feature `hub`.
///
/// The cache has the layout of `huggingface_hub`, so that both find each other's files. An
/// access token is read from `HF_TOKEN` or from where `hf auth login` leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hub {
    /// Address of the hub. Default: `HF_ENDPOINT`, or else `https://huggingface.co`.
    pub endpoint: Option<String>,
    /// Folder of the cache. Default: `HF_HUB_CACHE`, or `$HF_HOME/hub`, or else
    /// `~/.cache/huggingface/hub`.
    pub cache: Option<PathBuf>,
    /// Whether to read the cache alone. Default: `false`.
    pub offline: bool,
}

impl Hub {
    /// The defaults, offline where `HF_HUB_OFFLINE` is `1`, `true`, `yes` or `on`.
    pub fn from_env() -> Self {
        let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default();
        let offline = ["1", "true", "yes", "on"].contains(&offline.to_lowercase().as_str());
        Self { offline, ..Self::default() }
    }

    /// The folder of a model, `owner/name` or `owner/name@revision`, where a revision is a
    /// branch, a tag or a commit, `main` if none is given. What the cache lacks is fetched:
    /// `config.json`, the weights, and `tokenizer.json` if there is one.
    ///
    /// All files are of one commit, which the first answer names. Weights must have the
    /// SHA-256 that the hub gives; those that do not are removed from the cache. (The cache
    /// keeps it as the name of the file that its entry links to; where the system has no
    /// links, nothing is compared.) After a cut connection, a further call goes on with the
    /// file that was cut.
    ///
    /// # Errors
    /// A malformed name; a hub that does not answer or lacks the model, its revision or a
    /// file; another checksum; a disk that cannot be written.
    pub fn fetch(&self, model: &str) -> Result<PathBuf, LlmError> {
        let (repository, revision) = model.split_once('@').unwrap_or((model, "main"));
        // Both become names in the cache.
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let named = |part: &str| !part.split('/').any(|name| name.is_empty() || name == "..");
        if ![repository, revision].iter().all(|part| part.chars().all(plain) && named(part)) {
            let expected = "owner/name or owner/name@revision";
            return Err(SettingError::new("model", expected, model).into());
        }
        let client = self.client().map_err(failed(model))?;
        let (owner, name) = split_id(repository);
        let repository = client.model(owner, name);
        let get = |file: &str, revision: &str| {
            let download = repository.download_file().filename(file).revision(revision);
            download.local_files_only(self.offline).send()
        };

        let config = get(CONFIG, revision).map_err(|error| match error {
            HFError::EntryNotFound { .. } if !self.offline => missing(&repository, revision, error),
            error => error,
        });
        let config = config.map_err(failed(model))?;
        let folder = config.parent().unwrap_or(Path::new("")).to_path_buf();
        // The cache keeps each commit in a folder of its name.
        let commit = folder.file_name().unwrap_or_default().to_string_lossy();
        let get = |file: &str| get(file, &commit);

        present(get(TOKENIZER)).map_err(failed(model))?;
        let names = match get(WEIGHTS) {
            Ok(_) => vec![WEIGHTS.to_owned()],
            Err(missing) if is_missing(&missing) => {
                match present(get(INDEX)).map_err(failed(model))? {
                    Some(index) => shards(&index)?.into_values().collect(),
                    None => return Err(failed(model)(missing)),
                }
            }
            Err(error) => return Err(failed(model)(error)),
        };
        for name in std::collections::BTreeSet::from_iter(names) {
            verify(&get(&name).map_err(failed(model))?)?;
        }
        Ok(folder)
    }

    fn client(&self) -> Result<HFClientSync, HFError> {
        let mut builder = HFClient::builder();
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint(endpoint);
        }
        if let Some(cache) = &self.cache {
            builder = builder.cache_dir(cache);
        }
        builder.build_sync()
    }
}

fn failed(model: &str) -> impl Fn(HFError) -> LlmError {
    move |error| {
        // The cause of a failed request says more than the request.
        let reason = match error.source() {
            Some(cause) => format!("{error}: {}", root(cause)),
            None => error.to_string(),
        };
        LlmError::Hub { model: model.into(), reason }
    }
}

fn root<'a>(mut cause: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

/// Finds out what is missing if a file is, as the client does not tell.
fn missing(
    repository: &HFRepositorySync<RepoTypeModel>,
    revision: &str,
    error: HFError,
) -> HFError {
    let (repo_id, context) = (repository.repo_path(), None);
    if let Ok(false) = repository.exists().send() {
        return HFError::RepoNotFound { repo_id, context };
    }
    match repository.revision_exists().revision(revision).send() {
        Ok(false) => HFError::RevisionNotFound { repo_id, revision: revision.into(), context },
        _ => error,
    }
}

fn is_missing(error: &HFError) -> bool {
    matches!(error, HFError::EntryNotFound { .. } | HFError::LocalEntryNotFound { .. })
}

fn present(file: Result<PathBuf, HFError>) -> Result<Option<PathBuf>, HFError> {
    match file {
        Err(error) if is_missing(&error) => Ok(None),
        file => file.map(Some),
    }
}

/// Compares a file with the SHA-256 that the cache keeps as its name.
fn verify(path: &Path) -> Result<(), LlmError> {
    let blob = path.canonicalize().map_err(io(path))?;
    let expected = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if expected.len() != 64 || !expected.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut digest = Sha256::new();
    let mut file = std::fs::File::open(&blob).map_err(io(path))?;
    std::io::copy(&mut file, &mut digest).map_err(io(path))?;
    let got = format!("{:x}", digest.finalize());
    if got == expected {
        return Ok(());
    }
    for file in [path, &blob] {
        std::fs::remove_file(file).map_err(io(file))?;
    }
    Err(LlmError::Checksum { path: path.into(), expected, got })
}
