//! Sessions and traces, against the library and against the binary.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod checkpoint;
mod compact;
mod crash;
mod journal;
mod kit;
mod lock;
mod state;
mod together;
mod trace;
mod verify;
