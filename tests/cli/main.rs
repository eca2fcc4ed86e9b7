//! The program as people and scripts meet it: one transcript a test.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod accept;
mod begin;
mod candidates;
mod cases;
mod compare;
mod config;
mod decisions;
mod demo;
mod doctor;
mod global;
mod init;
mod killed;
mod kit;
mod properties;
mod record;
mod reports;
mod shard;
mod verify;
