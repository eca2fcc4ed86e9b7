//! `regress_result.json` read back: what a later command needs of an earlier run.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::canon;
use crate::report::model::{Grade, SCHEMA_ID, SCHEMA_VERSION, Shard, Shown, Status};
use camino::Utf8Path;
use serde::Deserialize;

/// A result document.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Written {
    pub schema_id: String,
    pub schema_version: String,
    pub created_at: Timestamp,
    pub producer_version: String,
    pub fixture_set: String,
    pub status: Status,
    pub graders: Vec<Grade>,
    #[serde(default)]
    pub shard: Option<Shard>,
    #[serde(default)]
    pub shown: Option<Shown>,
}

/// Reads the result at `path`. What is none is `InvalidInput`; duplicate keys are refused.
pub fn open(path: &Utf8Path) -> Result<Written> {
    parse(&fs::read(path, DOCUMENT_LIMIT)?).map_err(|e| e.at(path))
}

/// As [`open`], from bytes. Integers keep all their digits.
pub fn parse(bytes: &[u8]) -> Result<Written> {
    canon::canonicalize(bytes)?;
    let written: Written =
        serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("this is no regression result: {e}")))?;
    if written.schema_id != SCHEMA_ID || written.schema_version != SCHEMA_VERSION {
        let (id, version) = (&written.schema_id, &written.schema_version);
        return Err(Error::invalid(format!("this is no regression result this program knows: {id:?} {version:?}")));
    }
    Ok(written)
}
