//! The ground: errors, JSON, digests, time, files, locks and archives.
//!
//! Verbs: parse and canonicalise JSON, hash, tell the time, write a file whole or not at all, hold a lock,
//! read an untrusted zip within limits.
//!
//! **Invariant:** nothing here knows a domain type; every reader of outside bytes states its limit.

pub mod archive;
pub mod clock;
pub mod digest;
pub mod error;
pub mod fs;
pub mod host;
pub mod json;
pub mod lock;
