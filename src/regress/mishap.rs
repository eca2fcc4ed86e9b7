//! Why a trial is no good, whatever its candidate holds: written beside it as `trial_<n>.json`, so that whoever judges the
//! candidates elsewhere knows.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use crate::kernel::json::encode;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

const SCHEMA_ID: &str = "gait.regress.mishap";
const SCHEMA_VERSION: &str = "1.0.0";

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The agent could not be started, or failed.
    AgentFailed,
    /// It did not end in time.
    AgentTimeout,
    /// A call without a recorded answer ended the trial.
    UnmatchedRequest,
}

impl Cause {
    /// The reason code.
    pub fn code(self) -> &'static str {
        match self {
            Self::AgentFailed => "agent_failed",
            Self::AgentTimeout => "agent_timeout",
            Self::UnmatchedRequest => "unmatched_request",
        }
    }
}

/// A mishap as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mishap {
    schema_id: String,
    schema_version: String,
    pub reason_code: Cause,
    /// What happened, for people: the agent's own last words too.
    pub what: String,
}

impl Mishap {
    /// A mishap of this kind.
    pub fn new(reason_code: Cause, what: impl Into<String>) -> Self {
        let (schema_id, schema_version) = (SCHEMA_ID.to_owned(), SCHEMA_VERSION.to_owned());
        Self { schema_id, schema_version, reason_code, what: what.into() }
    }

    /// The file that stands beside a candidate.
    pub fn file(candidate: &Utf8Path) -> Utf8PathBuf {
        candidate.with_extension("json")
    }

    /// Writes it beside `candidate`.
    pub fn write(&self, candidate: &Utf8Path) -> Result<()> {
        fs::write(Self::file(candidate), encode::document(self)?.as_bytes())
    }

    /// The one beside `candidate`, if there is any. Other packs than `trial_<n>.zip` may have a JSON file of their own
    /// beside them.
    pub fn read(candidate: &Utf8Path) -> Result<Option<Self>> {
        let file = Self::file(candidate);
        let trial = candidate.file_name().is_some_and(|name| name.starts_with("trial_"));
        if !trial || !file.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&file, SETTINGS_LIMIT)?;
        let mishap: Self =
            serde_json::from_slice(&bytes).map_err(|e| Error::invalid(format!("{file} tells of no mishap: {e}")))?;
        if mishap.schema_id != SCHEMA_ID {
            return Err(Error::invalid(format!("{file} is of schema {:?}, not {SCHEMA_ID}", mishap.schema_id)));
        }
        Ok(Some(mishap))
    }
}
