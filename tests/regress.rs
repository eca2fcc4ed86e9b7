//! This repository's own fixtures, run as anybody's would be: `regress-fixtures/` under `cargo test` and nextest.

fn main() -> std::process::ExitCode {
    gait::regress::harness::main()
}
