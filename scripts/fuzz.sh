#!/usr/bin/env bash
# Fuzzes the readers of CSV files and of language models' folders, each for so many seconds (60).
# Needs cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler; a nightly toolchain is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus="$(mktemp -d)"
trap 'rm -r "$corpus"' EXIT
mkdir "$corpus/model_folder" "$corpus/csv_file"
for model in crates/aster-llm/tests/golden/{gpt2,bert,llama,llama3,qwen2}; do
    { cat "$model/config.json"; printf '\0'; cat "$model/model.safetensors"; } \
        > "$corpus/model_folder/$(basename "$model")"
done
for file in crates/aster-data/tests/own-data/*.csv; do
    { printf '\0'; cat "$file"; } > "$corpus/csv_file/$(basename "$file")"
done
export RUSTC_BOOTSTRAP=1
# fuzz <target> <longest input> <largest allocation in MiB>
fuzz() {
    cargo fuzz run --sanitizer none --target-dir "${FUZZ_TARGET_DIR:-fuzz/target}" "$1" "$corpus/$1" -- \
        -max_total_time="$seconds" -max_len="$2" -rss_limit_mb=2048 -malloc_limit_mb="$3" -timeout=20
}
seconds="${1:-60}"
fuzz csv_file 20000 32
fuzz model_folder 100000 1024
