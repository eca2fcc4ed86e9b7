//! `gait regress`: fixtures made, run, and reported.
//!
//! Verbs: `init`, `run`, `candidates`, `merge`, `bootstrap`, `accept`, `review`, `log`; `reports` writes what a run
//! leaves behind.
//!
//! **Invariant:** no report of an earlier run is left standing as if it were this one's.

pub mod accept;
pub mod bootstrap;
pub mod candidates;
pub mod group;
pub mod init;
pub mod log;
pub mod merge;
pub mod progress;
pub mod reports;
pub mod review;
pub mod run;
