//! `gait policy`: write, check and rehearse policies.
//!
//! Verbs: `files` (`init`, `validate`, `fmt`), `test` (one call, or a file of cases), `simulate`, `backtest` (recorded
//! runs), `group` (the command that holds them).
//!
//! **Invariant:** nothing here lets a call proceed: policies are read, tried and told about.

pub mod backtest;
pub mod files;
pub mod group;
pub mod simulate;
pub mod test;
