use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Returns the root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs cargo and returns what it prints.
///
/// # Errors
/// A cargo that fails.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("cargo").args(arguments).current_dir(root()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the crates, name and version, that a package depends on by edges of some kinds, itself
/// included.
///
/// # Errors
/// A cargo that fails.
pub(crate) fn closure(
    package: &str,
    edges: &str,
    features: &[&str],
) -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut arguments = vec!["tree", "--package", package, "--edges", edges, "--prefix", "none"];
    arguments.extend(features);
    let tree = cargo(&arguments)?;
    let named = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(String::from);
        words.next().zip(words.next())
    });
    Ok(named.collect())
}

/// Returns the packages of the workspace as `cargo metadata` has them.
///
/// # Errors
/// A cargo that fails.
pub(crate) fn packages() -> anyhow::Result<Vec<Value>> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"])?;
    let metadata: Value = serde_json::from_str(&text)?;
    metadata["packages"].as_array().cloned().context("metadata without packages")
}
