//! The gate against people who want past it.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod attacks;
mod decisions;
mod digests;
mod kit;
mod limits;
mod schemas;
mod shapes;
mod spellings;
mod templates;
mod tokens;
