//! The result of a regression run and its readers.
//!
//! Verbs: `json` (regress_result.json), `junit`, `annotations` (GitHub), `summary` (markdown), `comment` (on a pull request, with
//! its `memory` of the runs before), `html` (one page). Each takes a
//! [`model::Report`] and gives text; nothing here judges or prints.
//! `notice` is a verdict without fixtures. `text` makes untrusted text safe; `result` reads a
//! written result back, `join` makes one report of several.
//!
//! **Invariant:** every reader shows the same verdict, and none of them can be broken by the text it shows.

pub mod annotations;
pub mod comment;
pub mod group;
pub mod html;
pub mod join;
pub mod json;
pub mod junit;
pub mod memory;
pub mod model;
pub mod notice;
pub mod result;
pub mod summary;
pub mod text;
pub mod timeline;
