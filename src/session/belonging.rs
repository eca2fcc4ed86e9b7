//! Does a decision trace belong to a run? Checkpoint runpacks name the trace of every call they hold.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::error::Result;
use crate::kernel::json::tree;
use crate::runpack::lane::Record;
use crate::runpack::verify::{self, Trust};
use std::collections::BTreeMap;
use std::path::Path;

/// What a trace says that a run can contradict; what is empty is not compared.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub trace_id: &'a str,
    pub tool_name: &'a str,
    pub intent_digest: &'a str,
    pub verdict: &'a str,
}

/// Whether trace and run go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belonging {
    /// The run names no trace, so nothing can be said.
    Unknown,
    /// The run holds the decided call just so.
    Holds,
    /// What the two disagree about.
    Contradicted(Vec<String>),
}

/// Compares a claim with the runpack at `path`. Errors: as [`verify::open`].
pub fn check(path: &Path, trust: &Trust, limits: Limits, claim: &Claim<'_>) -> Result<Belonging> {
    let archive = Archive::open(path, limits)?;
    let mut named = 0_usize;
    let mut calls: Vec<(String, Vec<String>)> = Vec::new();
    let mut verdicts: BTreeMap<String, String> = BTreeMap::new();
    verify::open(
        &archive,
        trust,
        &mut |_: usize, record: &Record<'_>| {
            match text(record, "trace_id")? {
                None => {}
                Some(id) if id == claim.trace_id => {
                    named += 1;
                    calls.push((record.intent_id.to_string(), contradictions(record, claim)));
                }
                Some(_) => named += 1,
            }
            Ok(())
        },
        &mut |_: usize, record: &Record<'_>| {
            if let Some(verdict) = text(record, "verdict")? {
                verdicts.insert(record.intent_id.to_string(), verdict);
            }
            Ok(())
        },
    )?;
    if named == 0 {
        return Ok(Belonging::Unknown);
    }
    if calls.is_empty() {
        return Ok(Belonging::Contradicted(vec![format!("the run has no call of trace {}", claim.trace_id)]));
    }
    let judged = calls.into_iter().map(|(id, mut wrong)| {
        if let Some(verdict) = verdicts.get(&id)
            && differs(claim.verdict, verdict)
        {
            wrong.push(format!("the run's verdict is {verdict}, the trace's {}", claim.verdict));
        }
        wrong
    });
    // One call that fits is enough; else the one that fits best tells why.
    let best = judged.min_by_key(Vec::len).unwrap_or_default();
    Ok(if best.is_empty() { Belonging::Holds } else { Belonging::Contradicted(best) })
}

fn contradictions(record: &Record<'_>, claim: &Claim<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    if differs(claim.tool_name, &record.label) {
        wrong.push(format!("the run's call is of tool {}, the trace's of {}", record.label, claim.tool_name));
    }
    if differs(claim.intent_digest, &record.digest) {
        let (run, trace) = (&record.digest, claim.intent_digest);
        wrong.push(format!("the run's intent digest is {run}, the trace's {trace}"));
    }
    wrong
}

fn differs(claimed: &str, held: &str) -> bool {
    !claimed.is_empty() && !held.is_empty() && claimed != held
}

/// A non-empty text in a record's body.
fn text(record: &Record<'_>, key: &str) -> Result<Option<String>> {
    let Some(body) = &record.body else { return Ok(None) };
    let body = tree::parse(body)?;
    Ok(body.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty()).map(str::to_owned))
}
