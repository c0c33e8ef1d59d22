#!/usr/bin/env bash
# LibTorch 2.9.0 for the feature `tch`, CPU only, from the Python packages: the part
# that torch-sys links (0.5 GB) of the 7 GB that a full install of torch fills.
#
#   bash scripts/setup_libtorch.sh [folder]    default folder: ~/.cache/aster/libtorch
#   export LIBTORCH=<folder>                   to build
#   export LD_LIBRARY_PATH=<folder>/lib        to run
set -euo pipefail
folder="${1:-$HOME/.cache/aster/libtorch}"
[[ -f "$folder/build-version" ]] && exit

wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
# libtorch_cpu.so of the CUDA wheel also names CUDA's profiler and runtime.
python3 -m pip download --quiet --no-deps --dest "$wheels" \
    torch==2.9.0 nvidia-cuda-cupti-cu12==12.8.90 nvidia-cuda-runtime-cu12==12.8.90

mkdir -p "$folder/lib"
python3 - "$folder" "$wheels"/*.whl <<'PYTHON'
import pathlib, shutil, sys, zipfile

folder = pathlib.Path(sys.argv[1])
LIBRARIES = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcupti.so.12", "libcudart.so.12"}
for wheel in map(zipfile.ZipFile, sys.argv[2:]):
    for member in wheel.namelist():
        if member.startswith("torch/include/") and not member.endswith("/"):
            target = folder / member.removeprefix("torch/")
        elif pathlib.PurePath(member).name in LIBRARIES:
            target = folder / "lib" / pathlib.PurePath(member).name
        else:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with wheel.open(member) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
PYTHON
# torch-sys links `torch` by name; the wheel's own asks for CUDA's kernels.
cc -shared -x c /dev/null -o "$folder/lib/libtorch.so"
# Last, so that a folder cut short is made again; torch-sys checks the version.
echo 2.9.0 > "$folder/build-version"
