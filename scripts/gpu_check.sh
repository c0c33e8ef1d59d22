#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: do the backends that use it compute what flex computes,
# and how fast are they beside PyTorch? Prints what docs/backends.md has room for.
#
#   bash scripts/gpu_check.sh [backend...]     default: cuda tch-cuda vulkan
#
# cuda and vulkan need the driver alone. tch-cuda needs the Python package torch 2.9.0
# with its CUDA libraries, as does the comparison with PyTorch; PYTHON names the Python.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
[[ $# -gt 0 ]] || set -- cuda tch-cuda vulkan

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
git rev-parse HEAD
for backend in "$@"; do
    feature="${backend%%-*}"
    if [[ "$feature" == tch ]]; then
        export LIBTORCH_USE_PYTORCH=1 PATH="$(dirname "$(command -v "$python")"):$PATH"
        LD_LIBRARY_PATH="$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent / "lib")')"
        export LD_LIBRARY_PATH
    fi
    printf '\n## %s: parity\n\n' "$backend"
    ASTER_DEVICE="$backend" cargo test --release --workspace --features "aster-tsad/$feature" \
        --test backends -- --nocapture --test-threads 1
    printf '\n## %s: speed\n\n' "$backend"
    cargo build --release --workspace --features "aster-tsad/$feature" --example peer
    "$python" benches/peers/compare.py target/release/examples/peer --jobs models \
        --devices "$backend" --torch-device cuda --threads 0
done
