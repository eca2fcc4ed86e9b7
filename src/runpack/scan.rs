//! One pass over an archive: every entry hashed once, every record parsed once, everything odd noted.

use crate::kernel::archive::layout::Entry;
use crate::kernel::archive::read::Archive;
use crate::kernel::digest::{Digest, Hasher};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::DOCUMENT_LIMIT;
use crate::kernel::json::read;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{self, Manifest, Refs, Run};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Largest manifest: it names at most a directory's worth of entries, and everything in it is held in memory.
const MANIFEST_LIMIT: u64 = 8 << 20;
/// Longest line of a lane with its line break, in bytes; the writer keeps to it too.
pub const LINE_LIMIT: usize = 10 << 20;
/// Most record findings that are listed one by one.
const LISTED: usize = 1000;
/// As much of an id as is told, in characters.
const LONGEST_ID: usize = 256;
/// Lanes smaller than this together are not worth a second thread.
const PARALLEL_FROM: u64 = 256 << 10;

/// Sees every record of a lane, in order, while the lane is hashed. What it collects may be used only after the
/// whole pack has verified.
pub trait Observe: Send {
    /// One record and its position in the lane, from 0.
    fn record(&mut self, index: usize, record: &Record<'_>) -> Result<()>;

    /// As [`Observe::record`], with the answer of [`Record::digest_holds`], which was found out already.
    fn checked(&mut self, index: usize, record: &Record<'_>, _holds: bool) -> Result<()> {
        self.record(index, record)
    }
}

/// Sees nothing.
impl Observe for () {
    fn record(&mut self, _: usize, _: &Record<'_>) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(usize, &Record<'_>) -> Result<()> + Send> Observe for F {
    fn record(&mut self, index: usize, record: &Record<'_>) -> Result<()> {
        self(index, record)
    }
}

/// A declared digest that is not the entry's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HashMismatch {
    pub path: String,
    pub expected: String,
    pub actual: String,
}

/// A record whose digest field is not its body's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordMismatch {
    pub path: String,
    /// 1-based record number.
    pub record: usize,
    pub intent_id: String,
}

/// What one lane holds, apart from its records.
#[derive(Debug, Default)]
pub struct LaneScan {
    pub records: usize,
    /// Whether every record names the lane's schema and version.
    pub schema_holds: bool,
    pub digest_mismatches: Vec<RecordMismatch>,
    /// Records that name another run.
    pub foreign: usize,
}

/// Everything one pass found.
#[derive(Debug)]
pub struct Contents {
    pub manifest: Manifest,
    /// The manifest as it stands in the archive.
    pub manifest_bytes: Vec<u8>,
    pub run: Run,
    pub refs: Refs,
    pub intents: LaneScan,
    pub results: LaneScan,
    pub missing_files: Vec<String>,
    pub hash_mismatches: Vec<HashMismatch>,
    /// Anything else that makes the pack untrustworthy, one line each.
    pub faults: Vec<String>,
    /// Schema ids and versions this program does not know, one line each.
    pub schema_faults: Vec<String>,
}

/// Reads the whole archive once. `Err`: no manifest to go by, or a problem of the machine; everything else is noted.
pub fn scan(archive: &Archive, intents: &mut dyn Observe, results: &mut dyn Observe) -> Result<Contents> {
    read(archive, Look::Records(intents), Look::Records(results))
}

/// As [`scan`], of an archive this program wrote a moment ago: every byte is hashed, the records are not parsed again.
pub fn scan_written(archive: &Archive, intents: LaneScan, results: LaneScan) -> Result<Contents> {
    read(archive, Look::Known(intents), Look::Known(results))
}

/// What to do with a lane's records while it is hashed.
enum Look<'o> {
    Records(&'o mut dyn Observe),
    /// Nothing: this is what they are.
    Known(LaneScan),
}

fn read(archive: &Archive, intents: Look<'_>, results: Look<'_>) -> Result<Contents> {
    let manifest_bytes = archive
        .bytes(model::MANIFEST, MANIFEST_LIMIT)?
        .ok_or_else(|| Error::invalid("no runpack: the archive has no manifest.json"))?;
    // A reader may repair broken text, but a signature has to be over what is there.
    if std::str::from_utf8(&manifest_bytes).is_err() {
        return Err(Error::invalid("manifest.json is not UTF-8 text"));
    }
    let manifest: Manifest = read::typed(&manifest_bytes).map_err(|e| e.at(model::MANIFEST))?;
    if manifest.run_id.is_empty() {
        return Err(Error::invalid("no runpack: manifest.json names no run_id"));
    }
    let mut contents = Contents {
        manifest,
        manifest_bytes,
        run: Run::default(),
        refs: Refs::default(),
        intents: LaneScan::default(),
        results: LaneScan::default(),
        missing_files: Vec::new(),
        hash_mismatches: Vec::new(),
        faults: Vec::new(),
        schema_faults: Vec::new(),
    };
    let mut actual = read_lanes(archive, intents, results, &mut contents)?;
    read_documents(archive, &mut actual, &mut contents)?;
    compare(&actual, &mut contents)?;
    agree(&mut contents);
    Ok(contents)
}

/// The digest of each entry there is; none for one whose data is damaged.
type Digests = BTreeMap<String, Option<Digest>>;

/// Damage and malformed content are findings; what the machine does wrong is not.
fn note(error: Error, place: &str, faults: &mut Vec<String>) -> Result<()> {
    match error.kind() {
        Kind::InvalidInput | Kind::VerificationFailed => {
            faults.push(if place.is_empty() { error.to_string() } else { format!("{place}: {error}") });
            Ok(())
        }
        _ => Err(error),
    }
}

fn read_lanes(archive: &Archive, intents: Look<'_>, results: Look<'_>, contents: &mut Contents) -> Result<Digests> {
    let size = |lane: Lane| archive.entry(lane.entry()).map_or(0, |entry| entry.size);
    let together = size(Lane::Intents) + size(Lane::Results) < PARALLEL_FROM;
    let run_id = contents.manifest.run_id.clone();
    let (first, second) = if together {
        let first = read_lane(archive, Lane::Intents, &run_id, intents);
        (first, read_lane(archive, Lane::Results, &run_id, results))
    } else {
        std::thread::scope(|scope| {
            let second = scope.spawn(|| read_lane(archive, Lane::Results, &run_id, results));
            let first = read_lane(archive, Lane::Intents, &run_id, intents);
            let gone = || Err(Error::new(Kind::Internal, "a reader thread ended early"));
            (first, second.join().unwrap_or_else(|_| gone()))
        })
    };
    let mut digests = Digests::new();
    for (lane, outcome) in [(Lane::Intents, first), (Lane::Results, second)] {
        let Some((scan, digest, fault)) = outcome? else { continue };
        if let Some(fault) = fault {
            note(fault, lane.entry(), &mut contents.faults)?;
        }
        digests.insert(lane.entry().to_owned(), digest);
        match lane {
            Lane::Intents => contents.intents = scan,
            Lane::Results => contents.results = scan,
        }
    }
    Ok(digests)
}

type LaneOutcome = Option<(LaneScan, Option<Digest>, Option<Error>)>;

/// Streams one lane; `None` when the archive does not have it. The digest is missing when the data is damaged.
fn read_lane(archive: &Archive, lane: Lane, run_id: &str, look: Look<'_>) -> Result<LaneOutcome> {
    let Some(entry) = archive.entry(lane.entry()) else { return Ok(None) };
    let observer = match look {
        Look::Records(observer) => observer,
        Look::Known(scan) => {
            return Ok(Some(match hash(archive, entry) {
                Ok(digest) => (scan, Some(digest), None),
                Err(damage) => (scan, None, Some(damage)),
            }));
        }
    };
    let mut hasher = Hasher::default();
    let mut reader = LaneReader {
        lane,
        run_id,
        observer,
        scan: LaneScan { schema_holds: true, ..LaneScan::default() },
        line: 0,
        fault: None,
    };
    let mut lines = Lines::default();
    let streamed = archive.stream(lane.entry(), |chunk| {
        hasher.update(chunk);
        if reader.fault.is_none()
            && let Err(fault) = lines.cut(chunk, |line| reader.line(line))
        {
            reader.fault = Some(fault.at(format!("line {}", reader.line + 1)));
        }
        Ok(())
    });
    if reader.fault.is_none() {
        lines.end(|line| reader.line(line));
    }
    let LaneReader { scan, fault, .. } = reader;
    match streamed {
        Ok(()) => Ok(Some((scan, Some(hasher.finish()), fault))),
        Err(damage) => Ok(Some((scan, None, Some(damage)))),
    }
}

/// Cuts a stream of chunks into lines of at most [`LINE_LIMIT`] bytes.
#[derive(Default)]
pub(in crate::runpack) struct Lines {
    /// The start of a line whose end has not come yet.
    carry: Vec<u8>,
}

impl Lines {
    /// Gives every line that ends in `chunk` to `take`, without its newline, until that says false.
    pub(in crate::runpack) fn cut(&mut self, chunk: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> Result<()> {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let go_on = if self.carry.is_empty() {
                take(&rest[..end])
            } else {
                self.carry.extend_from_slice(&rest[..end]);
                let go_on = take(&self.carry);
                self.carry.clear();
                go_on
            };
            rest = &rest[end + 1..];
            if !go_on {
                return Ok(());
            }
        }
        self.carry.extend_from_slice(rest);
        if self.carry.len() >= LINE_LIMIT { Err(too_long()) } else { Ok(()) }
    }

    /// Gives what follows the last newline to `take`.
    pub(in crate::runpack) fn end(self, mut take: impl FnMut(&[u8]) -> bool) {
        if !self.carry.is_empty() {
            take(&self.carry);
        }
    }
}

/// Looks at each record of a lane.
struct LaneReader<'o> {
    lane: Lane,
    run_id: &'o str,
    observer: &'o mut dyn Observe,
    scan: LaneScan,
    line: usize,
    /// The first line that cannot be read; what follows it is only hashed.
    fault: Option<Error>,
}

impl LaneReader<'_> {
    /// Whether the next line is wanted too.
    fn line(&mut self, line: &[u8]) -> bool {
        self.line += 1;
        if line.len() >= LINE_LIMIT {
            self.fault = Some(too_long().at(format!("line {}", self.line)));
            return false;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return true;
        }
        let seen = Record::parse(self.lane, line).and_then(|record| {
            let holds = record.digest_holds();
            self.note(&record, holds);
            // Every writer names one; and a few bytes each would become millions of records in memory.
            if record.schema_id.is_empty() {
                return Err(Error::invalid("the record names no schema"));
            }
            self.observer.checked(self.scan.records, &record, holds)
        });
        self.scan.records += 1;
        if let Err(error) = seen {
            let place = format!("line {}", self.line);
            self.fault = Some(error.at(place));
        }
        self.fault.is_none()
    }

    fn note(&mut self, record: &Record<'_>, holds: bool) {
        self.scan.schema_holds &= record.schema_holds(self.lane);
        if record.run_id != self.run_id {
            self.scan.foreign += 1;
        }
        if !holds && self.scan.digest_mismatches.len() < LISTED {
            self.scan.digest_mismatches.push(RecordMismatch {
                path: self.lane.entry().to_owned(),
                record: self.scan.records + 1,
                intent_id: record.intent_id.chars().take(LONGEST_ID).collect(),
            });
        }
    }
}

fn too_long() -> Error {
    Error::invalid(format!("longer than {LINE_LIMIT} bytes"))
}

/// Reads `run.json` and `refs.json`, and hashes whatever else is declared; what is not declared is not even inflated.
fn read_documents(archive: &Archive, digests: &mut Digests, contents: &mut Contents) -> Result<()> {
    let declared: BTreeSet<String> = contents.manifest.files().iter().map(|file| file.path.clone()).collect();
    for entry in archive.entries() {
        let name = entry.name.clone();
        if name == model::MANIFEST || name == model::INTENTS || name == model::RESULTS {
            continue;
        }
        if name != model::RUN && name != model::REFS {
            let digest = if declared.contains(&name) { Some(hash(archive, entry)) } else { None }.transpose();
            let digest = digest.or_else(|damage| note(damage, "", &mut contents.faults).map(|()| None))?;
            digests.insert(name, digest);
            continue;
        }
        let bytes = match archive.bytes(&name, DOCUMENT_LIMIT) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(damage) => {
                digests.insert(name, None);
                note(damage, "", &mut contents.faults)?;
                continue;
            }
        };
        digests.insert(name.clone(), Some(Digest::of(&bytes)));
        let parsed = if name == model::RUN {
            read::typed(&bytes).map(|run| contents.run = run)
        } else {
            read::typed(&bytes).map(|refs| contents.refs = refs)
        };
        if let Err(error) = parsed {
            note(error, &name, &mut contents.faults)?;
        }
    }
    Ok(())
}

/// The digest of an entry whose content nobody looks at.
fn hash(archive: &Archive, entry: &Entry) -> Result<Digest> {
    let mut hasher = Hasher::default();
    archive.stream_entry(entry, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// Compares what is declared with what is there, both ways.
fn compare(actual: &Digests, contents: &mut Contents) -> Result<()> {
    let mut declared = BTreeSet::new();
    for file in contents.manifest.files() {
        if !declared.insert(file.path.as_str()) {
            contents.faults.push(format!("the manifest declares {:?} twice", file.path));
            continue;
        }
        match actual.get(&file.path) {
            Some(None) => {}
            Some(Some(digest)) if digest.spelled(&file.sha256) => {}
            Some(Some(digest)) => contents.hash_mismatches.push(HashMismatch {
                path: file.path.clone(),
                expected: file.sha256.clone(),
                actual: digest.to_string(),
            }),
            None => contents.missing_files.push(file.path.clone()),
        }
    }
    for name in model::DECLARED {
        if !declared.contains(name) {
            contents.missing_files.push(name.to_owned());
        }
    }
    for name in actual.keys().filter(|name| !declared.contains(name.as_str())) {
        if !model::DECLARED.contains(&name.as_str()) {
            contents.faults.push(format!("the manifest does not declare {name:?}"));
        }
    }
    let digest = contents.manifest.digest()?;
    let claimed = contents.manifest.manifest_digest.as_str();
    if claimed != digest.to_string() && claimed != contents.manifest.digest_as_spelled(&contents.manifest_bytes)? {
        contents.hash_mismatches.push(HashMismatch {
            path: model::MANIFEST.to_owned(),
            expected: contents.manifest.manifest_digest.clone(),
            actual: digest.to_string(),
        });
    }
    contents.missing_files.sort();
    contents.hash_mismatches.sort();
    Ok(())
}

/// Checks that the parts speak of the same run, in schemas this program knows.
fn agree(contents: &mut Contents) {
    let Contents { manifest, run, refs, intents, results, faults, schema_faults, missing_files, .. } = contents;
    let sound = |name: &str| !missing_files.iter().any(|missing| missing == name);
    let ids = [(model::RUN, &run.run_id), (model::REFS, &refs.run_id)];
    for (name, id) in ids.into_iter().filter(|(name, _)| sound(name)) {
        if *id != manifest.run_id {
            faults.push(format!("{name} names run {id:?}, the manifest {:?}", manifest.run_id));
        }
    }
    if !matches!(manifest.capture_mode.as_str(), "reference" | "raw") {
        schema_faults.push(format!("manifest.json: unknown capture_mode {:?}", manifest.capture_mode));
    }
    let parts = [
        (model::MANIFEST, &manifest.schema_id, &manifest.schema_version, model::MANIFEST_SCHEMA),
        (model::RUN, &run.schema_id, &run.schema_version, model::RUN_SCHEMA),
        (model::REFS, &refs.schema_id, &refs.schema_version, model::REFS_SCHEMA),
    ];
    for (name, id, version, want) in parts {
        if sound(name) && (id != want || version != model::SCHEMA_VERSION) {
            schema_faults.push(format!("{name}: schema {id:?} {version:?}, expected {want} {}", model::SCHEMA_VERSION));
        }
    }
    for (lane, scan) in [(Lane::Intents, intents), (Lane::Results, results)] {
        if scan.records > 0 && !scan.schema_holds {
            schema_faults.push(format!(
                "{}: a record is not {} {}",
                lane.entry(),
                lane.schema(),
                model::SCHEMA_VERSION
            ));
        }
    }
}
