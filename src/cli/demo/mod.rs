//! `gait demo --live`: an incident recorded, tested, changed, accepted and forged, with real processes all the way.
//!
//! Verbs: `live` (the story), `shop` (the tool server it records), `agent` (the agent that is recorded and tested).
//!
//! **Invariant:** every line it shows comes from a command that ran, and a step that ends otherwise than told fails it.

pub mod agent;
pub mod live;
pub mod shop;
