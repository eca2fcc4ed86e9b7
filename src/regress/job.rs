//! What a [`warden`](crate::regress::warden) is asked and tells, each a line of JSON.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A program to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Program and arguments; a relative program is looked for from the working directory.
    pub argv: Vec<String>,
    /// File that is its standard input; nothing unless given.
    pub stdin: Option<PathBuf>,
    pub stdout: PathBuf,
    pub stderr: PathBuf,
    pub timeout: Duration,
    /// Folder to be removed where nobody is left to hear how it ended.
    pub scratch: Option<PathBuf>,
}

/// How a program came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It could not be started.
    NotStarted(String),
    /// It ended by itself, with an exit code or by a signal.
    Code(i32),
    Signal(i32),
    /// It was ended: its time was over.
    TimedOut,
    /// It was ended: somebody wanted that.
    Stopped,
}
