#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (default 60). Needs a nightly toolchain; installs cargo-fuzz if missing.
set -eu

cd "$(dirname "$0")/../.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked

for target in $(cargo +nightly fuzz list --fuzz-dir tests/fuzz); do
    # What is found on the way goes to a folder of its own: the tracked seeds stay as they are.
    found="tests/fuzz/target/found/$target"
    mkdir -p "$found"
    cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" "$found" "tests/fuzz/corpus/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -timeout=10 -rss_limit_mb=1024
done
