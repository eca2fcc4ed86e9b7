//! `gait` records what an AI agent does with its tools, proves the record, and turns it into a regression test.

#[cfg(feature = "action")]
pub mod action;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod gate;
pub mod kernel;
pub mod mcp;
pub mod regress;
pub mod report;
pub mod runpack;
pub mod scout;
pub mod session;
pub mod sign;
