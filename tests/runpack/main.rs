//! The verbs of the runpack room, and reading session chains, over packs the recorder writes.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod chain;
mod delta;
mod demo;
mod diff;
mod draft;
mod exact;
mod inspect;
mod kit;
mod locate;
mod receipt;
mod replay;
mod rewrite;
