//! What was looked at, how it stands, and the command that mends it.

use crate::kernel::clock::{Clock, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;

const SCHEMA: &str = "gait.doctor.result";
const SCHEMA_VERSION: &str = "1.0.0";
const PRODUCER: &str = env!("CARGO_PKG_VERSION");

/// How a check came out; the worst of all is that of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pass,
    Warn,
    Fail,
}

impl Status {
    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix_command: Option<String>,
}

impl Check {
    pub fn pass(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Status::Pass, message: message.into(), fix_command: None }
    }

    pub fn warn(name: &'static str, message: impl Into<String>) -> Self {
        Self { status: Status::Warn, ..Self::pass(name, message) }
    }

    pub fn fail(name: &'static str, message: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::pass(name, message) }
    }

    /// The same check with what mends it.
    #[must_use]
    pub fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix_command = Some(command.into());
        self
    }
}

/// All checks of one look, as `--json` tells them.
#[derive(Debug, Serialize)]
pub struct Report {
    schema_id: &'static str,
    schema_version: &'static str,
    created_at: Timestamp,
    producer_version: &'static str,
    pub status: Status,
    pub summary: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    fix_commands: BTreeSet<String>,
    pub checks: Vec<Check>,
}

impl Report {
    /// Sums up checks in the order they were made.
    pub fn of(checks: Vec<Check>, clock: Clock) -> Self {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Pass);
        let (failed, warned) = (count(Status::Fail), count(Status::Warn));
        Self {
            schema_id: SCHEMA,
            schema_version: SCHEMA_VERSION,
            created_at: clock.now().utc(),
            producer_version: PRODUCER,
            status,
            // Nothing that is looked at is beyond mending.
            summary: format!("doctor: status={} failed={failed} warned={warned} non_fixable=false", status.word()),
            fix_commands: checks.iter().filter_map(|check| check.fix_command.clone()).collect(),
            checks,
        }
    }
}

/// A path as one word of a POSIX shell.
pub fn quoted(path: impl AsRef<str>) -> String {
    format!("'{}'", path.as_ref().replace('\'', "'\\''"))
}
