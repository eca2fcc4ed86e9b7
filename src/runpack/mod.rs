//! A signed record of one run: a zip of intents, results, references and their digests.
//!
//! Verbs: `record`, `verify`, `inspect`, `diff`, `replay`, `reduce`, `migrate`, `demo`.
//!
//! **Invariant:** nothing is read out of a pack that was not verified first ([`verify::Verified`]).

pub mod input;
pub mod lane;
pub mod model;
pub mod read;
pub mod record;
pub mod scan;
pub mod verify;
pub mod write;
