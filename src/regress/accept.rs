//! A candidate becomes the baseline of its fixture: planned and shown first, then written, with a signed record of why.

use crate::config::edit;
use crate::config::suite::{Settings, Suite};
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
    /// Where the last run had several trials.
    pub outlook: Option<Outlook>,
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

/// One trial of a fixture, as a result tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShownTrial {
    number: usize,
    failed: bool,
    candidate: Utf8PathBuf,
    candidate_digest: String,
    diff_digest: String,
}

impl ShownTrial {
    fn load(&self, trust: &Trust) -> Trial {
        let source = Source::open(self.candidate.as_std_path());
        let pack = source.and_then(|source| Pack::read(source, trust).map_err(|e| e.at(&self.candidate)));
        let mishap = mishap(&self.candidate);
        Trial { number: self.number, path: self.candidate.clone(), pack, mishap, elapsed: None }
    }
}

/// How the last run's trials would fare with the new baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outlook {
    pub passes: usize,
    pub trials: usize,
    /// So many have to pass.
    pub min_pass: usize,
}

impl Outlook {
    fn of(settings: &Settings, passes: usize, trials: usize) -> Self {
        let least = settings.min_pass.map_or(trials, |least| usize::try_from(least).unwrap_or(usize::MAX).min(trials));
        Self { passes, trials, min_pass: least }
    }
}

/// The fixtures whose grader `diff` fails in a result, in its order.
pub fn failing(written: &Written) -> Vec<String> {
    let failed = written.graders.iter().filter(|grade| grade.failed() && grade.grader() == "diff");
    failed.map(|grade| grade.fixture().to_owned()).collect()
}

fn trials(written: &Written, fixture: &str) -> Vec<ShownTrial> {
    let name = format!("{fixture}/diff");
    let grade = |grade: &&Grade| grade.name == name;
    let listed = written.graders.iter().find(grade).and_then(|grade| grade.details.get("trials")?.as_array());
    let text = |trial: &Value, key: &str| trial[key].as_str().unwrap_or_default().to_owned();
    let trial = |trial: &Value| ShownTrial {
        number: trial["trial"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1),
        failed: trial["status"] == "fail",
        candidate: text(trial, "candidate").into(),
        candidate_digest: text(trial, "candidate_digest"),
        diff_digest: text(trial, "diff_digest"),
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
        outlook: fresh.outlook,
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
        outlook: None,
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
    outlook: Option<Outlook>,
}

fn candidate(request: &Request, fixture: &Fixture) -> Result<Fresh> {
    let written = match result::open(&request.result) {
        Ok(written) => Some(written),
        Err(_) if request.candidate.is_some() => None,
        Err(error) => return Err(error.hint("run `gait regress run` first, or name the new baseline with --candidate")),
    };
    let shown = written.map(|written| trials(&written, &fixture.name)).unwrap_or_default();
    let first = || shown.iter().find(|trial| trial.failed).map(|trial| trial.candidate.clone());
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
    let told = shown.iter().position(|trial| trial.candidate == path);
    let told = told.or(shown.iter().position(|trial| trial.candidate_digest == manifest_digest));
    // All trials of the run that showed it are judged again, or it alone.
    let chosen = told.unwrap_or_default();
    let others = told.map_or(&[][..], |_| &shown);
    let mut trials: Vec<Trial> = others.iter().map(|trial| trial.load(&trust)).collect();
    let trial = Trial {
        number: others.get(chosen).map_or(1, |trial| trial.number),
        path,
        pack: Ok(pack),
        mishap: None,
        elapsed: None,
    };
    if trials.is_empty() {
        trials.push(trial)
    } else {
        trials[chosen] = trial
    }
    let (diff_digest, evidence) = judged(fixture, &mut trials, others, chosen)?;
    let trial = trials.swap_remove(chosen);
    let sound = trials.iter().filter(|other| other.mishap.is_none()).filter_map(|other| other.pack.as_ref().ok());
    let alike = trial.pack.as_ref().map_or(0, |new| sound.filter(|pack| diff::alike(fixture, new, pack)).count());
    let outlook = (!trials.is_empty()).then(|| Outlook::of(&fixture.settings, 1 + alike, 1 + trials.len()));
    Ok(Fresh { path: trial.path, bytes, run_id, manifest_digest, diff_digest, unanswered, evidence, outlook })
}

/// Judges the trials as the last run did. Each has to differ from the baseline as that run showed; the digest of what
/// differs in the chosen one, and what differs in all of them.
fn judged(fixture: &Fixture, trials: &mut Vec<Trial>, shown: &[ShownTrial], chosen: usize) -> Result<(String, String)> {
    let subject = Subject {
        fixture,
        origin: Origin::Flag,
        trials: std::mem::take(trials),
        policy: None,
        require_candidate: false,
        unchanged: false,
    };
    let outcomes = diff::outcomes(&subject);
    if outcomes[chosen].reason_codes.contains("duplicate_intent_id") {
        let path = &subject.trials[chosen].path;
        return Err(Error::invalid(format!("{path} uses one id for two calls, so it can be no baseline")));
    }
    let digest = |(trial, outcome)| diff::diff_digest(&subject, trial, outcome).as_str().unwrap_or_default().to_owned();
    let mut digests: Vec<String> = subject.trials.iter().zip(&outcomes).map(digest).collect();
    if let Some(at) = shown.iter().zip(&digests).position(|(trial, digest)| trial.diff_digest != *digest) {
        let (name, path) = (&fixture.name, &subject.trials[at].path);
        let what = format!("fixture {name}: {path} does not differ from the baseline as the last run showed");
        return Err(Error::new(Kind::UnsafeRefused, what)
            .code(NOT_AS_SHOWN)
            .hint("look at it again with `gait regress run`, then accept"));
    }
    let mut evidence = String::new();
    for (trial, outcome) in subject.trials.iter().zip(&outcomes).filter(|(_, outcome)| !outcome.evidence.is_empty()) {
        if subject.trials.len() > 1 {
            evidence.push_str(&format!("trial {}:\n", trial.number));
        }
        evidence.push_str(&outcome.evidence);
    }
    *trials = subject.trials;
    Ok((digests.swap_remove(chosen), evidence))
}

/// What went wrong when this candidate was made, as far as its run told.
fn mishap(candidate: &Utf8Path) -> Option<Mishap> {
    Mishap::read(candidate).ok().flatten()
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
