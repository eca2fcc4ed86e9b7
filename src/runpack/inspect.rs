//! Inspection: every call of a run in order, joined with what came of it.

use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
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

/// A run, call by call.
#[derive(Debug)]
pub struct Timeline {
    pub run_id: String,
    pub path: String,
    pub capture_mode: String,
    pub warnings: Vec<String>,
    /// When the run began.
    pub started_at: Timestamp,
    pub signature_status: SignatureStatus,
    calls: Rows,
    results: Rows,
    verdicts: Verdicts,
    /// For each call, the first result with its id.
    answers: Vec<Option<u32>>,
    /// Results without a call, by id and digest.
    unmatched: Vec<u32>,
}

/// What a run is, and how many calls it has; what is empty is left out of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary<'a> {
    /// Always `runpack`.
    pub artifact_type: &'static str,
    pub capture_mode: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    pub intents_total: usize,
    pub path: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    pub results_total: usize,
    pub run_id: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub warnings: &'a [String],
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A call and the first result with its id. It serialises with its keys in order, so that encoding needs no sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub args_digest: &'a str,
    /// In UTC.
    pub created_at: Timestamp,
    /// From 1.
    pub index: usize,
    pub intent_id: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub reason_codes: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub result_digest: &'a str,
    /// Empty: there is no result, or it has no status.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: &'a str,
    pub tool_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub verdict: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub violations: &'a [String],
    /// If asked for, the start of the arguments as canonical JSON, without control characters; cut at 120 bytes.
    #[serde(skip)]
    pub preview: &'a str,
}

impl Entry<'_> {
    /// How long after the start of the run the call was made; `None` when its time is before it or not known.
    pub fn offset(&self, started_at: &Timestamp) -> Option<Duration> {
        if self.created_at.is_zero() { None } else { self.created_at.since(started_at) }
    }
}

/// A result without a call. It serialises with its keys in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unmatched<'a> {
    pub intent_id: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub reason_codes: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub result_digest: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub verdict: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub violations: &'a [String],
}

impl Timeline {
    /// How many calls there are.
    pub fn intents_total(&self) -> usize {
        self.calls.rows.len()
    }

    /// How many results there are.
    pub fn results_total(&self) -> usize {
        self.results.rows.len()
    }

    /// All but the calls and results themselves.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            artifact_type: "runpack",
            capture_mode: &self.capture_mode,
            intents_total: self.intents_total(),
            path: &self.path,
            results_total: self.results_total(),
            run_id: &self.run_id,
            warnings: &self.warnings,
        }
    }

    /// The calls in the order they were recorded.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.calls.rows.len()).map(|at| {
            let [intent_id, tool_name, args_digest, preview] = self.calls.texts(at);
            let answer = self.answers.get(at).copied().flatten().map(|result| self.result(result));
            Entry {
                args_digest,
                created_at: self.calls.rows[at].created_at,
                index: at + 1,
                intent_id,
                reason_codes: answer.map_or(&[], |result| result.reason_codes),
                result_digest: answer.map_or("", |result| result.result_digest),
                status: answer.map_or("", |result| result.status),
                tool_name,
                verdict: answer.map_or("", |result| result.verdict),
                violations: answer.map_or(&[], |result| result.violations),
                preview,
            }
        })
    }

    /// The results that belong to no call, by id and digest.
    pub fn unmatched_results(&self) -> impl ExactSizeIterator<Item = Unmatched<'_>> {
        self.unmatched.iter().map(|&at| self.result(at))
    }

    fn result(&self, at: u32) -> Unmatched<'_> {
        let [intent_id, status, result_digest, _] = self.results.texts(at as usize);
        let told = self.verdicts.get(&at);
        Unmatched {
            intent_id,
            reason_codes: told.map_or(&[], |told| &told.reason_codes),
            result_digest,
            status,
            verdict: told.map_or("", |told| &told.verdict),
            violations: told.map_or(&[], |told| &told.violations),
        }
    }
}

/// The records of a lane, their texts one behind the other: a pack may have a hundred thousand of them.
#[derive(Debug, Default)]
struct Rows {
    texts: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    start: usize,
    /// Of id, label, digest and preview.
    lengths: [u32; 4],
    created_at: Timestamp,
}

impl Rows {
    fn push(&mut self, record: &Record<'_>, preview: &str) {
        let start = self.texts.len();
        let texts = [&record.intent_id, &record.label, &record.digest, preview];
        for text in texts {
            self.texts.push_str(text);
        }
        // A record is a line, and lines are shorter than 4 GiB.
        let lengths = texts.map(|text| text.len() as u32);
        self.rows.push(Row { start, lengths, created_at: record.created_at.utc() });
    }

    fn texts(&self, at: usize) -> [&str; 4] {
        let row = &self.rows[at];
        let mut from = row.start;
        row.lengths.map(|length| {
            from += length as usize;
            &self.texts[from - length as usize..from]
        })
    }

    fn id(&self, at: usize) -> &str {
        self.texts(at)[0]
    }
}

/// What the gate said of a call, where a result tells it.
#[derive(Debug)]
struct Verdict {
    verdict: String,
    reason_codes: Vec<String>,
    violations: Vec<String>,
}

/// By position of the result.
type Verdicts = HashMap<u32, Verdict>;

/// Reads the pack at `path` call by call, with or without previews of the arguments.
///
/// Errors: as [`verify::open`], and unknown schemas.
pub fn inspect(path: &Utf8Path, trust: &Trust, previews: bool) -> Result<Timeline> {
    open(path, trust, previews).map_err(|e| e.at(path))
}

fn open(path: &Utf8Path, trust: &Trust, previews: bool) -> Result<Timeline> {
    let archive = Archive::open(path.as_std_path(), Limits::default())?;
    let (mut calls, mut results, mut verdicts) = (Rows::default(), Rows::default(), Verdicts::new());
    let contents = verify::open(
        &archive,
        trust,
        &mut |_: usize, record: &Record<'_>| {
            let body = record.content().filter(|_| previews).unwrap_or_default();
            calls.push(record, &preview(body));
            Ok(())
        },
        &mut |at: usize, record: &Record<'_>| {
            let at = u32::try_from(at).map_err(|_| Error::invalid("a lane has more than 4,294,967,295 records"))?;
            verdicts.extend(verdict(record)?.map(|told| (at, told)));
            results.push(record, "");
            Ok(())
        },
    )?;
    verify::known(&contents)?;
    let (answers, unmatched, warnings) = join(&calls, &results);
    Ok(Timeline {
        run_id: contents.run.run_id.clone(),
        path: path.to_string(),
        capture_mode: contents.manifest.capture_mode.clone(),
        warnings,
        started_at: contents.run.created_at,
        signature_status: contents.signature_status,
        calls,
        results,
        verdicts,
        answers,
        unmatched,
    })
}

fn preview(body: &[u8]) -> String {
    if body.len() <= PREVIEW {
        return harmless(std::str::from_utf8(body).unwrap_or_default(), "");
    }
    let text = body[..PREVIEW].utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    harmless(text, "…")
}

/// The text without control characters, and what follows it. Canonical JSON has none below U+0020.
fn harmless(text: &str, end: &str) -> String {
    let mut out = String::with_capacity(text.len() + end.len());
    if text.is_ascii() && !text.contains('\x7F') {
        out.push_str(text);
    } else {
        out.extend(text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }));
    }
    out.push_str(end);
    out
}

/// The keys that make it worth to parse a result.
static TELLING: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| [r#""verdict""#, r#""reason_codes""#, r#""violations""#].map(Finder::new));

fn verdict(record: &Record<'_>) -> Result<Option<Verdict>> {
    let body = record.content().unwrap_or_default();
    // Escapes cannot hide these keys: canonical text has none for letters.
    if !TELLING.iter().any(|key| key.find(body).is_some()) {
        return Ok(None);
    }
    let body = tree::parse(body)?;
    Ok(Some(Verdict {
        verdict: body.get("verdict").and_then(Json::as_str).map(str::trim).unwrap_or_default().to_owned(),
        reason_codes: texts(body.get("reason_codes")),
        violations: texts(body.get("violations")),
    }))
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

/// The first result of each call, the results that belong to none, and the warnings.
fn join(calls: &Rows, results: &Rows) -> (Vec<Option<u32>>, Vec<u32>, Vec<String>) {
    /// The first result of an id, how many there are, and whether a call has the id.
    struct Group {
        first: u32,
        count: usize,
        called: bool,
    }
    let mut groups: HashMap<&str, Group> = HashMap::with_capacity(results.rows.len());
    for at in 0..results.rows.len() {
        let group = groups.entry(results.id(at)).or_insert(Group { first: at as u32, count: 0, called: false });
        group.count += 1;
    }
    let mut called = 0;
    let answer = |at: usize| {
        let group = groups.get_mut(calls.id(at))?;
        called += usize::from(!group.called);
        group.called = true;
        Some(group.first)
    };
    let answers: Vec<Option<u32>> = (0..calls.rows.len()).map(answer).collect();
    let mut unmatched = Vec::new();
    if called < groups.len() {
        let orphan = |at: &u32| groups.get(results.id(*at as usize)).is_some_and(|group| !group.called);
        unmatched.extend((0..results.rows.len() as u32).filter(orphan));
        let key = |at: &u32| {
            let [id, _, digest, _] = results.texts(*at as usize);
            (id, digest)
        };
        unmatched.sort_by(|a, b| key(a).cmp(&key(b)));
    }
    let several = groups.iter().filter(|(_, group)| group.count > 1).map(|(id, _)| *id);
    let several: BTreeSet<&str> = several.collect();
    let warning = |id: &&str| {
        let name = if id.trim().is_empty() { "(empty)" } else { id };
        format!("multiple result records for intent_id={name} (kept first)")
    };
    (answers, unmatched, several.iter().map(warning).collect())
}
