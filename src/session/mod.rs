//! Sessions: many checkpoints of one run, linked into a chain.
//!
//! Verbs: `chain::read`, `chain::inspect`, `chain::diff`.
//!
//! **Invariant:** a checkpoint names its predecessor by digest; what does not link is reported, never repaired.

pub mod chain;
pub mod model;
