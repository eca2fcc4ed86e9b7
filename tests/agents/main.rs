//! Agents run against the recording: this program is also the agent, the helper processes and the orphans of its tests.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod agent;
mod behaviour;
mod kit;
mod runs;
mod supervise;

use gait::regress::helper;
use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = helper::play(&args) {
        return code;
    }
    if let Some(code) = agent::play(&args) {
        return code;
    }
    if let [word, job] = args.as_slice()
        && word == "__start"
    {
        supervise::start(job);
        return ExitCode::SUCCESS;
    }
    // A user's crate: the harness is all its test target holds.
    if std::env::var("AGENTS_TEST_ROLE").is_ok_and(|role| role == "harness") {
        return gait::regress::harness::main();
    }
    let mut tests = Vec::new();
    for (room, cases) in [("supervise", supervise::TESTS), ("runs", runs::TESTS), ("behaviour", behaviour::TESTS)] {
        tests.extend(cases.iter().map(|&(name, case)| {
            Trial::test(format!("{room}::{name}"), move || {
                case();
                Ok(())
            })
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
