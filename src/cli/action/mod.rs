//! The entry point of the GitHub Action: one command, its files, its outputs, what is published, one exit code.
//!
//! Verbs: `cmd` (the order of work), then `regress`, `verify` and `other` (the commands), `finish` (what is left behind).
//!
//! **Invariant:** nothing that an agent, a tool or a pack says is printed where the runner would obey it.

pub mod cmd;
pub mod done;
pub mod finish;
pub mod log;
pub mod other;
pub mod regress;
pub mod verify;
