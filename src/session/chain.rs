//! Reading a chain: accepting it, choosing a checkpoint, checking its links, showing and comparing it.

use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::kernel::json::read;
use crate::runpack::compare::Summary;
use crate::session::model::{CHAIN_SCHEMA, Chain, Checkpoint, SCHEMA_VERSION};
use camino::Utf8Path;
use serde::Serialize;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Reads the chain at `path`: its schema (none counts as this one), its ids, at least one checkpoint.
///
/// Errors: `InvalidInput`. Whether the checkpoints link is another question, see [`linkage`].
pub fn read(path: &Utf8Path) -> Result<Chain> {
    let bytes = fs::read(path, DOCUMENT_LIMIT)?;
    parse(&bytes).map_err(|e| e.at(path))
}

/// As [`read`], from bytes.
pub fn parse(bytes: &[u8]) -> Result<Chain> {
    let mut chain: Chain = read::typed(bytes)?;
    if chain.schema_id.is_empty() {
        CHAIN_SCHEMA.clone_into(&mut chain.schema_id);
    }
    if chain.schema_version.is_empty() {
        SCHEMA_VERSION.clone_into(&mut chain.schema_version);
    }
    let Chain { schema_id, schema_version, .. } = &chain;
    if schema_id != CHAIN_SCHEMA || schema_version != SCHEMA_VERSION {
        return Err(Error::invalid(format!("no session chain: its schema is {schema_id:?} {schema_version:?}")));
    }
    if chain.session_id.is_empty() || chain.run_id.is_empty() {
        return Err(Error::invalid("no session chain: session_id and run_id have to be there"));
    }
    if chain.checkpoints.is_empty() {
        return Err(Error::invalid("the session chain has no checkpoint"));
    }
    Ok(chain)
}

/// Which checkpoint of a chain is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pick {
    /// The one with the highest index.
    #[default]
    Latest,
    /// The one with this index.
    Index(i64),
}

impl FromStr for Pick {
    type Err = Error;

    /// `latest` in any case, nothing for `latest`, or a decimal integer from 1.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("latest") {
            return Ok(Self::Latest);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(index) if digits && index >= 1 => Ok(Self::Index(index)),
            _ => Err(Error::invalid(format!("checkpoint {text:?} is neither latest nor a number from 1"))),
        }
    }
}

/// The chosen checkpoint. None of that index is `InvalidInput`.
pub fn pick(chain: &Chain, which: Pick) -> Result<&Checkpoint> {
    let mut all = chain.checkpoints.iter();
    let found = match which {
        Pick::Latest => all.max_by_key(|checkpoint| checkpoint.checkpoint_index),
        Pick::Index(index) => all.find(|checkpoint| checkpoint.checkpoint_index == index),
    };
    found.ok_or_else(|| {
        let indices: Vec<String> = chain.checkpoints.iter().map(|c| c.checkpoint_index.to_string()).collect();
        Error::invalid("the session chain has no such checkpoint").hint(format!("it has {}", indices.join(", ")))
    })
}

/// The digest that stands for a checkpoint and everything before it.
pub fn checkpoint_digest(checkpoint: &Checkpoint) -> Digest {
    let Checkpoint { manifest_digest, prev_checkpoint_digest, .. } = checkpoint;
    let Checkpoint { checkpoint_index, sequence_start, sequence_end, .. } = checkpoint;
    let text = format!("{manifest_digest}:{prev_checkpoint_digest}:{checkpoint_index}:{sequence_start}:{sequence_end}");
    Digest::of(text.as_bytes())
}

/// What is wrong with the links of a chain, in file order; nothing when it holds. Packs are not looked at.
pub fn linkage(chain: &Chain) -> Vec<String> {
    let mut errors = Vec::new();
    let mut last = &Checkpoint::default();
    for (position, checkpoint) in chain.checkpoints.iter().enumerate() {
        let index = checkpoint.checkpoint_index;
        let mut note = |wrong: bool, what: String| {
            if wrong {
                errors.push(what);
            }
        };
        note(index != last.checkpoint_index + 1, format!("checkpoint index mismatch at position {position}"));
        let link = index > 1 && checkpoint.prev_checkpoint_digest != last.checkpoint_digest;
        note(link, format!("prev_checkpoint_digest mismatch at checkpoint {index}"));
        let overlap = checkpoint.sequence_start <= last.sequence_end;
        note(overlap, format!("sequence overlap at checkpoint {index}"));
        let digest = checkpoint_digest(checkpoint).to_string() != checkpoint.checkpoint_digest;
        note(digest, format!("checkpoint_digest mismatch at checkpoint {index}"));
        let first = index == 1 && !checkpoint.prev_checkpoint_digest.is_empty();
        note(first, "checkpoint 1 names a predecessor".to_owned());
        let gap = checkpoint.sequence_start > last.sequence_end + 1;
        note(gap, format!("sequence gap before checkpoint {index}"));
        let backwards = checkpoint.sequence_end < checkpoint.sequence_start;
        note(backwards, format!("sequence range of checkpoint {index} ends before it starts"));
        let foreign = checkpoint.session_id != chain.session_id || checkpoint.run_id != chain.run_id;
        note(foreign, format!("checkpoint {index} is of another session or run"));
        last = checkpoint;
    }
    errors
}

/// A chain as it is shown. Fields stand in key order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Always `session_chain`.
    pub artifact_type: &'static str,
    pub checkpoint_count: usize,
    /// By index.
    pub checkpoints: Vec<ViewedCheckpoint>,
    pub path: String,
    pub run_id: String,
    pub session_id: String,
    /// What does not link.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A checkpoint as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewedCheckpoint {
    pub checkpoint_digest: String,
    pub checkpoint_index: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prev_checkpoint_digest: String,
    pub runpack_path: String,
    pub sequence_end: i64,
    pub sequence_start: i64,
}

/// Shows the chain at `path`. Errors: as [`read`].
pub fn inspect(path: &Utf8Path) -> Result<View> {
    let chain = read(path)?;
    let warnings = linkage(&chain);
    let mut checkpoints: Vec<ViewedCheckpoint> = chain
        .checkpoints
        .into_iter()
        .map(|checkpoint| ViewedCheckpoint {
            checkpoint_digest: checkpoint.checkpoint_digest,
            checkpoint_index: checkpoint.checkpoint_index,
            prev_checkpoint_digest: checkpoint.prev_checkpoint_digest,
            runpack_path: checkpoint.runpack_path,
            sequence_end: checkpoint.sequence_end,
            sequence_start: checkpoint.sequence_start,
        })
        .collect();
    checkpoints.sort_by_key(|checkpoint| checkpoint.checkpoint_index);
    Ok(View {
        artifact_type: "session_chain",
        checkpoint_count: checkpoints.len(),
        checkpoints,
        path: path.to_string(),
        run_id: chain.run_id,
        session_id: chain.session_id,
        warnings,
    })
}

/// Compares two chains by the digests of their checkpoints. Any difference counts as a change of everything.
pub fn diff(left: &Chain, right: &Chain) -> Summary {
    let digests = |chain: &Chain| -> BTreeMap<i64, String> {
        chain.checkpoints.iter().map(|c| (c.checkpoint_index, c.checkpoint_digest.clone())).collect()
    };
    let (a, b) = (digests(left), digests(right));
    let mut files_changed = Vec::new();
    for (index, digest) in &a {
        match b.get(index) {
            Some(other) if other == digest => {}
            Some(_) => files_changed.push(format!("checkpoint_{index}")),
            None => files_changed.push(format!("left_only_checkpoint_{index}")),
        }
    }
    let right_only = b.keys().filter(|index| !a.contains_key(index));
    files_changed.extend(right_only.map(|index| format!("right_only_checkpoint_{index}")));
    files_changed.sort();
    let changed = !files_changed.is_empty();
    Summary {
        run_id_left: left.run_id.clone(),
        run_id_right: right.run_id.clone(),
        manifest_changed: changed,
        intents_changed: changed,
        results_changed: changed,
        refs_changed: changed,
        files_changed,
        ..Summary::default()
    }
}
