//! Inspection: every call of a run in order, joined with what came of it.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::tree::{self, Json};
use crate::runpack::lane::Record;
use crate::runpack::verify::{self, SignatureStatus, Trust};
use camino::Utf8Path;
use memchr::memmem::Finder;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
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
    /// If asked for, the start of the arguments as canonical JSON, without control characters; cut at 120 bytes.
    #[serde(skip)]
    pub preview: Box<str>,
}

impl Entry {
    /// Takes everything but the id out of its result.
    fn answer(&mut self, result: &mut Unmatched) {
        self.reason_codes = std::mem::take(&mut result.reason_codes);
        self.result_digest = std::mem::take(&mut result.result_digest);
        self.status = std::mem::take(&mut result.status);
        self.verdict = std::mem::take(&mut result.verdict);
        self.violations = std::mem::take(&mut result.violations);
    }

    fn copy_answer(&mut self, other: &Self) {
        self.reason_codes.clone_from(&other.reason_codes);
        self.result_digest.clone_from(&other.result_digest);
        self.status.clone_from(&other.status);
        self.verdict.clone_from(&other.verdict);
        self.violations.clone_from(&other.violations);
    }

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

/// Reads the pack at `path` call by call, with or without previews of the arguments.
///
/// Errors: as [`verify::open`], and unknown schemas.
pub fn inspect(path: &Utf8Path, trust: &Trust, previews: bool) -> Result<Timeline> {
    open(path, trust, previews).map_err(|e| e.at(path))
}

fn open(path: &Utf8Path, trust: &Trust, previews: bool) -> Result<Timeline> {
    let mut archive = Archive::open(path.as_std_path(), Limits::default())?;
    let mut entries = Vec::new();
    let mut outcomes = Outcomes::default();
    let contents = verify::open(
        &mut archive,
        trust,
        &mut |at: usize, record: &Record<'_>| {
            entries.push(entry(at, record, previews));
            Ok(())
        },
        &mut |_: usize, record: &Record<'_>| outcomes.take(record),
    )?;
    verify::known(&contents)?;
    let results_total = outcomes.results.len();
    let warnings = outcomes.warnings();
    let unmatched_results = outcomes.join(&mut entries);
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

fn entry(at: usize, record: &Record<'_>, previews: bool) -> Entry {
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
        preview: if previews { preview(record.body.as_deref().unwrap_or_default()) } else { Box::default() },
    }
}

fn preview(body: &[u8]) -> Box<str> {
    if body.len() <= PREVIEW {
        return harmless(std::str::from_utf8(body).unwrap_or_default(), "");
    }
    let text = body[..PREVIEW].utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    harmless(text, "…")
}

/// The text without control characters, and what follows it. Canonical JSON has none below U+0020.
fn harmless(text: &str, end: &str) -> Box<str> {
    let mut out = String::with_capacity(text.len() + end.len());
    if text.is_ascii() && !text.contains('\x7F') {
        out.push_str(text);
    } else {
        out.extend(text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }));
    }
    out.push_str(end);
    out.into()
}

/// The results of a run, each on its own; whether a call belongs to it is seen later.
#[derive(Default)]
struct Outcomes {
    results: Vec<Unmatched>,
    /// By intent id, the first result, and how many there are.
    first: HashMap<Box<str>, (usize, usize)>,
}

impl Outcomes {
    fn take(&mut self, record: &Record<'_>) -> Result<()> {
        let at = self.results.len();
        self.first.entry(record.intent_id.as_ref().into()).or_insert((at, 0)).1 += 1;
        self.results.push(outcome(record)?);
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        let several = self.first.iter().filter(|(_, (_, count))| *count > 1).map(|(id, _)| id.as_ref());
        let several: BTreeSet<&str> = several.collect();
        let name = |id| if str::trim(id).is_empty() { "(empty)" } else { id };
        several.iter().map(|id| format!("multiple result records for intent_id={} (kept first)", name(id))).collect()
    }

    /// Gives each entry the first result with its id; the results no entry asked for.
    fn join(self, entries: &mut [Entry]) -> Vec<Unmatched> {
        let Self { mut results, first } = self;
        // The entry each first result went to; a later one with the same id copies it from there.
        let mut owners: Vec<Option<usize>> = vec![None; results.len()];
        let mut matched = 0;
        for index in 0..entries.len() {
            let (before, rest) = entries.split_at_mut(index);
            let entry = &mut rest[0];
            match first.get(&entry.intent_id).map(|&(at, _)| (at, owners[at])) {
                None => {}
                Some((_, Some(owner))) => entry.copy_answer(&before[owner]),
                Some((at, None)) => {
                    owners[at] = Some(index);
                    matched += 1;
                    entry.answer(&mut results[at]);
                }
            }
        }
        if matched == first.len() {
            return Vec::new();
        }
        results.retain(|result| first.get(&result.intent_id).is_none_or(|&(at, _)| owners[at].is_none()));
        results.sort_by(|a, b| (&a.intent_id, &a.result_digest).cmp(&(&b.intent_id, &b.result_digest)));
        results
    }
}

/// The keys that make it worth to parse a result.
static TELLING: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| [r#""verdict""#, r#""reason_codes""#, r#""violations""#].map(Finder::new));

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
    if TELLING.iter().any(|key| key.find(body).is_some()) {
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
