//! The adoption event: which command ran, and how it ended.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::scout::log::{self, Environment, Log};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `schema_id` of an adoption event.
pub const SCHEMA_ID: &str = "gait.scout.adoption_event";
/// `schema_version` of an adoption event.
pub const SCHEMA_VERSION: &str = "1.0.0";

/// One adoption event; keys in the order they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    pub schema_id: String,
    pub schema_version: String,
    /// End of the command, UTC.
    pub created_at: Timestamp,
    pub producer_version: String,
    pub command: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workflow_id: String,
    pub success: bool,
    pub exit_code: u8,
    /// Whole milliseconds; a negative value is read as 0.
    pub elapsed_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<String>,
    pub environment: Environment,
}

impl Default for Event {
    fn default() -> Self {
        Self {
            schema_id: SCHEMA_ID.to_owned(),
            schema_version: SCHEMA_VERSION.to_owned(),
            created_at: Timestamp::ZERO,
            producer_version: String::new(),
            command: String::new(),
            workflow_id: String::new(),
            success: false,
            exit_code: 0,
            elapsed_ms: 0,
            milestones: Vec::new(),
            environment: Environment::default(),
        }
    }
}

impl Event {
    /// The event as it is used: texts trimmed, defaults filled in, or why it can't be.
    fn checked(mut self) -> Result<Self> {
        for (text, default) in [
            (&mut self.schema_id, SCHEMA_ID),
            (&mut self.schema_version, SCHEMA_VERSION),
            (&mut self.producer_version, "0.0.0-dev"),
        ] {
            if text.is_empty() {
                *text = default.to_owned();
            }
        }
        if self.schema_id != SCHEMA_ID || self.schema_version != SCHEMA_VERSION {
            return Err(Error::invalid(format!("not a {SCHEMA_ID} {SCHEMA_VERSION}")));
        }
        if self.created_at.is_zero() {
            return Err(Error::invalid("created_at is missing"));
        }
        self.command = self.command.trim().to_owned();
        if self.command.is_empty() {
            return Err(Error::invalid("command is missing"));
        }
        self.environment.check()?;
        self.created_at = self.created_at.utc();
        self.elapsed_ms = self.elapsed_ms.max(0);
        self.milestones = self.milestones.iter().map(|text| text.trim().to_owned()).collect();
        self.milestones.retain(|text| !text.is_empty());
        self.milestones.sort();
        self.milestones.dedup();
        Ok(self)
    }
}

/// Reads an adoption log; lines that hold no event are counted and passed over.
pub fn read(path: &Path) -> Result<Log<Event>> {
    log::read(path, Event::checked)
}
