//! Inspection: every call of a run in order, joined with what came of it.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::tree::{self, Json};
use crate::runpack::lane::Record;
use crate::runpack::verify::{self, SignatureStatus, Trust};
use camino::Utf8Path;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Longest preview of a call's arguments, in bytes.
const PREVIEW: usize = 120;

/// A run, call by call. Fields stand in key order, so that encoding needs no sorting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Always `runpack`.
    pub artifact_type: &'static str,
    pub capture_mode: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    #[serde(skip_serializing_if = "is_zero")]
    pub intents_total: usize,
    pub path: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub results_total: usize,
    pub run_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched_results: Vec<Unmatched>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// When the run began.
    #[serde(skip)]
    pub started_at: Timestamp,
    #[serde(skip)]
    pub signature_status: SignatureStatus,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A call and the first result with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub args_digest: Box<str>,
    /// In UTC.
    pub created_at: Timestamp,
    /// From 1.
    pub index: usize,
    pub intent_id: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub result_digest: Box<str>,
    /// Empty: there is no result, or it has no status.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: Box<str>,
    pub tool_name: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub verdict: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    /// The start of the arguments as canonical JSON, without control characters; cut at 120 bytes.
    #[serde(skip)]
    pub preview: Box<str>,
}

impl Entry {
    /// How long after the start of the run the call was made; `None` when its time is before it or not known.
    pub fn offset(&self, started_at: &Timestamp) -> Option<Duration> {
        if self.created_at.is_zero() { None } else { self.created_at.since(started_at) }
    }
}

/// A result without a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    pub intent_id: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub result_digest: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub verdict: Box<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
}

/// Reads the pack at `path` call by call. Errors: as [`verify::open`], and unknown schemas.
pub fn inspect(path: &Utf8Path, trust: &Trust) -> Result<Timeline> {
    open(path, trust).map_err(|e| e.at(path))
}

fn open(path: &Utf8Path, trust: &Trust) -> Result<Timeline> {
    let mut archive = Archive::open(path.as_std_path(), Limits::default())?;
    let (mut entries, mut results) = (Vec::new(), Vec::new());
    let contents = verify::open(
        &mut archive,
        trust,
        &mut |at: usize, record: &Record<'_>| {
            entries.push(entry(at, record));
            Ok(())
        },
        &mut |_: usize, record: &Record<'_>| {
            results.push(outcome(record)?);
            Ok(())
        },
    )?;
    verify::known(&contents)?;
    let results_total = results.len();
    let (unmatched_results, warnings) = join(&mut entries, results);
    Ok(Timeline {
        artifact_type: "runpack",
        capture_mode: contents.manifest.capture_mode.clone(),
        intents_total: entries.len(),
        entries,
        path: path.to_string(),
        results_total,
        run_id: contents.run.run_id.clone(),
        unmatched_results,
        warnings,
        started_at: contents.run.created_at,
        signature_status: contents.signature_status,
    })
}

fn entry(at: usize, record: &Record<'_>) -> Entry {
    Entry {
        args_digest: record.digest.as_ref().into(),
        created_at: record.created_at.utc(),
        index: at + 1,
        intent_id: record.intent_id.as_ref().into(),
        reason_codes: Vec::new(),
        result_digest: Box::default(),
        status: Box::default(),
        tool_name: record.label.as_ref().into(),
        verdict: Box::default(),
        violations: Vec::new(),
        preview: preview(record.body.as_deref().unwrap_or_default()),
    }
}

fn preview(body: &[u8]) -> Box<str> {
    let whole = body.len() <= PREVIEW;
    let start = &body[..body.len().min(PREVIEW)];
    let text = start.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    let end = if whole { "" } else { "…" };
    format!("{}{end}", text.replace(char::is_control, "\u{FFFD}")).into()
}

/// A result on its own; whether a call belongs to it is seen later.
fn outcome(record: &Record<'_>) -> Result<Unmatched> {
    let body = record.body.as_deref().unwrap_or_default();
    let mut outcome = Unmatched {
        intent_id: record.intent_id.as_ref().into(),
        result_digest: record.digest.as_ref().into(),
        status: record.label.as_ref().into(),
        ..Unmatched::default()
    };
    // Escapes cannot hide these keys: canonical text has none for letters.
    let keys = [r#""verdict""#, r#""reason_codes""#, r#""violations""#];
    if keys.iter().any(|key| memchr::memmem::find(body, key.as_bytes()).is_some()) {
        let body = tree::parse(body)?;
        outcome.verdict = body.get("verdict").and_then(Json::as_str).map(str::trim).unwrap_or_default().into();
        outcome.reason_codes = texts(body.get("reason_codes"));
        outcome.violations = texts(body.get("violations"));
    }
    Ok(outcome)
}

/// The texts of a list, or the one text, trimmed, without blanks and doubles, sorted.
fn texts(value: Option<&Json>) -> Vec<String> {
    let items = match value {
        Some(Json::Array(items)) => items.as_slice(),
        Some(text) => std::slice::from_ref(text),
        None => &[],
    };
    let texts: BTreeSet<&str> =
        items.iter().filter_map(Json::as_str).map(str::trim).filter(|text| !text.is_empty()).collect();
    texts.into_iter().map(str::to_owned).collect()
}

/// Gives each entry the first result with its id; the results no entry asks for, and the warnings.
fn join(entries: &mut [Entry], results: Vec<Unmatched>) -> (Vec<Unmatched>, Vec<String>) {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(results.len());
    let mut several = BTreeSet::new();
    for (at, result) in results.iter().enumerate() {
        if *first.entry(&result.intent_id).or_insert(at) != at {
            several.insert(result.intent_id.as_ref());
        }
    }
    let mut matched = HashSet::new();
    for entry in entries {
        if let Some(&at) = first.get(entry.intent_id.as_ref()) {
            let result = &results[at];
            matched.insert(at);
            entry.status.clone_from(&result.status);
            entry.result_digest.clone_from(&result.result_digest);
            entry.verdict.clone_from(&result.verdict);
            entry.reason_codes.clone_from(&result.reason_codes);
            entry.violations.clone_from(&result.violations);
        }
    }
    let name = |id: &str| if id.trim().is_empty() { "(empty)".to_owned() } else { id.to_owned() };
    let warning = |id: &&str| format!("multiple result records for intent_id={} (kept first)", name(id));
    let warnings = several.iter().map(warning).collect();
    let orphan = |result: &&Unmatched| !first.get(result.intent_id.as_ref()).is_some_and(|at| matched.contains(at));
    let mut unmatched: Vec<Unmatched> = results.iter().filter(orphan).cloned().collect();
    unmatched.sort_by(|a, b| (&a.intent_id, &a.result_digest).cmp(&(&b.intent_id, &b.result_digest)));
    (unmatched, warnings)
}
