//! Reduction: the smallest pack that still shows the failure, one call and what belongs to it.

use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use crate::kernel::json::scan::{self, Shape};
use crate::runpack::lane::{Lane, Record};
use crate::runpack::migrate;
use crate::runpack::model::Receipt;
use crate::runpack::read::Pack;
use crate::runpack::record;
use crate::runpack::verify::{self, Trust};
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use std::collections::BTreeSet;
use std::str::FromStr;

/// What makes a call a failing one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// It has no result.
    #[default]
    MissingResult,
    /// It has a result whose status is neither `ok` nor `success`.
    NonOkStatus,
}

impl FromStr for Predicate {
    type Err = Error;

    /// In any case, white space around it allowed.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim().to_lowercase().as_str() {
            "missing_result" => Ok(Self::MissingResult),
            "non_ok_status" => Ok(Self::NonOkStatus),
            _ => Err(Error::invalid(format!("predicate {text:?} is neither missing_result nor non_ok_status"))),
        }
    }
}

impl Predicate {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::MissingResult => "missing_result",
            Self::NonOkStatus => "non_ok_status",
        }
    }

    /// Whether the call with this id fails among `results`.
    fn fails(self, intent_id: &str, results: &[Record<'_>]) -> bool {
        let mut own = results.iter().filter(|result| result.intent_id == intent_id);
        match self {
            Self::MissingResult => own.next().is_none(),
            Self::NonOkStatus => own.any(not_ok),
        }
    }
}

fn not_ok(result: &Record<'_>) -> bool {
    !matches!(result.label.trim().to_lowercase().as_str(), "ok" | "success")
}

/// What the caller decides about a reduction.
#[derive(Debug)]
pub struct Options<'k> {
    pub predicate: Predicate,
    /// Where to; beside the input if not given.
    pub out: Option<String>,
    /// Where the report goes; beside the output if not given.
    pub report_out: Option<String>,
    pub trust: Trust,
    pub key: Option<&'k PrivateKey>,
}

/// A reduced pack, written and read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reduced {
    pub input: String,
    pub output: String,
    pub predicate: Predicate,
    pub reduced_run_id: String,
    pub report: Report,
    pub report_path: String,
    pub run_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The reduce report as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    pub created_at: Timestamp,
    pub producer_version: String,
    pub run_id: String,
    pub reduced_run_id: String,
    pub predicate: Predicate,
    pub selected_intent_id: String,
    pub original_intent_count: usize,
    pub reduced_intent_count: usize,
    pub original_result_count: usize,
    pub reduced_result_count: usize,
    pub original_ref_count: usize,
    pub reduced_ref_count: usize,
    /// Always true: a reduction that no longer fails is an error.
    pub still_failing: bool,
}

/// Reduces the pack at `input` to its first failing call and reports on it.
///
/// Errors: `InvalidInput` when nothing fails or a path cannot be used; the input as [`Pack::open`].
pub fn reduce(input: &Utf8Path, options: &Options<'_>) -> Result<Reduced> {
    let out = options.out.as_deref().filter(|out| !out.trim().is_empty()).map(fs::output_path).transpose()?;
    let pack = Pack::open(input.as_std_path(), &options.trust)?;
    verify::known(&pack.contents).map_err(|e| e.at(input))?;
    let run = &pack.contents.run;
    let predicate = options.predicate;
    let intent = select(&pack, predicate).ok_or_else(|| {
        Error::invalid(format!("no call of {} satisfies {}", run.run_id, predicate.word()))
            .hint("choose another --predicate: missing_result or non_ok_status")
    })?;
    let output = match out {
        Some(out) => out,
        None => {
            record::check_run_id(&run.run_id)?;
            input.with_file_name(format!("runpack_{}_reduced_{}.zip", run.run_id, predicate.word()))
        }
    };
    migrate::refuse_same(input, &output)?;
    let report_path = report_path(&output, options.report_out.as_deref())?;
    let result = match predicate {
        Predicate::MissingResult => None,
        Predicate::NonOkStatus => {
            pack.results.iter().find(|result| result.intent_id == intent.intent_id && not_ok(result))
        }
    };
    let reduced_run_id = reduced_run_id(&run.run_id, predicate);
    let receipts = receipts(&pack, intent, result)?;
    let report = Report {
        schema_id: "gait.runpack.reduce_report",
        schema_version: "1.0.0",
        created_at: run.created_at.utc(),
        producer_version: run.producer_version.clone(),
        run_id: run.run_id.clone(),
        reduced_run_id: reduced_run_id.clone(),
        predicate,
        selected_intent_id: intent.intent_id.to_string(),
        original_intent_count: pack.intents.len(),
        reduced_intent_count: 1,
        original_result_count: pack.results.len(),
        reduced_result_count: usize::from(result.is_some()),
        original_ref_count: pack.contents.refs.receipts.as_deref().unwrap_or_default().len(),
        reduced_ref_count: receipts.len(),
        still_failing: true,
    };
    let parts = parts(&pack, intent, result, receipts, &reduced_run_id)?;
    fs::make_parent(&output)?;
    write::seal(&output, parts, options.key)?;
    still_failing(&output, &intent.intent_id, options)?;
    fs::write(&report_path, encode::record(&report)?.as_bytes())?;
    let dropped = pack.contents.manifest.signatures.len();
    Ok(Reduced {
        input: input.to_string(),
        output: output.into_string(),
        predicate,
        reduced_run_id,
        report,
        report_path: report_path.into_string(),
        run_id: run.run_id.clone(),
        warnings: if dropped > 0 { vec![format!("signatures dropped: {dropped}")] } else { Vec::new() },
    })
}

/// The first record of the first failing id, in byte order of the ids.
fn select(pack: &Pack, predicate: Predicate) -> Option<&Record<'static>> {
    let settled: BTreeSet<&str> = match predicate {
        Predicate::MissingResult => pack.results.iter().map(|result| result.intent_id.as_ref()).collect(),
        Predicate::NonOkStatus => {
            pack.results.iter().filter(|result| not_ok(result)).map(|result| result.intent_id.as_ref()).collect()
        }
    };
    let wanted = predicate == Predicate::NonOkStatus;
    let failing = pack
        .intents
        .iter()
        .filter(|intent| !intent.intent_id.is_empty() && settled.contains(intent.intent_id.as_ref()) == wanted);
    // Of equal ids `min_by` keeps the first.
    failing.min_by(|a, b| a.intent_id.as_bytes().cmp(b.intent_id.as_bytes()))
}

fn reduced_run_id(run_id: &str, predicate: Predicate) -> String {
    let base = run_id.trim();
    let prefix = if base.starts_with("run_") { "" } else { "run_" };
    format!("{prefix}{base}_reduced_{}", predicate.word().replace('_', ""))
}

/// The report's path; its folder has to be there before anything is written, unless the output brings it.
fn report_path(output: &Utf8Path, given: Option<&str>) -> Result<Utf8PathBuf> {
    let Some(given) = given.filter(|path| !path.trim().is_empty()) else {
        return Ok(Utf8PathBuf::from(format!("{output}.reduce_report.json")));
    };
    let path = Utf8PathBuf::from(given);
    let parent = path.parent().filter(|parent| !parent.as_str().is_empty());
    match parent {
        Some(parent) if !parent.is_dir() && Some(parent) != output.parent() => {
            Err(Error::invalid(format!("the folder of the report {path} does not exist")))
        }
        _ => Ok(path),
    }
}

/// The receipts the kept records speak of, by ref id.
fn receipts(pack: &Pack, intent: &Record<'_>, result: Option<&Record<'_>>) -> Result<Vec<Receipt>> {
    let mut ids = BTreeSet::new();
    for record in [Some(intent), result].into_iter().flatten() {
        if let Some(body) = &record.body {
            mentioned(body, &mut ids)?;
        }
    }
    let all = pack.contents.refs.receipts.as_deref().unwrap_or_default();
    let mut kept: Vec<Receipt> = all.iter().filter(|receipt| ids.contains(&receipt.ref_id)).cloned().collect();
    kept.sort_by(|a, b| a.ref_id.cmp(&b.ref_id));
    Ok(kept)
}

/// Texts that may be ref ids: under a key with `ref` in its name, and any that starts with `ref_`. Crude on
/// purpose: what a reduction keeps is part of the format.
fn mentioned(body: &[u8], ids: &mut BTreeSet<String>) -> Result<()> {
    let tape = scan::parse(body)?;
    for (at, node) in (0..).zip(&tape.nodes) {
        let keyed = node.shape == Shape::Object;
        if !keyed && node.shape != Shape::Array {
            continue;
        }
        let mut under_ref = false;
        for (place, child) in tape.children(at).enumerate() {
            let child = &tape.nodes[child as usize];
            let text = matches!(child.shape, Shape::Plain | Shape::Escaped).then(|| tape.string(child));
            if keyed && place % 2 == 0 {
                under_ref = text.is_some_and(|key| key.to_lowercase().contains("ref"));
            } else if let Some(text) = text {
                if under_ref && !text.trim().is_empty() {
                    ids.insert(text.trim().to_owned());
                }
                if text.starts_with("ref_") {
                    ids.insert(text.into_owned());
                }
            }
        }
    }
    Ok(())
}

fn parts(
    pack: &Pack,
    intent: &Record<'_>,
    result: Option<&Record<'_>>,
    receipts: Vec<Receipt>,
    run_id: &str,
) -> Result<Parts> {
    let lane = |lane: Lane, record: Option<&Record<'_>>| {
        let mut draft = LaneDraft::new(lane)?;
        if let Some(record) = record {
            draft.push(&Record { run_id: run_id.into(), ..record.clone() })?;
        }
        draft.finish()
    };
    let mut run = pack.contents.run.clone();
    run.run_id = run_id.to_owned();
    let mut timeline = run.timeline.take().unwrap_or_default();
    timeline.retain(|event| event.reference.is_empty() || event.reference == intent.intent_id);
    run.timeline = Some(timeline);
    let mut refs = pack.contents.refs.clone();
    refs.run_id = run_id.to_owned();
    refs.receipts = Some(receipts);
    Ok(Parts {
        run,
        refs,
        capture_mode: pack.contents.manifest.capture_mode.clone(),
        intents: lane(Lane::Intents, Some(intent))?,
        results: lane(Lane::Results, result)?,
        extra: Vec::new(),
    })
}

/// Reads the reduced pack back and looks for the failure again.
fn still_failing(output: &Utf8Path, intent_id: &str, options: &Options<'_>) -> Result<()> {
    let trust = Trust::Known(options.key.map(PrivateKey::public).into_iter().collect());
    let pack = Pack::open(output.as_std_path(), &trust)?;
    let there = pack.intents.iter().any(|intent| intent.intent_id == intent_id);
    if there && options.predicate.fails(intent_id, &pack.results) {
        return Ok(());
    }
    Err(Error::verification(format!("{output}: the reduced run no longer fails")))
}
