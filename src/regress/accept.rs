//! A candidate becomes the baseline of its fixture: planned and shown first, then written, with a signed record of why.

use crate::config::edit;
use crate::config::suite::Suite;
use crate::kernel::archive::source::Source;
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use crate::kernel::lock::{self, Lock};
use crate::mcp::candidate::UNMATCHED;
use crate::regress::baselines::{self, Acceptance, Chain, Standing};
use crate::regress::candidate::Origin;
use crate::regress::case::{Subject, Trial};
use crate::regress::discover::{self, Listed};
use crate::regress::fixture::{Demands, Fixture, METADATA, Metadata, Unloadable};
use crate::regress::grade::diff;
use crate::regress::mishap::Mishap;
use crate::report::model::Grade;
use crate::report::result::{self, Written};
use crate::runpack::locate::OUT_DIR;
use crate::runpack::read::Pack;
use crate::runpack::record::PRODUCER;
use crate::runpack::verify::{SignatureStatus, Trust};
use crate::sign::envelope::Check;
use crate::sign::key::{PrivateKey, PublicKey};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Largest runpack that becomes a baseline, in bytes.
const LARGEST: u64 = 1 << 30;
/// Reason code: what differs now is not what the last run showed.
pub const NOT_AS_SHOWN: &str = "diff_not_as_shown";

/// What is to be accepted, by whom and why.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path of the `gait.yaml`.
    pub config: String,
    pub fixture: String,
    pub reason: String,
    pub who: String,
    /// The new baseline; the first failing trial of the last run unless given.
    pub candidate: Option<Utf8PathBuf>,
    /// Result file of the last run.
    pub result: Utf8PathBuf,
    pub demands: Demands,
    /// Whoever signs: what this key began, it may finish.
    pub signer: PublicKey,
}

/// A baseline ready to be accepted. It holds the fixture's lock.
#[derive(Debug)]
pub struct Plan {
    /// What differs, for people: plain text of any content.
    pub evidence: String,
    /// The new baseline; none when an acceptance that was cut off is finished.
    pub candidate: Option<Utf8PathBuf>,
    pub diff_digest: String,
    unanswered: usize,
    record: Acceptance,
    chain: Chain,
    bytes: Vec<u8>,
    runpack: Utf8PathBuf,
    dir: Utf8PathBuf,
    metadata: Metadata,
    config: Option<(String, String)>,
    lock: Lock,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    pub fixture: String,
    pub run_id: String,
    pub previous_run_id: String,
    pub manifest_digest: String,
    pub previous_manifest_digest: String,
    pub diff_digest: String,
    pub reason: String,
    pub accepted_by: String,
    pub key_id: String,
    pub record_digest: String,
    pub baselines: String,
    /// An acceptance that was cut off was finished, and nothing else was done.
    pub finished: bool,
    /// Calls that were answered by no recording; their answer is the replay's tool error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<usize>,
}

/// The first failing trial of a fixture, as a result tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShownTrial {
    candidate: String,
    candidate_digest: String,
    diff_digest: String,
}

/// The fixtures whose grader `diff` fails in a result, in its order.
pub fn failing(written: &Written) -> Vec<String> {
    let failed = written.graders.iter().filter(|grade| grade.failed() && grade.grader() == "diff");
    failed.map(|grade| grade.fixture().to_owned()).collect()
}

fn trials(written: &Written, fixture: &str) -> Vec<(bool, ShownTrial)> {
    let name = format!("{fixture}/diff");
    let grade = |grade: &&Grade| grade.name == name;
    let listed = written.graders.iter().find(grade).and_then(|grade| grade.details.get("trials")?.as_array());
    let text = |trial: &Value, key: &str| trial[key].as_str().unwrap_or_default().to_owned();
    let trial = |trial: &Value| {
        let shown = ShownTrial {
            candidate: text(trial, "candidate"),
            candidate_digest: text(trial, "candidate_digest"),
            diff_digest: text(trial, "diff_digest"),
        };
        (trial["status"] == "fail", shown)
    };
    listed.into_iter().flatten().map(trial).collect()
}

/// Reads and checks everything; nothing is written. `UnsafeRefused`: the diff is not the one the last run showed.
/// `VerificationFailed`: the fixture's chain of baselines does not hold.
pub fn plan(request: &Request) -> Result<Plan> {
    if request.reason.trim().is_empty() {
        return Err(Error::invalid("a baseline is not accepted without a reason").hint("say why with --reason TEXT"));
    }
    let suite = Suite::read(&request.config)?;
    let listed = discover::discover(&suite)?.into_iter().find(|listed| listed.name == request.fixture);
    let listed = listed.ok_or_else(|| {
        Error::invalid(format!("{}: there is no fixture {:?}", request.config, request.fixture))
            .hint("see all fixtures with `gait regress run --list`")
    })?;
    fs::make_dir(format!("{OUT_DIR}/regress"))?;
    let guarded = format!("{OUT_DIR}/regress/{}", listed.name);
    let lock = lock::hold(Utf8Path::new(&guarded).as_std_path(), Duration::from_secs(2))?;
    let fixture = Fixture::open(&listed, &request.demands).map_err(|why| unloadable(&listed, &why))?;
    if fixture.metadata.name != listed.name {
        let (name, other) = (&listed.name, &fixture.metadata.name);
        return Err(Error::invalid(format!("fixture {name}: its fixture.json names fixture {other:?}")));
    }
    let chain = Chain::read(&fixture.dir)?;
    let manifest = &fixture.baseline.contents.manifest;
    let head = fixture.metadata.baselines_head.as_deref();
    let standing = baselines::standing(&listed.name, chain.as_ref(), head, &manifest.manifest_digest);
    let standing = standing.map_err(|fault| {
        Error::verification(format!("fixture {}: {fault}", listed.name))
            .code(baselines::BROKEN)
            .hint("restore the fixture's folder, or begin anew with `gait regress init --force`")
    })?;
    let mut chain = chain.unwrap_or_default();
    if let Some(record) = pending(&listed, &fixture, &chain, standing) {
        return finish(request, &suite, fixture, chain, record, lock);
    }
    if standing == Standing::Unfinished {
        // Nothing but its record was written: as if it had never begun.
        chain.links.pop();
    }
    let fresh = candidate(request, &fixture)?;
    let config = config(&suite, &listed.name, &fresh.run_id)?;
    let record = Acceptance {
        schema_id: baselines::SCHEMA_ID.to_owned(),
        schema_version: baselines::SCHEMA_VERSION.to_owned(),
        producer_version: PRODUCER.to_owned(),
        fixture: listed.name.clone(),
        previous_run_id: manifest.run_id.clone(),
        previous_manifest_digest: manifest.manifest_digest.clone(),
        run_id: fresh.run_id,
        manifest_digest: fresh.manifest_digest,
        diff_digest: fresh.diff_digest.clone(),
        reason: request.reason.trim().to_owned(),
        accepted_by: request.who.clone(),
        ..Acceptance::default()
    };
    Ok(Plan {
        evidence: fresh.evidence,
        candidate: Some(fresh.path),
        diff_digest: fresh.diff_digest,
        unanswered: fresh.unanswered,
        record,
        chain,
        bytes: fresh.bytes,
        runpack: listed.runpack.into(),
        dir: fixture.dir,
        metadata: fixture.metadata,
        config,
        lock,
    })
}

fn unloadable(listed: &Listed, why: &Unloadable) -> Error {
    Error::invalid(format!("fixture {} cannot be loaded: {}", listed.name, why.what)).code(why.code)
}

fn config(suite: &Suite, name: &str, run_id: &str) -> Result<Option<(String, String)>> {
    Ok(edit::with_run_id(suite, name, run_id)?.map(|text| (suite.document.path.clone(), text)))
}

/// The record of an acceptance that was cut off after the runpack was in place.
fn pending(listed: &Listed, fixture: &Fixture, chain: &Chain, standing: Standing) -> Option<Acceptance> {
    let record = &chain.links.last()?.record;
    let replaced = record.manifest_digest == fixture.baseline.contents.manifest.manifest_digest;
    let stale = listed.run_id.as_ref().is_some_and(|claim| *claim == record.previous_run_id && *claim != record.run_id);
    (replaced && (standing == Standing::Unfinished || stale)).then(|| record.clone())
}

fn finish(
    request: &Request,
    suite: &Suite,
    fixture: Fixture,
    chain: Chain,
    record: Acceptance,
    lock: Lock,
) -> Result<Plan> {
    let mut keys = baselines::keys(&request.demands.trust);
    keys.push(request.signer);
    if record.check(&keys)? != Check::Valid {
        let what = format!("fixture {}: an acceptance was cut off, and no key trusted here signed it", fixture.name);
        return Err(Error::verification(what)
            .code(baselines::UNFINISHED)
            .hint("whoever began it can finish it; or restore the fixture's folder"));
    }
    Ok(Plan {
        evidence: String::new(),
        candidate: None,
        diff_digest: record.diff_digest.clone(),
        unanswered: 0,
        config: config(suite, &fixture.name, &record.run_id)?,
        record,
        chain,
        bytes: Vec::new(),
        runpack: fixture.runpack.into(),
        dir: fixture.dir,
        metadata: fixture.metadata,
        lock,
    })
}

/// A candidate that was read once and holds.
struct Fresh {
    path: Utf8PathBuf,
    bytes: Vec<u8>,
    run_id: String,
    manifest_digest: String,
    diff_digest: String,
    unanswered: usize,
    evidence: String,
}

fn candidate(request: &Request, fixture: &Fixture) -> Result<Fresh> {
    let written = match result::open(&request.result) {
        Ok(written) => Some(written),
        Err(_) if request.candidate.is_some() => None,
        Err(error) => return Err(error.hint("run `gait regress run` first, or name the new baseline with --candidate")),
    };
    let shown = written.map(|written| trials(&written, &fixture.name)).unwrap_or_default();
    let first = || shown.iter().find(|(failed, _)| *failed).map(|(_, trial)| Utf8PathBuf::from(&trial.candidate));
    let path = request.candidate.clone().or_else(first).ok_or_else(|| {
        Error::invalid(format!("{}: no trial of fixture {} failed there", request.result, fixture.name))
            .hint("run `gait regress run` first, or name the new baseline with --candidate")
    })?;
    if let Some(mishap) = Mishap::read(&path)? {
        let what = format!("{path} is no whole run: {}: {}", mishap.reason_code.code(), mishap.what);
        return Err(Error::new(Kind::UnsafeRefused, what).hint("accept a run in which the agent came to its end"));
    }
    let bytes = fs::read(&path, LARGEST)?;
    let trust = Trust::Known(baselines::keys(&request.demands.trust));
    let pack = Pack::read(Source::from_bytes(bytes.clone()), &trust).map_err(|e| e.at(&path))?;
    usable(&path, &pack, fixture, &request.demands)?;
    let unanswered = pack.intents.iter().filter(|intent| intent.intent_id.starts_with(UNMATCHED)).count();
    let (run_id, manifest_digest) =
        (pack.contents.manifest.run_id.clone(), pack.contents.manifest.manifest_digest.clone());
    let trial = Trial { number: 1, path: path.clone(), pack: Ok(pack), mishap: None };
    let (origin, trials) = (Origin::Flag, vec![trial]);
    let subject = Subject { fixture, origin, trials, require_candidate: false, unchanged: false };
    let verdict = diff::grade(&subject);
    if verdict.reason_codes.contains("duplicate_intent_id") {
        return Err(Error::invalid(format!("{path} uses one id for two calls, so it can be no baseline")));
    }
    let diff_digest = verdict.details.get("trials").and_then(|trials| trials[0]["diff_digest"].as_str());
    let diff_digest = diff_digest.unwrap_or_default().to_owned();
    let told = shown.iter().map(|(_, trial)| trial).find(|trial| trial.candidate == path);
    let told = told.or(shown.iter().map(|(_, trial)| trial).find(|trial| trial.candidate_digest == manifest_digest));
    if told.is_some_and(|trial| trial.diff_digest != diff_digest) {
        let what = format!("fixture {}: {path} does not differ from the baseline as the last run showed", fixture.name);
        return Err(Error::new(Kind::UnsafeRefused, what)
            .code(NOT_AS_SHOWN)
            .hint("look at it again with `gait regress run`, then accept"));
    }
    Ok(Fresh { path, bytes, run_id, manifest_digest, diff_digest, unanswered, evidence: verdict.evidence })
}

/// Whether the fixture would load with this pack as its baseline.
fn usable(path: &Utf8Path, pack: &Pack, fixture: &Fixture, demands: &Demands) -> Result<()> {
    if pack.contents.manifest.manifest_digest == fixture.baseline.contents.manifest.manifest_digest {
        return Err(Error::invalid(format!("{path} is the baseline of fixture {} already", fixture.name)));
    }
    if pack.intents.is_empty() && !fixture.baseline.intents.is_empty() {
        return Err(Error::invalid(format!("{path} holds no call at all: as a baseline it would check nothing"))
            .hint("begin anew with `gait regress init --force` if that is meant"));
    }
    if let Some(fault) = pack.contents.schema_faults.first() {
        return Err(Error::invalid(format!("{path} is not made of known records: {fault}")));
    }
    if demands.require_signature && pack.contents.signature_status != SignatureStatus::Verified {
        let status = pack.contents.signature_status.word();
        return Err(Error::verification(format!("{path}: a trusted signature is required, the signature is {status}")));
    }
    Ok(())
}

impl Plan {
    /// Writes record, runpack, `fixture.json` and `gait.yaml` in this order, each whole or not at all. Cut off between
    /// two of them, the fixture does not load, and says that the same command finishes it.
    pub fn apply(self, key: &PrivateKey, clock: Clock) -> Result<Accepted> {
        let Self { mut record, mut chain, mut metadata, dir, lock, unanswered, .. } = self;
        let finished = self.candidate.is_none();
        if !finished {
            record.created_at = clock.now();
            chain.push(record, key)?;
            fs::write(dir.join(baselines::FILE), &chain.text()?)?;
            fs::write(&self.runpack, &self.bytes)?;
        }
        let Some(last) = chain.links.last() else { return Err(Error::new(Kind::Internal, "no record was made")) };
        metadata.run_id.clone_from(&last.record.run_id);
        metadata.baselines_head = Some(last.digest.clone());
        fs::write(dir.join(METADATA), encode::document(&metadata)?.as_bytes())?;
        if let Some((path, text)) = &self.config {
            fs::write(path, text.as_bytes())?;
        }
        drop(lock);
        let Acceptance { fixture, run_id, previous_run_id, reason, accepted_by, .. } = last.record.clone();
        Ok(Accepted {
            fixture,
            run_id,
            previous_run_id,
            manifest_digest: last.record.manifest_digest.clone(),
            previous_manifest_digest: last.record.previous_manifest_digest.clone(),
            diff_digest: last.record.diff_digest.clone(),
            reason,
            accepted_by,
            key_id: last.record.key_id().to_owned(),
            record_digest: last.digest.clone(),
            baselines: dir.join(baselines::FILE).into_string(),
            finished,
            unanswered: (unanswered > 0).then_some(unanswered),
        })
    }

    /// The same plan for another reason.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        reason.trim().clone_into(&mut self.record.reason);
        self
    }
}
