//! Compaction: events that a checkpoint covers leave the journal. First a plan, then the deed.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use crate::session::checkpoint::same;
use crate::session::journal::Record;
use crate::session::model::{Header, JOURNAL_SCHEMA, State};
use crate::session::open::Session;
use crate::session::state;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::io::Write as _;

/// What compaction does, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compaction {
    pub journal_path: Utf8PathBuf,
    pub output_path: Utf8PathBuf,
    pub dry_run: bool,
    pub compacted: bool,
    pub events_before: u64,
    pub events_after: u64,
    pub checkpoints: u64,
    pub last_checkpoint_sequence: i64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

/// A compaction that has not happened yet.
#[derive(Debug)]
pub struct Plan {
    pub compaction: Compaction,
    content: Vec<u8>,
    policies: Vec<(i64, String)>,
    state: State,
    in_place: bool,
}

/// Where the policy digests of events that left the journal are kept: no runpack of this version holds them.
pub fn policies_path(journal: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{journal}.policies.jsonl"))
}

/// Plans to compact a session into `out`, or in place. Nothing is written but what mending the journal needs.
pub fn plan(session: &mut Session, out: Option<&str>) -> Result<Plan> {
    let output_path = out.map_or_else(|| Ok(session.path.clone()), fs::output_path)?;
    let journal = session.journal()?;
    let in_place = same(&session.path, &output_path);
    let header = Header { schema_id: JOURNAL_SCHEMA.to_owned(), ..journal.header.clone() };
    let mut content = Record::Header(header).line()?;
    for checkpoint in &journal.checkpoints {
        content.extend(Record::Checkpoint(Box::new(checkpoint.clone())).line()?);
    }
    for pending in &journal.pending {
        content.extend_from_slice(&pending.line);
        content.push(b'\n');
    }
    let bytes_before = session.size()?;
    let (bytes_after, events_after) = (content.len() as u64, journal.pending.len() as u64);
    let compaction = Compaction {
        journal_path: session.path.clone(),
        output_path,
        dry_run: false,
        compacted: events_after < journal.event_count || !in_place || bytes_after != bytes_before,
        events_before: journal.event_count,
        events_after,
        checkpoints: journal.checkpoints.len() as u64,
        last_checkpoint_sequence: journal.covered(),
        bytes_before,
        bytes_after,
    };
    let state = State { event_count: events_after, ..state::of(&journal, session.clock) };
    Ok(Plan { compaction, content, policies: journal.policies, state, in_place })
}

/// Carries a plan out while the session is still the one it was made for. In place: the old journal or the new one is
/// there at any moment, and later events are numbered as if nothing had happened.
pub fn apply(session: &mut Session, plan: Plan) -> Result<Compaction> {
    let Plan { compaction, content, policies, mut state, in_place } = plan;
    if !compaction.compacted {
        return Ok(compaction);
    }
    if !in_place {
        fs::write(&compaction.output_path, &content)?;
        return Ok(compaction);
    }
    keep(&policies, &session.path)?;
    fs::write(&session.path, &content)?;
    session.reopen()?;
    session.remember(&mut state);
    Ok(compaction)
}

#[derive(Serialize)]
struct Policy<'a> {
    sequence: i64,
    policy_digest: &'a str,
}

/// Appends to the policies file, before the events go. Interrupted and repeated, it names an event twice.
fn keep(policies: &[(i64, String)], journal: &Utf8Path) -> Result<()> {
    if policies.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (sequence, policy_digest) in policies {
        text.push_str(&encode::record(&Policy { sequence: *sequence, policy_digest })?);
        text.push('\n');
    }
    let path = policies_path(journal);
    let mut file = fs::open_private(path.as_std_path())?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(|e| Error::io("append to", &path, e))
}
