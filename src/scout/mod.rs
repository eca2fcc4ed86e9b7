//! What is covered and what is used: the event logs every command may write.
//!
//! Verbs: `telemetry::Telemetry` (start, end), `adoption` and `operational` (one event each: make, read back), `label`
//! (the name of a command), `health` (how the writing went), `log` (append, read).
//!
//! **Invariant:** an event never changes what a command prints or returns, never holds a path or an id the user typed, and never
//! waits longer than 100 ms.

pub mod adoption;
pub mod health;
pub mod label;
pub mod log;
pub mod operational;
pub mod telemetry;
