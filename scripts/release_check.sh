#!/usr/bin/env bash
# Before a release: packages as they would be published, each built by itself; the oldest versions
# that the manifests allow; semantic versioning.
#
#     bash scripts/release_check.sh [<tag of the last release>]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo publish --workspace --exclude aster-examples --exclude aster-benches --dry-run

# In a copy, as it writes another Cargo.lock. The switch is of nightly; it changes nothing in what is
# built.
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
git ls-files -z | tar --null --files-from - -c | tar -C "$copy" -x
(
    cd "$copy"
    RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions
    CARGO_TARGET_DIR="${MINIMAL_TARGET_DIR:-$HOME/.cache/aster/minimal}" cargo check -p aster --features report,ctrlc
)

if [[ $# -gt 0 ]]; then
    cargo install --locked --quiet cargo-semver-checks@0.51.0
    cargo semver-checks --workspace --exclude aster-examples --exclude aster-benches --baseline-rev "$1"
fi
