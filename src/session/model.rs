//! What is on disk: the journal, state and chain of a session. Missing fields and `null` read as empty, unknown keys are dropped.

use crate::kernel::clock::Timestamp;
use crate::kernel::json::read::nullable;
use serde::{Deserialize, Serialize};

pub const SCHEMA_VERSION: &str = "1.0.0";
pub const CHAIN_SCHEMA: &str = "gait.runpack.session_chain";
pub const JOURNAL_SCHEMA: &str = "gait.runpack.session_journal";
pub const EVENT_SCHEMA: &str = "gait.runpack.session_event";
pub const CHECKPOINT_SCHEMA: &str = "gait.runpack.session_checkpoint";
pub const STATE_SCHEMA: &str = "gait.runpack.session_state";

/// The first record of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub session_id: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    #[serde(deserialize_with = "nullable")]
    pub started_at: Timestamp,
    /// Always empty: events are records of their own.
    #[serde(skip_deserializing)]
    pub events: [(); 0],
}

/// One decision about a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub session_id: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    /// From 1, without gaps.
    #[serde(deserialize_with = "nullable")]
    pub sequence: i64,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub intent_id: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub tool_name: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub intent_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub policy_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub trace_path: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub verdict: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub reason_codes: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    /// SHA-256 of the line of the event before this one; not every writer gives it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub prev_event_digest: String,
}

/// What a journal amounts to: a cache, rebuilt from the journal whenever in doubt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub schema_id: String,
    pub schema_version: String,
    pub updated_at: Timestamp,
    pub producer_version: String,
    pub session_id: String,
    pub run_id: String,
    pub created_at: Timestamp,
    pub started_at: Timestamp,
    /// Events that stand in the journal; compaction lowers it.
    pub event_count: u64,
    /// Number of the last event there ever was.
    pub last_sequence: i64,
    pub checkpoint_count: u64,
    pub last_checkpoint_index: i64,
    pub last_checkpoint_sequence: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_checkpoint_digest: String,
    pub journal_size_bytes: u64,
    /// When the journal was last modified, in nanoseconds since 1970.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub journal_modified: String,
    /// SHA-256 of the line of the last event.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_event_digest: String,
}

/// All checkpoints of a session, in the order they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chain {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub session_id: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    #[serde(deserialize_with = "nullable")]
    pub checkpoints: Vec<Checkpoint>,
}

/// One checkpoint: the events it covers, the pack they went into, and its links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub session_id: String,
    #[serde(deserialize_with = "nullable")]
    pub run_id: String,
    /// From 1.
    #[serde(deserialize_with = "nullable")]
    pub checkpoint_index: i64,
    #[serde(deserialize_with = "nullable")]
    pub sequence_start: i64,
    #[serde(deserialize_with = "nullable")]
    pub sequence_end: i64,
    #[serde(deserialize_with = "nullable")]
    pub runpack_path: String,
    #[serde(deserialize_with = "nullable")]
    pub manifest_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub prev_checkpoint_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub checkpoint_digest: String,
}
