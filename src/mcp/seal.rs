//! Journals become one signed runpack: calls in the order they were asked, what the servers are in `tools.json`.

use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::digest::{Digest, hex};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::mcp::catalog::{self, Catalog, Server};
use crate::mcp::journal::Journal;
use crate::mcp::talk::{Call, Talk};
use crate::mcp::veil::Redaction;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{Manifest, Refs, Run, TimelineEvent};
use crate::runpack::record;
use crate::runpack::scan::LINE_LIMIT;
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::time::Duration;

/// The timeline event of a run whose recording was cut off.
pub const TRUNCATED: &str = "truncated";
/// Largest body of a record; the rest of the line is left to names and digests.
const BODY_LIMIT: usize = LINE_LIMIT - (1 << 20);
/// Folders of journals are named after their run.
const FOLDER: &str = "journal_";

/// What the caller decides.
#[derive(Debug)]
pub struct Options<'k> {
    pub run_id: String,
    pub out: Utf8PathBuf,
    pub key: Option<&'k PrivateKey>,
    /// How long to wait for servers that still run.
    pub patience: Duration,
    /// Also seal what is still being written.
    pub force: bool,
}

/// A captured run on disk.
#[derive(Debug)]
pub struct Sealed {
    pub path: Utf8PathBuf,
    pub manifest: Manifest,
    pub servers: Vec<String>,
    pub calls: usize,
    pub truncated: bool,
    /// One line each.
    pub warnings: Vec<String>,
}

/// An id for a run that starts now: `run_<time>_<random>`.
pub fn run_id(clock: &Clock) -> Result<String> {
    let mut random = [0u8; 4];
    getrandom::fill(&mut random)
        .map_err(|e| Error::new(Kind::Internal, format!("no randomness from the operating system: {e}")))?;
    Ok(format!("run_{}_{}", clock.now().compact(), hex(&random)))
}

/// The folder of the journals of run `id`, below `out`.
pub fn folder(out: &Utf8Path, id: &str) -> Utf8PathBuf {
    out.join(format!("{FOLDER}{id}"))
}

/// The run whose journals stand in this folder, where its name tells.
pub fn run_of(folder: &Utf8Path) -> Option<&str> {
    folder.file_name()?.strip_prefix(FOLDER).filter(|id| record::check_run_id(id).is_ok())
}

/// One connection of the run.
struct Part {
    journal: Journal,
    talk: Talk,
    server: String,
}

/// Seals these journals as one pack, whole or not at all. They stay where they are.
pub fn seal(journals: &[Utf8PathBuf], options: &Options<'_>) -> Result<Sealed> {
    record::check_run_id(&options.run_id)?;
    if journals.is_empty() {
        return Err(Error::invalid("there is no journal to seal").code("no_calls_captured"));
    }
    let mut parts = Vec::new();
    for path in journals {
        let journal = Journal::read(path, options.patience, options.force)?;
        let talk = Talk::of(&journal);
        let own = talk.server_name().unwrap_or_else(|| journal.head.program.clone());
        let server = if journal.head.server.is_empty() { own } else { journal.head.server.clone() };
        parts.push(Part { journal, talk, server });
    }
    parts.sort_by_key(|part| part.journal.head.at.to_string());
    let mut servers: BTreeMap<&str, Vec<&Talk>> = BTreeMap::new();
    for part in &parts {
        servers.entry(&part.server).or_default().push(&part.talk);
    }
    let mut redactions: Vec<Redaction> = parts.iter().flat_map(|part| part.journal.redactions.clone()).collect();
    redactions.sort();
    redactions.dedup();
    let catalog = Catalog::new(servers.iter().map(|(name, talks)| Server::of(name, talks)).collect(), redactions);
    let started = parts.iter().map(|part| part.journal.head.at).next().unwrap_or_default();
    let mut run = Run { run_id: options.run_id.clone(), created_at: started, ..Run::default() };
    record::fill_run(&mut run, &Clock::fixed(started));
    let cut_off = parts.iter().filter(|part| part.journal.truncated);
    let event =
        |part: &Part| TimelineEvent { event: TRUNCATED.to_owned(), ts: part.journal.last, reference: String::new() };
    run.timeline = Some(cut_off.map(event).collect());
    let truncated = run.timeline.as_ref().is_some_and(|events| !events.is_empty());
    let mut warnings = warnings(&parts);
    let (intents, results, calls) = lanes(&parts, &run, servers.len() > 1, &mut warnings)?;
    let mut refs = Refs::default();
    record::fill_refs(&mut refs, &run);
    let extra = vec![(catalog::ENTRY.to_owned(), catalog.bytes()?)];
    let pack = Parts { run, refs, capture_mode: "raw".to_owned(), intents, results, extra };
    fs::make_parent(&options.out)?;
    let manifest = write::seal(&options.out, pack, options.key)?;
    let servers = catalog.servers.into_iter().map(|server| server.name).collect();
    Ok(Sealed { path: options.out.clone(), manifest, servers, calls, truncated, warnings })
}

fn warnings(parts: &[Part]) -> Vec<String> {
    let mut warnings = Vec::new();
    for part in parts {
        if part.talk.skipped > 0 {
            let (count, name) = (part.talk.skipped, &part.server);
            warnings.push(format!("{count} messages of {name} were too long, or in an encoding we do not read"));
        }
        if part.journal.truncated {
            warnings.push(format!("the recording of {} was cut off", part.server));
        }
    }
    warnings
}

type Lanes = (write::LanePart, write::LanePart, usize);

/// Both lanes, by the time of the request; each result stands at its intent's place.
fn lanes(parts: &[Part], run: &Run, prefixed: bool, warnings: &mut Vec<String>) -> Result<Lanes> {
    let mut calls: Vec<(Timestamp, &str, &Call)> = Vec::new();
    for part in parts {
        calls.extend(part.talk.calls.iter().map(|call| (call.asked, part.server.as_str(), call)));
    }
    calls.sort_by_key(|(asked, ..)| asked.since(&run.created_at).unwrap_or_default());
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let mut omitted = 0;
    let count = calls.len();
    for (number, (_, server, call)) in (1..).zip(calls) {
        let id = format!("call_{number}");
        let tool = if prefixed { format!("{server}.{}", call.tool) } else { call.tool.clone() };
        let mut keep = |lane, label: &str, at, text: Option<&str>| half(run, lane, &id, label, at, text, &mut omitted);
        intents.push(&keep(Lane::Intents, &tool, call.asked, call.args.as_deref())?)?;
        if let Some(answer) = &call.answer {
            results.push(&keep(Lane::Results, answer.status, answer.at, Some(&answer.result))?)?;
        }
    }
    if omitted > 0 {
        warnings.push(format!("{omitted} arguments or results could not be kept: their digests stand in their place"));
    }
    Ok((intents.finish()?, results.finish()?, count))
}

/// One record of a call. What is too long for a line, or has no canonical form, is told by length and digest.
fn half(
    run: &Run,
    lane: Lane,
    id: &str,
    label: &str,
    at: Timestamp,
    text: Option<&str>,
    omitted: &mut usize,
) -> Result<Record<'static>> {
    if text.is_none_or(|text| text.len() <= BODY_LIMIT)
        && let Ok(record) = record::half(run, lane, id, label, at, text)
        && record.content().is_none_or(|content| content.len() <= BODY_LIMIT)
    {
        return Ok(record);
    }
    *omitted += 1;
    let text = text.unwrap_or_default();
    let digest = Digest::of(text.as_bytes());
    let stub = format!("{{\"omitted\":{{\"bytes\":{},\"sha256\":\"{digest}\"}}}}", text.len());
    record::half(run, lane, id, label, at, Some(&stub))
}
