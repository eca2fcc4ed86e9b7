//! Is this machine, and this project, ready?
//!
//! Verbs: `folders`, `keys`, `production` look, each at its own things; `check` is what they found and what mends it.
//!
//! **Invariant:** looking changes nothing: what a check writes it made itself, under a name nobody had, and is gone after.

pub mod check;
pub mod folders;
pub mod keys;
pub mod production;
