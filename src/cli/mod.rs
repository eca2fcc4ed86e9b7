//! The face: arguments in, one answer out, one exit code.
//!
//! Verbs: `app` (parse, run, print), then one file per noun.
//!
//! **Invariant:** only this room prints, and only this room knows exit codes.

#[cfg(feature = "action")]
pub mod action;
pub mod app;
pub mod approve;
pub mod args;
pub mod chain;
pub mod delegate;
pub mod demo;
pub mod doctor;
pub mod effective;
pub mod exit;
pub mod gate;
pub mod init;
pub mod keys;
pub mod mcp;
pub mod migrate;
pub mod output;
pub mod policy;
pub mod regress;
pub mod run;
pub mod session;
pub mod trace;
pub mod verify;
pub mod version;
