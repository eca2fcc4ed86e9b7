//! Sessions: a journal of decisions, checkpoints of it as runpacks, and the chain that links them.
//!
//! Verbs: `open::Session` (start, append, state), `checkpoint::checkpoint`, `compact::plan` and `compact::apply`,
//! `chain::{read, inspect, diff}`, `verify::verify`, `belonging::check`.
//!
//! **Invariant:** a checkpoint names its predecessor by digest; what does not link is reported, never repaired.

pub mod belonging;
pub mod chain;
pub mod checkpoint;
pub mod compact;
pub mod journal;
pub mod lock;
pub mod model;
pub mod open;
pub mod state;
pub mod verify;
