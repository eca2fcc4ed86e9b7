//! A signed record of one run: a zip of intents, results, references and their digests.
//!
//! Verbs: `record`, `verify`, `inspect`, `diff`, `replay`, `reduce`, `migrate`, `demo`.
//!
//! **Invariant:** nothing is read out of a pack that was not verified first ([`verify::Verified`]).

pub mod calls;
pub mod compare;
pub mod demo;
pub mod diff;
pub mod input;
pub mod inspect;
pub mod lane;
pub mod locate;
pub mod migrate;
pub mod model;
pub mod read;
pub mod receipt;
pub mod record;
pub mod reduce;
pub mod replay;
pub mod scan;
pub mod story;
pub mod verify;
pub mod write;
