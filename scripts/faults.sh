#!/usr/bin/env bash
# Every fault of docs/operation.md, in its long form: about five minutes on two cores. The
# short forms run with the other tests.
set -euo pipefail
cd "$(dirname "$0")/.."

try() { printf '\n== %s\n' "$1"; shift; cargo test --workspace "$@" -- --nocapture; }

export ASTER_KILLS=20 ASTER_FLIPS=200 ASTER_THREADS=32 ASTER_FUZZ=20000 ASTER_ROWS=10000000

# A small file system needs a mount, which a user may make in a name space of its own.
if [[ "${1:-}" != inside ]]; then
    cargo test --workspace --no-run
    [[ $(id -u) == 0 ]] || exec unshare --map-root-user --mount bash "$0" inside
fi
ASTER_SMALL_DISK="$(mktemp -d)"
export ASTER_SMALL_DISK
mount -t tmpfs -o size=24m tmpfs "$ASTER_SMALL_DISK"
trap 'umount "$ASTER_SMALL_DISK"; rmdir "$ASTER_SMALL_DISK"' EXIT

try "killed, damaged, full disk, diverging" --test resume
try "truncated, flipped and forged folders; damaged tables" --test untrusted
try "missing values, clocks, gaps, ten million rows" --test stream
try "32 threads, interrupted files" --test operation
