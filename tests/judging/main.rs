//! Judging: which differences of two runs are accepted, by which rule, and what fails.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod any;
mod config;
mod graders;
mod optimal;
mod pairs;
mod policy;
mod refund;
mod rules;
mod runs;
mod trials;

#[path = "../cli/kit.rs"]
#[expect(dead_code, reason = "not every helper is needed here")]
mod kit;
