//! Whether a trace is bound to the other files of its decision: the record of the decision is found, proven, held against
//! the trace, and every file it names is there with the bytes it names.

use crate::gate::decision::{self, DecisionRecord, NamedFile, Role};
use crate::gate::model::SCHEMA_VERSION;
use crate::gate::trace::Trace;
use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use crate::sign::key::PublicKey;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;

/// A trace whose signature holds, and where the files of its decision may be.
#[derive(Debug)]
pub struct Proven<'a> {
    pub path: &'a Utf8Path,
    /// The whole file.
    pub bytes: &'a [u8],
    pub trace: &'a Trace,
    /// The key that signed the trace.
    pub key: &'a PublicKey,
    /// The record of the decision; without one it is looked for beside the trace under its usual names.
    pub decision: Option<&'a Utf8Path>,
    /// Where files are looked for besides the folders of the record and the trace, and the working directory.
    pub folders: &'a [Utf8PathBuf],
}

/// How a trace stands to the record of its decision.
#[derive(Debug)]
pub enum Bond {
    /// There is no record where it was looked for.
    Absent,
    /// What lies at the usual place is the record of another event: it says nothing about this trace.
    Stale { path: Utf8PathBuf, event_id: String },
    /// Record, trace and this many files belong together.
    Holds { path: Utf8PathBuf, record: Box<DecisionRecord>, files: usize },
    /// They do not, and why.
    Broken { path: Utf8PathBuf, why: String },
}

/// Finds the record of a trace's decision and holds trace and files against it. What is there and cannot be read does not
/// hold.
pub fn check(proven: &Proven<'_>) -> Result<Bond> {
    let Some((path, bytes)) = find(proven) else { return Ok(Bond::Absent) };
    let broken = |why: String| Ok(Bond::Broken { path: path.clone(), why: format!("decision record {path}: {why}") });
    let record = match bytes.and_then(|bytes| decision::parse(&bytes).map_err(|error| error.to_string())) {
        Ok(record) => record,
        Err(why) => return broken(why),
    };
    let trace = proven.trace;
    if trace.event_id.is_empty() || record.event_id != trace.event_id {
        let event_id = record.event_id;
        return match proven.decision {
            None => Ok(Bond::Stale { path, event_id }),
            Some(_) => {
                broken(format!("it is of another decision: event {event_id:?}, the trace's is {:?}", trace.event_id))
            }
        };
    }
    if let Err(fault) = record.verify(proven.key)? {
        return broken(format!("{fault} (it has to be signed with the trace's key, {})", proven.key.id()));
    }
    let mut faults = unlike(&record, trace);
    let mut roles = BTreeSet::new();
    for file in &record.files {
        if !roles.insert(file.role.kind()) {
            faults.push(format!("it names two files as {}", file.role));
        }
        faults.extend(match file.role {
            Role::Trace => changed(file, proven.path, proven.bytes),
            _ => missing(file, &path, proven),
        });
    }
    if !roles.contains(Role::Trace.kind()) {
        faults.push("it names no trace".to_owned());
    }
    if !faults.is_empty() {
        return broken(faults.join("; "));
    }
    let files = record.files.len();
    Ok(Bond::Holds { path, record: Box::new(record), files })
}

/// The record as named, or the first of the usual names beside the trace.
fn find(proven: &Proven<'_>) -> Option<(Utf8PathBuf, Result<Vec<u8>, String>)> {
    if let Some(path) = proven.decision {
        let absent = path.try_exists().is_ok_and(|there| !there);
        return (!absent).then(|| (path.to_owned(), whole(path)));
    }
    let usual = [true, false].map(|unique| decision::usual_name("decision", proven.trace, unique));
    let mut paths = usual.iter().filter(|name| is_plain(name)).map(|name| beside(proven.path, name));
    paths.find_map(|path| Some((read(&path)?, path))).map(|(bytes, path)| (path, bytes))
}

/// Whether a name, which a file claims, stays in its folder.
fn is_plain(name: &str) -> bool {
    Utf8Path::new(name).file_name() == Some(name)
}

fn beside(path: &Utf8Path, name: &str) -> Utf8PathBuf {
    fs::clean(path.with_file_name(name).as_str())
}

/// The bytes of a file that is looked for, none if there is none. A pipe in its place is not waited for.
fn read(path: &Utf8Path) -> Option<Result<Vec<u8>, String>> {
    match path.metadata() {
        Ok(found) if found.is_file() => Some(whole(path)),
        Ok(_) => Some(Err("there is something at its place that is no file".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn whole(path: &Utf8Path) -> Result<Vec<u8>, String> {
    fs::read(path, DOCUMENT_LIMIT).map_err(|error| error.to_string())
}

/// What record and trace say otherwise about the same decision.
fn unlike(record: &DecisionRecord, trace: &Trace) -> Vec<String> {
    let same = |what: &str, record: &str, trace: &str| {
        (record != trace).then(|| format!("{what} is {record:?}, in the trace {trace:?}"))
    };
    let simulated = |simulated: bool| if simulated { "simulated" } else { "enforced" };
    [
        same("schema_id", &record.schema_id, decision::SCHEMA),
        same("schema_version", &record.schema_version, SCHEMA_VERSION),
        same("trace_id", &record.trace_id, &trace.trace_id),
        same("verdict", &record.verdict, &trace.verdict),
        same("policy_digest", &record.policy_digest, &trace.policy_digest),
        same("intent_digest", &record.intent_digest, &trace.intent_digest),
        same("created_at", &record.created_at.to_string(), &trace.created_at.to_string()),
        same("observed_at", &record.observed_at.to_string(), &trace.observed_at.to_string()),
        same("violations", &record.violations.join(","), &trace.violations.join(",")),
        same("decision", simulated(record.simulated.is_some()), simulated(trace.is_simulated())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn changed(file: &NamedFile, path: &Utf8Path, bytes: &[u8]) -> Option<String> {
    let same = Digest::of(bytes).spelled(&file.sha256);
    let why = "not the file of this decision: changed since, or overwritten by a later decision alike, which \
               `gate eval --unique-trace` avoids";
    (!same).then(|| format!("{} {path}: {why}", file.role))
}

/// Why a named file is in none of the folders as it was.
fn missing(file: &NamedFile, record: &Utf8Path, proven: &Proven<'_>) -> Option<String> {
    if !is_plain(&file.name) {
        return Some(format!("{} {:?} is no file name", file.role, file.name));
    }
    let mut places = vec![beside(record, &file.name), beside(proven.path, &file.name), fs::clean(&file.name)];
    places.extend(proven.folders.iter().map(|folder| folder.join(&file.name)));
    let mut fault = None;
    for path in &places {
        let other = match read(path) {
            None => continue,
            Some(Ok(bytes)) => changed(file, path, &bytes)?,
            Some(Err(why)) => format!("{} {path}: {why}", file.role),
        };
        fault = fault.or(Some(other));
    }
    let folders: BTreeSet<String> = places.iter().map(|path| folder(path)).collect();
    let folders: Vec<String> = folders.into_iter().collect();
    fault.or_else(|| Some(format!("{} {} is missing: not in {}", file.role, file.name, folders.join(", "))))
}

fn folder(path: &Utf8Path) -> String {
    path.parent().map(Utf8Path::as_str).filter(|parent| !parent.is_empty()).unwrap_or(".").to_owned()
}
