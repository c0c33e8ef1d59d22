//! Models of a hub: the real client, a local server, and what goes wrong between them.
#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers; tests themselves are exempt

mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use aster_base::Configure;
use aster_llm::{ContextConfig, Hub, LanguageModel, LlmError, LlmSource, Pretrained};
use burn::tensor::Device;
use safetensors::SafeTensors;
use server::{Accident, COMMIT, Server};

const WEIGHTS: &str = "model.safetensors";

fn bundled() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundled");
    let read = |name: &str| (name.to_owned(), std::fs::read(folder.join(name)).unwrap());
    ["config.json", "tokenizer.json", WEIGHTS].map(read).into()
}

/// A hub and an empty cache.
fn hub(files: BTreeMap<String, Vec<u8>>) -> (Server, Hub, tempfile::TempDir) {
    let (server, cache) = (Server::start(files), tempfile::tempdir().unwrap());
    let endpoint = Some(server.address.clone());
    let hub = Hub { endpoint, cache: Some(cache.path().into()), offline: false };
    (server, hub, cache)
}

fn reason(result: Result<std::path::PathBuf, LlmError>) -> String {
    match result {
        Err(LlmError::Hub { reason, .. }) => reason,
        other => panic!("expected the hub's error, got {other:?}"),
    }
}

#[test]
fn a_model_is_fetched_once_and_then_read_from_the_cache() {
    let (server, hub, _cache) = hub(bundled());
    let folder = hub.fetch("team/model").unwrap();
    assert!(folder.ends_with(COMMIT));
    LanguageModel::from_folder(&folder, &Device::flex()).unwrap();
    Pretrained::folder(&folder).tokenizer().unwrap();
    for (name, bytes) in bundled() {
        assert_eq!(std::fs::read(folder.join(&name)).unwrap(), bytes, "{name}");
    }
    server.requests();
    // A branch may have moved, so it is asked for; a commit has not.
    assert_eq!(hub.fetch("team/model@main").unwrap(), folder);
    assert_eq!(server.requests(), ["HEAD config.json"]);
    assert_eq!(hub.fetch(&format!("team/model@{COMMIT}")).unwrap(), folder);
    assert_eq!(Hub { offline: true, ..hub.clone() }.fetch("team/model").unwrap(), folder);
    assert!(server.requests().is_empty());
    // A hub that cannot be reached is as good as none.
    let unreachable = Hub { endpoint: Some("http://127.0.0.1:1".into()), ..hub };
    assert_eq!(unreachable.fetch("team/model").unwrap(), folder);
}

#[test]
fn shards_are_those_of_the_index() {
    let mut files = bundled();
    let weights = files.remove(WEIGHTS).unwrap();
    let shard = "model-00001-of-00001.safetensors";
    let names = SafeTensors::deserialize(&weights).unwrap();
    let map: BTreeMap<_, _> = names.names().into_iter().map(|name| (name, shard)).collect();
    let index = serde_json::json!({ "weight_map": map }).to_string().into_bytes();
    files.insert("model.safetensors.index.json".into(), index);
    files.insert(shard.into(), weights);
    files.remove("tokenizer.json");
    let (_server, hub, _cache) = hub(files);
    let folder = hub.fetch("team/model@v1").unwrap();
    LanguageModel::from_folder(&folder, &Device::flex()).unwrap();
    assert!(matches!(Pretrained::folder(&folder).tokenizer(), Err(LlmError::Io { .. })));
    assert_eq!(Hub { offline: true, ..hub }.fetch("team/model@v1").unwrap(), folder);
}

#[test]
fn a_cut_connection_is_an_error_and_the_next_call_goes_on() {
    let (server, hub, _cache) = hub(bundled());
    server.next(Accident::Cut);
    let reason = reason(hub.fetch("team/model"));
    assert!(reason.contains("end of file"), "{reason}");
    assert!(Hub { offline: true, ..hub.clone() }.fetch("team/model").is_err());
    server.requests();
    let folder = hub.fetch("team/model").unwrap();
    assert_eq!(
        server.requests(),
        ["HEAD config.json", "HEAD model.safetensors", "GET model.safetensors"]
    );
    assert_eq!(std::fs::read(folder.join(WEIGHTS)).unwrap(), bundled()[WEIGHTS]);
}

#[test]
fn weights_with_another_checksum_are_removed() {
    let (server, hub, _cache) = hub(bundled());
    server.next(Accident::Flip);
    let error = hub.fetch("team/model").unwrap_err();
    let LlmError::Checksum { path, expected, got } = &error else { panic!("{error}") };
    assert!(path.ends_with(WEIGHTS) && !path.exists() && expected != got, "{error}");
    let folder = hub.fetch("team/model").unwrap();
    // Nor does a later bit that flips on the disk go unseen.
    let blob = folder.join(WEIGHTS).canonicalize().unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    assert!(matches!(hub.fetch("team/model"), Err(LlmError::Checksum { .. })));
}

#[test]
fn what_the_hub_lacks_is_named() {
    let mut files = bundled();
    files.remove(WEIGHTS);
    let (_server, hub, _cache) = hub(files);
    let revision = reason(hub.fetch("team/model@v2"));
    assert!(revision.contains("Revision not found: v2"), "{revision}");
    let repository = reason(hub.fetch("team/other"));
    assert!(repository.contains("team/other"), "{repository}");
    let weights = reason(hub.fetch("team/model"));
    assert!(weights.contains(WEIGHTS), "{weights}");
    let offline = reason(Hub { offline: true, ..hub.clone() }.fetch("team/other"));
    assert!(offline.contains("cache"), "{offline}");
    for name in ["", "@main", "team/", "team/model@", "../model", "team/model@../../x", "a b"] {
        let error = hub.fetch(name).unwrap_err();
        assert!(matches!(&error, LlmError::Setting(it) if it.name == "model"), "{name}: {error}");
    }
}

/// What `the_environment_is_heeded` runs in a process of its own.
#[test]
#[ignore = "run by another test"]
fn from_the_environment() {
    let llm = LlmSource::Hub("team/model".into());
    ContextConfig::with(|it| it.llm = llm).init(6, 4, &Device::flex()).unwrap();
}

#[test]
fn the_environment_is_heeded() {
    let (server, _, cache) = hub(bundled());
    let run = |offline: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "from_the_environment", "--ignored"])
            .env("HF_ENDPOINT", &server.address)
            .env("HF_HUB_CACHE", cache.path())
            .env("HF_HUB_OFFLINE", offline)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(!run("1"), "nothing is there yet");
    assert!(server.requests().is_empty());
    assert!(run("0"));
    assert!(!server.requests().is_empty());
    assert!(run("1"));
    assert!(server.requests().is_empty());
}
