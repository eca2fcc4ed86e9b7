//! May this tool call proceed, and what was decided about it?
//!
//! Verbs: `trace` (read and verify the signed record of one decision).
//!
//! **Invariant:** what a decision or a signature does not cover is refused, never read past.

pub mod trace;
