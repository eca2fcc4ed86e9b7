//! Files a person wrote: `gait.yaml`, `fixture.json` and `.gait/config.yaml`, read with their places.
//!
//! Verbs: `document` (YAML or JSON to a tree that knows lines and columns), `suite` (`gait.yaml`), `rules` (its
//! `match` blocks), `agent` and `graders` (its blocks of those names), `edit` (one fixture more in a `gait.yaml`),
//! `project` (`.gait/config.yaml`), `place` (lines and columns), `scalar` (numbers and texts by the way they are written).
//!
//! **Invariant:** a key nobody knows is never silently ignored; it is reported with its place.

pub mod agent;
pub mod document;
pub mod edit;
pub mod graders;
pub mod place;
pub mod project;
pub mod rules;
pub mod scalar;
pub mod suite;
