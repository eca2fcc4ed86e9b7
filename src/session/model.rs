//! What is on disk: the chain of a session. Missing fields and `null` read as empty, unknown keys are dropped.

use crate::kernel::clock::Timestamp;
use crate::runpack::model::nullable;
use serde::{Deserialize, Serialize};

pub const SCHEMA_VERSION: &str = "1.0.0";
pub const CHAIN_SCHEMA: &str = "gait.runpack.session_chain";

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
