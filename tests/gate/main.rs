//! The gate against people who want past it.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod attacks;
mod backtest;
mod bound;
mod cases;
mod commands;
mod conditions;
mod credentials;
mod decisions;
mod delegations;
mod digests;
mod globs;
mod hosts;
mod kill;
mod kit;
mod lifetimes;
mod limits;
mod production;
mod rehearsals;
mod rules;
mod schemas;
mod shapes;
mod spellings;
mod spent;
mod templates;
mod tokens;
mod traces;

/// Recorded runs, and transcripts of what is said of them.
#[path = "../cli/kit.rs"]
#[expect(dead_code, reason = "not every helper is needed here")]
mod cli;
