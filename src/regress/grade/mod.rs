//! The graders, one file each: from a subject to a verdict.
//!
//! Verbs: `schema_validation`, `expected_exit_code`, `diff`, `budget`, `policy_verdicts`; `command` runs programs of one's own.
//!
//! **Invariant:** a grader that finds nothing to look at does not pass silently; it says so in its details.

pub mod budget;
pub mod command;
pub mod diff;
pub mod expected_exit_code;
pub mod policy_verdicts;
pub mod schema_validation;
