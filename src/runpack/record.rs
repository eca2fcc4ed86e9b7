//! Recording: defaults filled in, everything checked, lanes streamed into a signed pack.

use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::host;
use crate::kernel::json::{canon, read, scan};
use crate::runpack::input::{self, Piece};
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{self, Env, Manifest, Refs, Run};
use crate::runpack::write::{self, LaneDraft, Parts};
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{BufRead, Read, Seek, SeekFrom};

/// What the recorder writes into `producer_version` where the input names none.
pub const PRODUCER: &str = env!("CARGO_PKG_VERSION");

/// What the caller decides about a recording.
#[derive(Debug, Default)]
pub struct Options<'k> {
    /// Replaces the run id everywhere.
    pub run_id: Option<String>,
    /// `reference` or `raw`; replaces the input's.
    pub capture_mode: Option<String>,
    /// Refuse what would only be warned about.
    pub strict: bool,
    pub key: Option<&'k PrivateKey>,
    pub clock: Clock,
}

/// A pack on disk.
#[derive(Debug)]
pub struct Recorded {
    pub path: Utf8PathBuf,
    pub manifest: Manifest,
    /// What was recorded as given although it looks wrong, one line each.
    pub warnings: Vec<String>,
}

/// Records an input document (`run`, `intents`, `results`, `refs`, `capture_mode`) as `<dir>/runpack_<run_id>.zip`.
///
/// The input is streamed; when its records come before `run`, it is read twice. The pack is verified before it appears.
pub fn record<R: Read + Seek>(mut input: R, dir: &Utf8Path, options: &Options<'_>) -> Result<Recorded> {
    let lists = [("intents", Lane::Intents), ("results", Lane::Results)];
    let names = lists.map(|(name, _)| name);
    let mut session: Option<Session> = None;
    let mut refs: Option<Refs> = None;
    let mut mode = None;
    let mut early = false;
    let pass = input::stream(&mut input, &names, |piece| match piece {
        Piece::Member("run", value) => {
            session = Some(Session::start(read::typed(value).map_err(|e| e.at("run"))?, dir, options)?);
            Ok(())
        }
        Piece::Element(..) if session.is_none() => {
            early = true;
            Err(Error::invalid("records before run"))
        }
        Piece::Element(name, _, value) => match (&mut session, lists.iter().find(|(list, _)| *list == name)) {
            (Some(session), Some((_, lane))) => session.take(*lane, value),
            _ => Ok(()),
        },
        piece => other_member(piece, &mut refs, &mut mode),
    });
    if early {
        let run = find_run(&mut input, &names)?;
        session = Some(Session::start(run, dir, options)?);
        rewind(&mut input)?;
        input::stream(&mut input, &names, |piece| match piece {
            Piece::Member("run", _) => Ok(()),
            Piece::Element(name, _, value) => match (&mut session, lists.iter().find(|(list, _)| *list == name)) {
                (Some(session), Some((_, lane))) => session.take(*lane, value),
                _ => Ok(()),
            },
            piece => other_member(piece, &mut refs, &mut mode),
        })?;
    } else {
        pass?;
    }
    let session = match session {
        Some(session) => session,
        None => Session::start(Run::default(), dir, options)?,
    };
    session.seal(refs.unwrap_or_default(), mode, options)
}

/// Takes what is neither `run` nor a record.
fn other_member(piece: Piece<'_>, refs: &mut Option<Refs>, mode: &mut Option<String>) -> Result<()> {
    let Piece::Member(name, value) = piece else { return Ok(()) };
    match name {
        "refs" => *refs = read::typed::<Option<Refs>>(value).map_err(|e| e.at("refs"))?,
        "capture_mode" => *mode = read::typed::<Option<String>>(value).map_err(|e| e.at("capture_mode"))?,
        "intents" | "results" if value != b"null" => {
            return Err(Error::invalid(format!("`{name}` has to be a list")));
        }
        _ => {
            scan::parse(value).map_err(|e| e.at(name))?;
        }
    }
    Ok(())
}

fn rewind(input: &mut impl Seek) -> Result<()> {
    input.seek(SeekFrom::Start(0)).map_err(|e| Error::invalid(format!("cannot read the input twice: {e}")))?;
    Ok(())
}

fn find_run<R: Read + Seek>(input: &mut R, names: &[&str]) -> Result<Run> {
    rewind(input)?;
    let mut run = Run::default();
    input::stream(input, names, |piece| {
        if let Piece::Member("run", value) = piece {
            run = read::typed(value).map_err(|e| e.at("run"))?;
        }
        Ok(())
    })?;
    Ok(run)
}

/// Records calls, one JSON object `{"tool", "args", "status", "result"}` per line, as they come. The run starts with the
/// first call that names its time (`ts`), else now.
pub fn record_calls(lines: impl BufRead, dir: &Utf8Path, options: &Options<'_>) -> Result<Recorded> {
    let mut session = None;
    for (index, line) in lines.split(b'\n').enumerate() {
        let place = || format!("line {}", index + 1);
        let line = line.map_err(|e| Error::invalid(format!("cannot read {}: {e}", place())))?;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let (call, inexact) = read_call(line).map_err(|e| e.at(place()))?;
        let session = match &mut session {
            Some(session) => session,
            None => session.insert(start_calls(call.ts, dir, options)?),
        };
        session.doubts.inexact += usize::from(inexact);
        session.call(call).map_err(|e| e.at(place()))?;
    }
    let session = session.ok_or_else(|| Error::invalid("there is no call to record"))?;
    session.seal(Refs::default(), None, options)
}

fn start_calls(first: Option<Timestamp>, dir: &Utf8Path, options: &Options<'_>) -> Result<Session> {
    let created_at = first.unwrap_or_else(|| options.clock.now());
    let run_id = options.run_id.clone().unwrap_or_else(|| format!("run_{}", created_at.compact()));
    Session::start(Run { run_id, created_at, ..Run::default() }, dir, options)
}

/// A call as any program can write it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with a `tool`")]
struct Call {
    tool: String,
    args: Option<Box<serde_json::value::RawValue>>,
    status: Option<String>,
    result: Option<Box<serde_json::value::RawValue>>,
    id: Option<String>,
    ts: Option<Timestamp>,
}

/// One line as a call, and whether it holds an integer that a double cannot keep: the call's bodies are canonical
/// already, only the line still shows it.
fn read_call(line: &[u8]) -> Result<(Call, bool)> {
    if line.starts_with(b"[") {
        return Err(Error::invalid("a call is an object with a `tool`, not a list"));
    }
    let call = read::typed(line)?;
    Ok((call, scan::parse(line)?.inexact))
}

/// A recording in progress.
struct Session {
    run: Run,
    path: Utf8PathBuf,
    intents: LaneDraft,
    results: LaneDraft,
    doubts: Doubts,
    override_id: bool,
    strict: bool,
    calls: usize,
}

impl Session {
    fn start(mut run: Run, dir: &Utf8Path, options: &Options<'_>) -> Result<Self> {
        if let Some(id) = &options.run_id {
            run.run_id = id.clone();
        }
        check_run_id(&run.run_id)?;
        fill_run(&mut run, &options.clock);
        Ok(Self {
            path: dir.join(format!("runpack_{}.zip", run.run_id)),
            run,
            intents: LaneDraft::new(Lane::Intents)?,
            results: LaneDraft::new(Lane::Results)?,
            doubts: Doubts::default(),
            override_id: options.run_id.is_some(),
            strict: options.strict,
            calls: 0,
        })
    }

    fn take(&mut self, lane: Lane, value: &[u8]) -> Result<()> {
        let mut record = Record::parse(lane, value)?;
        // What is recorded from a document has canonical lines throughout.
        record.exact = None;
        fill_record(&mut record, lane, &self.run);
        if self.override_id {
            record.run_id = Cow::Borrowed(&self.run.run_id);
        }
        self.doubts.look_at(lane, &record, &self.run.run_id, self.strict)?;
        match lane {
            Lane::Intents => self.intents.push(&record),
            Lane::Results => self.results.push(&record),
        }
    }

    fn call(&mut self, call: Call) -> Result<()> {
        self.calls += 1;
        let id = call.id.unwrap_or_else(|| format!("call_{}", self.calls));
        let at = call.ts.unwrap_or(self.run.created_at);
        let intent = self.half(Lane::Intents, &id, &call.tool, at, call.args)?;
        self.doubts.look_at(Lane::Intents, &intent, &self.run.run_id, self.strict)?;
        self.intents.push(&intent)?;
        if call.result.is_some() || call.status.is_some() {
            let status = call.status.unwrap_or_else(|| "ok".to_owned());
            let result = self.half(Lane::Results, &id, &status, at, call.result)?;
            self.doubts.look_at(Lane::Results, &result, &self.run.run_id, self.strict)?;
            self.results.push(&result)?;
        }
        Ok(())
    }

    /// One record of a call, its digest computed. A body that is not an object stands under `value`.
    fn half(
        &self,
        lane: Lane,
        id: &str,
        label: &str,
        at: Timestamp,
        body: Option<Box<serde_json::value::RawValue>>,
    ) -> Result<Record<'static>> {
        let record = half(&self.run, lane, id, label, at, body.as_ref().map(|raw| raw.get()))?;
        Ok(Record { exact: None, ..record })
    }

    fn seal(self, mut refs: Refs, input_mode: Option<String>, options: &Options<'_>) -> Result<Recorded> {
        let capture_mode = capture_mode(options.capture_mode.as_deref(), input_mode.as_deref())?;
        fill_refs(&mut refs, &self.run);
        if self.override_id {
            refs.run_id.clone_from(&self.run.run_id);
        }
        let warnings = self.doubts.warnings(&refs, &self.run.run_id);
        if self.strict && !warnings.is_empty() {
            return Err(Error::invalid(warnings.join("; ")));
        }
        let parts = Parts {
            refs,
            capture_mode,
            intents: self.intents.finish()?,
            results: self.results.finish()?,
            run: self.run,
            extra: Vec::new(),
        };
        let parent = self.path.parent().filter(|parent| !parent.as_str().is_empty());
        if let Some(parent) = parent {
            crate::kernel::fs::make_dir(parent)?;
        }
        let manifest = write::seal(&self.path, parts, options.key)?;
        Ok(Recorded { path: self.path, manifest, warnings })
    }
}

/// One record of a call, its digest computed, its integers kept. A body that is not an object stands under `value`.
pub fn half(
    run: &Run,
    lane: Lane,
    id: &str,
    label: &str,
    at: Timestamp,
    body: Option<&str>,
) -> Result<Record<'static>> {
    let text = match body {
        None | Some("null") => "{}".to_owned(),
        Some(text) if text.starts_with('{') => text.to_owned(),
        Some(text) => format!("{{\"value\":{text}}}"),
    };
    let body = canon::canonicalize(text.as_bytes())?.into_owned();
    let exact = canon::exact(text.as_bytes())?;
    Ok(Record {
        schema_id: lane.schema().into(),
        schema_version: model::SCHEMA_VERSION.into(),
        created_at: at,
        producer_version: run.producer_version.clone().into(),
        run_id: run.run_id.clone().into(),
        intent_id: id.to_owned().into(),
        label: label.to_owned().into(),
        digest: Digest::of(&body).to_string().into(),
        exact: (exact != body).then_some(exact.into()),
        body: (body != b"{}").then_some(body.into()),
        inexact: false,
    })
}

/// A run id becomes part of a file name and of the ticket footer.
pub fn check_run_id(id: &str) -> Result<()> {
    if id.trim().is_empty() {
        return Err(Error::invalid("the run has no run_id").hint("set run.run_id in the input, or pass --run-id"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::invalid(format!("run id {id:?} cannot be recorded")).hint("use letters, digits, `_` and `-`"))
}

fn default_text(slot: &mut String, default: &str) {
    if slot.is_empty() {
        default.clone_into(slot);
    }
}

/// Fills what a run leaves open: schema, producer, time and machine.
pub fn fill_run(run: &mut Run, clock: &Clock) {
    default_text(&mut run.schema_id, model::RUN_SCHEMA);
    default_text(&mut run.schema_version, model::SCHEMA_VERSION);
    default_text(&mut run.producer_version, PRODUCER);
    if run.created_at.is_zero() {
        run.created_at = clock.now();
    }
    let host = host();
    default_text(&mut run.env.os, &host.os);
    default_text(&mut run.env.arch, &host.arch);
    default_text(&mut run.env.runtime, &host.runtime);
}

/// Fills what a record leaves open from its lane and its run.
pub(in crate::runpack) fn fill_record<'r>(record: &mut Record<'r>, lane: Lane, run: &'r Run) {
    if record.schema_id.is_empty() {
        record.schema_id = Cow::Borrowed(lane.schema());
    }
    if record.schema_version.is_empty() {
        record.schema_version = Cow::Borrowed(model::SCHEMA_VERSION);
    }
    if record.created_at.is_zero() {
        record.created_at = run.created_at;
    }
    if record.producer_version.is_empty() {
        record.producer_version = Cow::Borrowed(&run.producer_version);
    }
    if record.run_id.is_empty() {
        record.run_id = Cow::Borrowed(&run.run_id);
    }
}

/// Fills what the references leave open from the run.
pub fn fill_refs(refs: &mut Refs, run: &Run) {
    default_text(&mut refs.schema_id, model::REFS_SCHEMA);
    default_text(&mut refs.schema_version, model::SCHEMA_VERSION);
    default_text(&mut refs.producer_version, &run.producer_version);
    if refs.created_at.is_zero() {
        refs.created_at = run.created_at;
    }
    default_text(&mut refs.run_id, &run.run_id);
    refs.receipts.get_or_insert_default();
}

/// This machine as a place a run takes place on.
pub fn host() -> Env {
    Env { os: host::os().to_owned(), arch: host::arch().to_owned(), runtime: "rust".to_owned() }
}

fn capture_mode(flag: Option<&str>, input: Option<&str>) -> Result<String> {
    let given = [flag, input].into_iter().flatten().map(str::trim).find(|mode| !mode.is_empty());
    match given.unwrap_or("reference") {
        mode @ ("reference" | "raw") => Ok(mode.to_owned()),
        other => Err(Error::invalid(format!("capture mode {other:?} is neither reference nor raw"))),
    }
}

/// What looks wrong but is recorded as given.
#[derive(Default)]
struct Doubts {
    intents: HashSet<u64>,
    results: HashSet<u64>,
    state: std::hash::RandomState,
    empty_ids: usize,
    repeated: Vec<String>,
    repeats: usize,
    mismatched: usize,
    undigested: usize,
    foreign: usize,
    inexact: usize,
    statuses: usize,
}

impl Doubts {
    fn look_at(&mut self, lane: Lane, record: &Record<'_>, run_id: &str, strict: bool) -> Result<()> {
        use std::hash::BuildHasher as _;
        let hash = self.state.hash_one(record.intent_id.as_ref());
        let fresh = match lane {
            Lane::Intents => self.intents.insert(hash),
            Lane::Results => self.results.insert(hash),
        };
        if !fresh {
            self.repeats += 1;
            if self.repeated.len() < 3 {
                self.repeated.push(format!("{:?}", record.intent_id));
            }
        }
        self.empty_ids += usize::from(record.intent_id.is_empty());
        self.foreign += usize::from(record.run_id != run_id);
        self.inexact += usize::from(record.inexact);
        self.undigested += usize::from(record.digest.is_empty());
        self.statuses += usize::from(lane == Lane::Results && !matches!(record.label.as_ref(), "ok" | "error"));
        if !record.digest_holds() {
            self.mismatched += 1;
            if strict {
                return Err(Error::invalid("the digest is not the content's"));
            }
        }
        Ok(())
    }

    fn warnings(&self, refs: &Refs, run_id: &str) -> Vec<String> {
        let orphans = self.results.iter().filter(|id| !self.intents.contains(id)).count();
        let repeated = format!("records repeat the id of an earlier one: {}", self.repeated.join(", "));
        let counted = [
            (self.empty_ids, "records have an empty intent_id"),
            (self.repeats, repeated.as_str()),
            (orphans, "results belong to no recorded intent"),
            (self.mismatched, "records have a digest unlike their content"),
            (self.undigested, "records have no digest"),
            (self.foreign + usize::from(refs.run_id != run_id), "records name another run"),
            (self.inexact, "records hold an integer that a double cannot keep"),
            (self.statuses, "results have a status other than ok and error"),
        ];
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}
