//! JSON as evidence needs it: strict parsing, RFC 8785 canonical form, and the encodings we print.
//!
//! Verbs: `scan::parse` (bytes to tape), `canon::canonicalize`, `canon::visit` (a fast walk over a canonical
//! object), `read::typed` (strict bytes to a serde type), `tree::Json` (values with exact number text),
//! `delta::delta` (where two values differ), `path::JsonPath` (places named in a rule), `encode`.
//!
//! **Invariant:** a duplicate key never survives parsing, and equal values have equal canonical bytes.

pub mod canon;
pub mod delta;
pub mod encode;
pub mod path;
pub mod read;
pub mod scan;
pub mod strict;
pub mod tree;
