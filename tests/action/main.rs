//! The action as the runner meets it: environment in, outputs, files, commands and API calls out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod commands;
mod events;
mod files;
mod gate;
mod inputs;
mod limits;
mod manifest;
mod runner;
mod sticky;
