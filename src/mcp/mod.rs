//! The tool boundary: what an agent and its MCP servers say to each other, recorded and answered from the record.
//!
//! Verbs: `tee::run` (between a client and a real server), `seal`, `replay`, `setup::plan`.
//!
//! **Invariant:** the tee changes no byte and adds none; replay has no way to a real server.

pub mod capture;
pub mod catalog;
pub mod journal;
pub mod process;
pub mod seal;
pub mod talk;
pub mod tee;
pub mod wire;
