#!/usr/bin/env bash
# Fuzzes the reader of language models' folders for so many seconds (60). Needs cargo-fuzz
# (`cargo install cargo-fuzz`) and a C++ compiler; a nightly toolchain is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus="$(mktemp -d)"
trap 'rm -r "$corpus"' EXIT
for model in crates/aster-llm/tests/golden/{gpt2,bert,llama,llama3,qwen2}; do
    { cat "$model/config.json"; printf '\0'; cat "$model/model.safetensors"; } > "$corpus/$(basename "$model")"
done
export RUSTC_BOOTSTRAP=1
cargo fuzz run --sanitizer none --target-dir "${FUZZ_TARGET_DIR:-fuzz/target}" model_folder "$corpus" -- \
    -max_total_time="${1:-60}" -max_len=100000 -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=20
