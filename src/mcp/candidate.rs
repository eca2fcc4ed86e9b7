//! What a replayed agent asked, as a runpack: the baseline's ids and times, so that equal behaviour has equal bytes.

use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::mcp::catalog;
use crate::mcp::likeness::{Alike, Likeness};
use crate::mcp::replay::{Asking, body, unmatched};
use crate::mcp::veil::{Redaction, Veil};
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::Manifest;
use crate::runpack::read::Pack;
use crate::runpack::record;
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::Utf8Path;
use std::collections::{HashMap, HashSet};

/// What the id of a call without a recorded answer begins with.
pub const UNMATCHED: &str = "unmatched_";

/// Writes the candidate. A matched call is the baseline's record, under the arguments that were asked where a tolerance
/// matched them; a repeated one is `repeat_<n>`, one without an answer `unmatched_<n>`, at the baseline's start. Secrets
/// are behind the baseline's marks, else behind those of `veil`.
pub fn write(
    baseline: &Pack,
    asking: &[Asking],
    likeness: &Likeness,
    veil: &Veil,
    out: &Utf8Path,
    key: Option<&PrivateKey>,
) -> Result<Manifest> {
    let run = &baseline.contents.run;
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let mut answers: HashMap<&str, &Record<'static>> = HashMap::new();
    for result in &baseline.results {
        answers.entry(&result.intent_id).or_insert(result);
    }
    let taken: HashSet<&str> = baseline.intents.iter().map(|intent| intent.intent_id.as_ref()).collect();
    let fresh = |start: &str, number: usize| {
        let mut id = format!("{start}{number}");
        while taken.contains(id.as_str()) {
            id.push('_');
        }
        id
    };
    let mut marks = Vec::new();
    for (number, asked) in (1..).zip(asking) {
        let label = &asked.tool;
        match asked.answered_by.map(|(at, alike)| (&baseline.intents[at], alike)) {
            Some((intent, alike)) => {
                let id = if asked.again { fresh("repeat_", number) } else { intent.intent_id.to_string() };
                let mut record = named(intent, &id);
                if alike == Alike::Accepted {
                    let args = covered(asked, Some(intent), likeness, veil, &mut marks)?;
                    let today = record::half(run, Lane::Intents, &id, label, intent.created_at, Some(&args))?;
                    record = Record { body: today.body, exact: today.exact, digest: today.digest, ..record };
                }
                intents.push(&record)?;
                if let Some(result) = answers.get(intent.intent_id.as_ref()) {
                    results.push(&named(result, &id))?;
                }
            }
            None => {
                let (id, at) = (fresh(UNMATCHED, number), run.created_at);
                let args = covered(asked, None, likeness, veil, &mut marks)?;
                let refusal = unmatched(label, &args);
                intents.push(&record::half(run, Lane::Intents, &id, label, at, Some(&args))?)?;
                results.push(&record::half(run, Lane::Results, &id, "tool_error", at, Some(&refusal))?)?;
            }
        }
    }
    let parts = Parts {
        run: run.clone(),
        refs: baseline.contents.refs.clone(),
        capture_mode: baseline.contents.manifest.capture_mode.clone(),
        intents: intents.finish()?,
        results: results.finish()?,
        extra: entry(baseline, marks)?.map(|bytes| (catalog::ENTRY.to_owned(), bytes)).into_iter().collect(),
    };
    fs::make_parent(out)?;
    write::seal(out, parts, key)
}

/// The arguments as JSON text without the secrets in them; the marks of the veil go to `marks`.
fn covered(
    asked: &Asking,
    recorded: Option<&Record<'_>>,
    likeness: &Likeness,
    veil: &Veil,
    marks: &mut Vec<Redaction>,
) -> Result<String> {
    let mut args = asked.args.clone();
    if let Some(recorded) = recorded {
        likeness.restore(&crate::kernel::json::tree::parse(body(recorded).as_bytes())?, &mut args);
    }
    likeness.hide(&mut args);
    let text = args.text();
    let (covered, found) = veil.cover(&text);
    marks.extend(found);
    Ok(covered.into_owned())
}

/// The baseline's `tools.json`, with the marks that came on top.
fn entry(baseline: &Pack, marks: Vec<Redaction>) -> Result<Option<Vec<u8>>> {
    match baseline.entry(catalog::ENTRY) {
        Some(bytes) if !marks.is_empty() => {
            let mut catalog = catalog::Catalog::read(bytes)?;
            catalog.redactions.extend(marks);
            catalog.redactions.sort();
            catalog.redactions.dedup();
            catalog.bytes().map(Some)
        }
        bytes => Ok(bytes.map(<[u8]>::to_vec)),
    }
}

/// The record under another id.
fn named<'r>(record: &'r Record<'static>, id: &str) -> Record<'r> {
    Record { intent_id: id.to_owned().into(), ..record.clone() }
}
