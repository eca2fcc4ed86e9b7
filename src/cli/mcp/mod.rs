//! `gait mcp`: between an agent and its MCP servers.
//!
//! Verbs: `record`, `replay`, `setup`.
//!
//! **Invariant:** standard output is the protocol's; what we have to say goes to standard error, or nowhere.

pub mod group;
pub mod listen;
pub mod record;
pub mod replay;
pub mod setup;
pub mod target;
