//! What a replayed agent asked, as a runpack: the baseline's ids and times, so that equal behaviour has equal bytes.

use crate::kernel::error::Result;
use crate::kernel::fs;
use crate::mcp::catalog;
use crate::mcp::replay::{Asking, unmatched};
use crate::mcp::veil::Veil;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::Manifest;
use crate::runpack::read::Pack;
use crate::runpack::record;
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::Utf8Path;

/// Writes the candidate. A matched call is the baseline's record under the arguments that were asked; a repeated one
/// is `repeat_<n>`, one without an answer `unmatched_<n>` with its secrets behind `veil`, at the baseline's start.
pub fn write(
    baseline: &Pack,
    server: &str,
    asking: &[Asking],
    veil: &Veil,
    out: &Utf8Path,
    key: Option<&PrivateKey>,
) -> Result<Manifest> {
    let run = &baseline.contents.run;
    let (mut intents, mut results) = (LaneDraft::new(Lane::Intents)?, LaneDraft::new(Lane::Results)?);
    let prefix = prefix(baseline, server)?;
    let mut marks = Vec::new();
    for (number, asked) in (1..).zip(asking) {
        let label = format!("{prefix}{}", asked.tool);
        match asked.answered_by.map(|at| &baseline.intents[at]) {
            Some(intent) => {
                let result = baseline.results.iter().find(|result| result.intent_id == intent.intent_id);
                let id = asked.again.then(|| format!("repeat_{number}"));
                intents.push(&named(intent, id.as_deref()))?;
                if let Some(result) = result {
                    results.push(&named(result, id.as_deref()))?;
                }
            }
            None => {
                let id = format!("unmatched_{number}");
                let (at, args) = (run.created_at, asked.args.as_deref().unwrap_or("{}"));
                let (args, found) = veil.cover(args);
                marks.extend(found);
                let refusal = unmatched(&asked.tool, &args);
                intents.push(&record::half(run, Lane::Intents, &id, &label, at, Some(&args))?)?;
                results.push(&record::half(run, Lane::Results, &id, "tool_error", at, Some(&refusal))?)?;
            }
        }
    }
    let entry = match baseline.entry(catalog::ENTRY) {
        Some(bytes) if !marks.is_empty() => {
            let mut catalog = catalog::Catalog::read(bytes)?;
            catalog.redactions.extend(marks);
            catalog.redactions.sort();
            catalog.redactions.dedup();
            Some(catalog.bytes()?)
        }
        bytes => bytes.map(<[u8]>::to_vec),
    };
    let parts = Parts {
        run: run.clone(),
        refs: baseline.contents.refs.clone(),
        capture_mode: baseline.contents.manifest.capture_mode.clone(),
        intents: intents.finish()?,
        results: results.finish()?,
        extra: entry.map(|bytes| (catalog::ENTRY.to_owned(), bytes)).into_iter().collect(),
    };
    fs::make_parent(out)?;
    write::seal(out, parts, key)
}

fn prefix(baseline: &Pack, server: &str) -> Result<String> {
    let Some(bytes) = baseline.entry(catalog::ENTRY) else { return Ok(String::new()) };
    let several = catalog::Catalog::read(bytes)?.servers.len() > 1;
    Ok(if several { format!("{server}.") } else { String::new() })
}

/// The record under another id.
fn named<'r>(record: &'r Record<'static>, id: Option<&str>) -> Record<'r> {
    let mut record = record.clone();
    if let Some(id) = id {
        record.intent_id = id.to_owned().into();
    }
    record
}
