//! MCP over streamable HTTP: a tee in front of a real server, and doors to a recording that is played.
//!
//! Verbs: `tee::Tee::run`, `doors::Doors::open`.
//!
//! **Invariant:** a request whose Host or Origin is not ours reaches no server and no recording.

pub mod copy;
pub mod door;
pub mod doors;
pub mod events;
pub mod guard;
pub mod listen;
pub mod tap;
pub mod tee;
