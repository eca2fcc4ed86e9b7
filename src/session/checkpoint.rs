//! Checkpoints: the events since the last one become a signed runpack, linked into the chain.

use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, Draft};
use crate::kernel::json::{canon, encode};
use crate::runpack::lane::{Lane, Record as Call};
use crate::runpack::model::{self, Manifest, REFS_SCHEMA, RUN_SCHEMA, Refs, Run, TimelineEvent};
use crate::runpack::record::{PRODUCER, host};
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::session::chain;
use crate::session::journal::{Journal, Pending, Record};
use crate::session::model::{CHAIN_SCHEMA, CHECKPOINT_SCHEMA, Chain, Checkpoint, Event, SCHEMA_VERSION};
use crate::session::open::Session;
use crate::session::state;
use crate::session::verify;
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// What the caller decides about a checkpoint.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// Where the runpack goes.
    pub out: &'a str,
    /// Where a copy of the chain goes.
    pub chain_out: Option<&'a str>,
    /// The time of the checkpoint in place of now; equal events at equal times make equal runpacks.
    pub created_at: Option<Timestamp>,
    pub key: Option<&'a PrivateKey>,
}

/// Makes the next checkpoint of a session.
///
/// The journal decides: the runpack is written first and counts only when the journal has its record; the chain files
/// follow, and one that cannot be written is a warning, because [`heal`] makes it again.
///
/// Errors: `InvalidInput` without new events (nothing is written) or for a path that may not be written to.
pub fn checkpoint(session: &mut Session, options: &Options<'_>) -> Result<Checkpoint> {
    let out = fs::output_path(options.out)?;
    let chain_out = options.chain_out.map(fs::output_path).transpose()?;
    let journal = session.journal()?;
    let (Some(first), Some(last)) = (journal.pending.first(), journal.pending.last()) else {
        return Err(Error::invalid("there are no events since the last checkpoint"));
    };
    let (sequence_start, sequence_end) = (first.event.sequence, last.event.sequence);
    refuse_taken(&out, chain_out.as_deref(), &session.path, &journal)?;
    for path in [Some(&out), chain_out.as_ref()].into_iter().flatten() {
        fs::make_parent(path)?;
        Draft::new(path)?;
    }
    let before = journal.checkpoints.last();
    let mut made = Checkpoint {
        schema_id: CHECKPOINT_SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        created_at: options.created_at.unwrap_or_else(|| session.clock.now()),
        producer_version: PRODUCER.to_owned(),
        session_id: journal.header.session_id.clone(),
        run_id: journal.header.run_id.clone(),
        checkpoint_index: before.map_or(1, |last| last.checkpoint_index + 1),
        sequence_start,
        sequence_end,
        runpack_path: out.to_string(),
        prev_checkpoint_digest: before.map(|last| last.checkpoint_digest.clone()).unwrap_or_default(),
        ..Checkpoint::default()
    };
    made.manifest_digest = pack(&out, &made, &journal.pending, options.key)?.manifest_digest;
    made.checkpoint_digest = chain::checkpoint_digest(&made).to_string();
    commit(session, journal, &made, chain_out.as_deref())?;
    Ok(made)
}

/// Puts the checkpoint into the journal, then into state and chain.
fn commit(session: &mut Session, mut journal: Journal, made: &Checkpoint, copy: Option<&Utf8Path>) -> Result<()> {
    let bare = journal.pending.iter().filter(|pending| pending.event.intent_digest.is_empty()).count();
    if bare > 0 {
        session.warnings.push(format!("{bare} events have no intent digest: their args_digest is empty"));
    }
    session.write(&Record::Checkpoint(Box::new(made.clone())), true)?;
    journal.checkpoints.push(made.clone());
    let mut state = state::of(&journal, session.clock);
    session.remember(&mut state);
    let text = encode::document(&chain_of(&journal, state.created_at))?;
    for path in [Some(chain_path(&session.path).as_path()), copy].into_iter().flatten() {
        if let Err(error) = fs::write(path, text.as_bytes()) {
            session.warnings.push(format!(
                "the checkpoint is made, but not its chain file: {error} (`gait run session start` writes {} again)",
                chain_path(&session.path)
            ));
        }
    }
    Ok(())
}

/// Writes the chain file of a journal again where it is not what the journal says. Whether it did.
pub fn heal(session: &mut Session) -> Result<bool> {
    let journal = session.journal()?;
    if journal.checkpoints.is_empty() {
        return Ok(false);
    }
    let wanted = chain_of(&journal, state::of(&journal, session.clock).created_at);
    let path = chain_path(&session.path);
    if chain::read(&path).is_ok_and(|there| there == wanted) {
        return Ok(false);
    }
    fs::write(&path, encode::document(&wanted)?.as_bytes())?;
    Ok(true)
}

/// The chain file of a journal: beside it, `<name without its last extension>_chain.json`.
pub fn chain_path(journal: &Utf8Path) -> Utf8PathBuf {
    let name = journal.file_name().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    journal.with_file_name(if stem.is_empty() { "session_chain.json".to_owned() } else { format!("{stem}_chain.json") })
}

fn chain_of(journal: &Journal, created_at: Timestamp) -> Chain {
    Chain {
        schema_id: CHAIN_SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        created_at,
        producer_version: journal.header.producer_version.clone(),
        session_id: journal.header.session_id.clone(),
        run_id: journal.header.run_id.clone(),
        checkpoints: journal.checkpoints.clone(),
    }
}

/// A checkpoint never takes the place of another one's runpack, nor of the session's own files.
fn refuse_taken(out: &Utf8Path, chain_out: Option<&Utf8Path>, journal: &Utf8Path, read: &Journal) -> Result<()> {
    let own = [journal.to_owned(), state::path(journal), format!("{journal}.lock").into()];
    let chain = chain_path(journal);
    for path in [Some(out), chain_out].into_iter().flatten() {
        if own.iter().any(|taken| same(taken, path)) {
            return Err(Error::invalid(format!("{path} is a file of the session itself")));
        }
        if let Some(made) = read.checkpoints.iter().find(|made| same(Utf8Path::new(&made.runpack_path), path)) {
            let index = made.checkpoint_index;
            return Err(Error::invalid(format!("{path} is the runpack of checkpoint {index}"))
                .hint("give every checkpoint an --out of its own: the chain needs them all"));
        }
    }
    if same(&chain, out) || chain_out.is_some_and(|copy| same(copy, out)) {
        return Err(Error::invalid(format!("{out} is the chain file")));
    }
    Ok(())
}

/// Whether two paths name the same file, or would.
pub(in crate::session) fn same(a: &Utf8Path, b: &Utf8Path) -> bool {
    let spelled = |path: &Utf8Path| std::path::absolute(path).ok();
    match (a.canonicalize_utf8(), b.canonicalize_utf8()) {
        (Ok(a), Ok(b)) => a == b,
        _ => spelled(&fs::clean(a.as_str())) == spelled(&fs::clean(b.as_str())),
    }
}

#[derive(Serialize)]
struct Args<'a> {
    sequence: i64,
    session_id: &'a str,
    trace_id: &'a str,
    trace_path: &'a str,
}

#[derive(Serialize)]
struct Outcome<'a> {
    reason_codes: Option<&'a [String]>,
    trace_id: &'a str,
    trace_path: &'a str,
    verdict: &'a str,
    violations: Option<&'a [String]>,
}

/// Writes the runpack of a checkpoint.
fn pack(out: &Utf8Path, made: &Checkpoint, events: &[Pending], key: Option<&PrivateKey>) -> Result<Manifest> {
    let run_id = verify::run_id(&made.run_id, made.checkpoint_index);
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let mut timeline = Vec::with_capacity(events.len() + 1);
    for (at, Pending { event, .. }) in events.iter().enumerate() {
        let numbered = format!("intent_{}", at + 1);
        let intent_id = if event.intent_id.is_empty() { &numbered } else { &event.intent_id };
        let (args, outcome) = (canon::of(&args(event))?, canon::of(&outcome(event))?);
        let digest = Digest::of(&outcome).to_string();
        let half = |lane: Lane, label: &str, digest: &str, body: Vec<u8>| Call {
            schema_id: lane.schema().into(),
            schema_version: model::SCHEMA_VERSION.into(),
            created_at: event.created_at,
            producer_version: PRODUCER.into(),
            run_id: run_id.clone().into(),
            intent_id: intent_id.clone().into(),
            label: label.to_owned().into(),
            digest: digest.to_owned().into(),
            body: Some(body.into()),
            exact: None,
            inexact: false,
        };
        intents.push(&half(Lane::Intents, &event.tool_name, &event.intent_digest, args))?;
        let status = if matches!(event.verdict.as_str(), "block" | "require_approval") { "error" } else { "ok" };
        results.push(&half(Lane::Results, status, &digest, outcome))?;
        timeline.push(TimelineEvent {
            event: "session_event".to_owned(),
            ts: event.created_at,
            reference: event.trace_id.clone(),
        });
    }
    timeline.push(TimelineEvent {
        event: "session_checkpoint_emitted".to_owned(),
        ts: made.created_at,
        reference: format!("checkpoint:{}", made.checkpoint_index),
    });
    let run = Run {
        schema_id: RUN_SCHEMA.to_owned(),
        schema_version: model::SCHEMA_VERSION.to_owned(),
        created_at: made.created_at,
        producer_version: PRODUCER.to_owned(),
        run_id: run_id.clone(),
        env: host(),
        timeline: Some(timeline),
    };
    let refs = Refs {
        schema_id: REFS_SCHEMA.to_owned(),
        schema_version: model::SCHEMA_VERSION.to_owned(),
        created_at: made.created_at,
        producer_version: PRODUCER.to_owned(),
        run_id,
        receipts: Some(Vec::new()),
    };
    let (intents, results) = (intents.finish()?, results.finish()?);
    let capture_mode = "reference".to_owned();
    write::seal(out, Parts { run, refs, capture_mode, intents, results, extra: Vec::new() }, key)
}

fn args(event: &Event) -> Args<'_> {
    Args {
        sequence: event.sequence,
        session_id: &event.session_id,
        trace_id: &event.trace_id,
        trace_path: &event.trace_path,
    }
}

fn outcome(event: &Event) -> Outcome<'_> {
    let list = |items: &'_ [String]| !items.is_empty();
    Outcome {
        reason_codes: Some(event.reason_codes.as_slice()).filter(|items| list(items)),
        trace_id: &event.trace_id,
        trace_path: &event.trace_path,
        verdict: &event.verdict,
        violations: Some(event.violations.as_slice()).filter(|items| list(items)),
    }
}
