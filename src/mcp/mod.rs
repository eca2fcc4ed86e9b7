//! The tool boundary: what an agent and its MCP servers say to each other, recorded and answered from the record.
//!
//! Verbs: `tee::run` (between a client and a real server), `seal`, `stage` (a runpack answers as its servers), `setup::plan`.
//!
//! **Invariant:** the tee changes no byte and adds none; replay has no way to a real server.

pub mod candidate;
pub mod capture;
pub mod catalog;
pub mod door;
#[cfg(feature = "serve")]
pub mod http;
pub mod journal;
pub mod likeness;
pub mod lineage;
pub mod process;
#[cfg(unix)]
pub mod relay;
pub mod replay;
pub mod seal;
pub mod setup;
#[cfg(unix)]
pub mod socket;
pub mod stage;
pub mod talk;
pub mod tee;
pub mod veil;
pub mod wire;
