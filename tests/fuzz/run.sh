#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (default 60), two at a time. Needs a nightly toolchain; installs cargo-fuzz if
# missing. What is found on the way goes to tests/fuzz/target/found: the tracked seeds stay as they are.
set -eu

cd "$(dirname "$0")/../.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --debug

cargo +nightly fuzz build --fuzz-dir tests/fuzz
cargo +nightly fuzz list --fuzz-dir tests/fuzz | xargs -P 2 -I {} sh -euc '
    mkdir -p "tests/fuzz/target/found/{}"
    cargo +nightly fuzz run --fuzz-dir tests/fuzz {} "tests/fuzz/target/found/{}" "tests/fuzz/corpus/{}" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -timeout=10 -rss_limit_mb=1024'
