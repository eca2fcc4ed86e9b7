//! May this tool call proceed, and what was decided about it?
//!
//! Verbs: `intent` and `parse` (read a call and a policy), `evaluate` (policy and call to outcome), `decide` (evaluate,
//! then each guard in order, then the trace), `explain`, `format`, `rehearse` (a policy tried on recorded calls),
//! `trace` (read and verify the signed record of one decision).
//!
//! **Invariant:** what a decision or a signature does not cover is refused, never read past.

pub mod approval;
pub mod args;
pub mod arguments;
pub mod bound;
pub mod cases;
pub mod credential;
pub mod decide;
pub mod decision;
pub mod delegation;
pub mod domain;
pub mod evaluate;
pub mod explain;
pub mod fields;
pub mod format;
pub mod guard;
pub mod intent;
pub mod kill;
pub mod limit;
pub mod model;
pub mod number;
pub mod parse;
pub mod parse_args;
pub mod pattern;
pub mod policy;
pub mod record;
pub mod recorded;
pub mod rehearse;
pub mod remark;
pub mod request;
pub mod rule;
pub mod seal;
pub mod signing;
pub mod spent;
pub mod state;
pub mod target;
pub mod template;
pub mod text;
pub mod token;
pub mod trace;
