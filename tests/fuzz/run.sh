#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (default 60), two at a time. Needs a nightly toolchain; installs cargo-fuzz if
# missing. What is found on the way goes to tests/fuzz/target/found: the tracked seeds stay as they are. A target says one
# line when all is well, else how it ended, which holds the input in base64.
set -eu

cd "$(dirname "$0")/../.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --debug

# No sanitizer: there is no unsafe code here to look for faults in, and without one three times as many inputs are tried.
export FUZZ_BUILD="--sanitizer none --codegen-units 8"
cargo +nightly fuzz build --fuzz-dir tests/fuzz $FUZZ_BUILD
cargo +nightly fuzz list --fuzz-dir tests/fuzz | xargs -P 2 -I {} sh -euc '
    found="tests/fuzz/target/found/{}"
    mkdir -p "$found"
    if cargo +nightly fuzz run --fuzz-dir tests/fuzz $FUZZ_BUILD {} "$found" "tests/fuzz/corpus/{}" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -timeout=30 -rss_limit_mb=1024 >"$found.log" 2>&1
    then
        echo "{}: $(tail -n 1 "$found.log")"
    else
        echo "{}: FAILED"
        grep -v "^#[0-9]\|# Uses: " "$found.log" | tail -n 60 | cut -c 1-4000
        exit 1
    fi'
