//! Capture and replay between real processes: this program is also the MCP server and the agent of its own tests.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod capture;
mod doors;
mod http;
mod killed;
mod kit;
mod replay;
mod sdk;
mod server;
mod setup;
mod tee;
mod veil;
mod web;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::var(server::ROLE).as_deref() {
        Ok("agent") => server::agent(),
        Ok("killer") => killed::agent(),
        Ok("rmcp") => sdk::server(),
        Ok(role) => server::serve(role),
        Err(_) => {
            let mut tests = Vec::new();
            for (room, cases) in [
                ("tee", tee::TESTS),
                ("capture", capture::TESTS),
                ("killed", killed::TESTS),
                ("replay", replay::TESTS),
                ("sdk", sdk::TESTS),
                ("http", http::TESTS),
                ("doors", doors::TESTS),
                ("veil", veil::TESTS),
                ("setup", setup::TESTS),
            ] {
                tests.extend(cases.iter().map(|&(name, case)| {
                    Trial::test(format!("{room}::{name}"), move || {
                        case();
                        Ok(())
                    })
                }));
            }
            libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
        }
    }
}
