//! Zip archives: bytes that are the same twice, and untrusted bytes read within limits.
//!
//! Verbs: `layout::survey` (every byte of an untrusted zip accounted for), `read::Archive` (entries, bounded),
//! `write::Writer` (deterministic zips).
//!
//! **Invariant:** an archive that two readers could read differently is never read at all.

pub mod layout;
pub mod read;
pub mod source;
pub mod write;
