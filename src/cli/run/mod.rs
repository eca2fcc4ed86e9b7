//! `gait run`: record, read, compare and shrink runpacks.
//!
//! Verbs: `record`, `capture`, `seal`, `inspect`, `receipt`, `replay`, `diff`, `reduce`.
//!
//! **Invariant:** what a verb found and what it prints are two things; the finding is the library's.

pub mod capture;
pub mod diff;
pub mod group;
pub mod inspect;
pub mod receipt;
pub mod record;
pub mod reduce;
pub mod replay;
pub mod seal;
