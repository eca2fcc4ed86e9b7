//! The GitHub Action: what its inputs mean, where it runs, and what it leaves for the workflow and the pull request.
//!
//! Verbs: `inputs` and `context` (what the runner says), `folder` (the artifact folder), `install` (the program for later
//! steps), `results` (files of other jobs), `outputs` (what later steps read), `publish` (comment and check run, by
//! `github`). The command itself is run by whoever calls these.
//!
//! **Invariant:** publishing never changes the verdict: it gives remarks, not errors.

pub mod checks;
pub mod comment;
pub mod context;
pub mod folder;
pub mod github;
pub mod inputs;
pub mod install;
pub mod outputs;
pub mod publish;
pub mod results;
