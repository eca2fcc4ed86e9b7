//! The operational event: a command starts, a command ends.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::scout::log::{self, Environment, Log};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `schema_id` of an operational event.
pub const SCHEMA_ID: &str = "gait.scout.operational_event";
/// `schema_version` of an operational event.
pub const SCHEMA_VERSION: &str = "1.0.0";
/// The category of a start, a success, and a failure this schema version has no name for.
pub const NONE: &str = "none";

/// The failures this schema version has a name for.
const CATEGORIES: [&str; 10] = [
    "approval_required",
    "dependency_missing",
    "internal_failure",
    "invalid_input",
    "io_failure",
    "network_permanent",
    "network_transient",
    "policy_blocked",
    "state_contention",
    "verification_failed",
];

/// Which end of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Start,
    End,
}

/// One operational event; keys in the order they are written, none left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub schema_id: String,
    pub schema_version: String,
    pub created_at: Timestamp,
    pub producer_version: String,
    pub correlation_id: String,
    pub command: String,
    pub phase: Phase,
    /// 0 in a start.
    pub exit_code: u8,
    pub error_category: String,
    pub retryable: bool,
    /// Whole milliseconds since the start.
    pub elapsed_ms: u64,
    pub environment: Environment,
}

/// `category` if this schema version knows it, else [`NONE`]: the exit code then tells more.
pub fn category(category: &str) -> &'static str {
    CATEGORIES.into_iter().find(|known| *known == category).unwrap_or(NONE)
}

impl Event {
    fn checked(self) -> Result<Self> {
        if self.schema_id != SCHEMA_ID || self.schema_version != SCHEMA_VERSION {
            return Err(Error::invalid(format!("not a {SCHEMA_ID} {SCHEMA_VERSION}")));
        }
        if self.created_at.is_zero() {
            return Err(Error::invalid("created_at is missing"));
        }
        for (name, text) in [
            ("producer_version", &self.producer_version),
            ("correlation_id", &self.correlation_id),
            ("command", &self.command),
        ] {
            if text.trim().is_empty() {
                return Err(Error::invalid(format!("{name} is missing")));
            }
        }
        if self.error_category != NONE && category(&self.error_category) == NONE {
            return Err(Error::invalid(format!("unknown error_category {:?}", self.error_category)));
        }
        self.environment.check()?;
        Ok(self)
    }
}

/// Reads an operational log; lines that hold no event are counted and passed over.
pub fn read(path: &Path) -> Result<Log<Event>> {
    log::read(path, Event::checked)
}
