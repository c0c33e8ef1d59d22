#!/usr/bin/env bash
# Before a release: names that are free or ours; packages as they would be published, each built by itself; the oldest versions
# that the manifests allow; semantic versioning.
#
#     bash scripts/release_check.sh [<tag of the last release>]
set -euo pipefail
cd "$(dirname "$0")/.."

unpublished=(--exclude aster-examples --exclude aster-examples-extra --exclude aster-tools --exclude aster-benches
    --exclude xtask)

# A name that the registry knows has to be ours: it names our repository.
ours="$(cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["publish"] is None:
        print(package["name"], package["repository"])')"
while read -r name repository; do
    if found="$(cargo info "$name" --registry crates-io 2>/dev/null)" &&
        ! grep -qF "repository: $repository" <<<"$found"; then
        echo "$name belongs to somebody else" >&2
        exit 1
    fi
done <<<"$ours"

cargo publish --workspace "${unpublished[@]}" --dry-run

# In a copy, as it writes another Cargo.lock. The switch is of nightly; it changes nothing in what is
# built.
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
git ls-files -z | tar --null --files-from - -c | tar -C "$copy" -x
(
    cd "$copy"
    RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions
    CARGO_TARGET_DIR="${MINIMAL_TARGET_DIR:-$HOME/.cache/aster/minimal}" cargo check -p aster-tsad --features report,ctrlc
)

if [[ $# -gt 0 ]]; then
    cargo install --locked --quiet cargo-semver-checks@0.51.0
    cargo semver-checks --workspace "${unpublished[@]}" --baseline-rev "$1"
fi
