//! Grader `diff`: did today's run do what the recorded one did?

use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::json::canon;
use crate::regress::align;
use crate::regress::candidate::Origin;
use crate::regress::case::{Subject, Trial, Verdict, shell_word};
use crate::regress::evidence;
use crate::runpack::calls::{self, CallChange, Change};
use crate::runpack::compare;
use crate::runpack::model::{INTENTS, RESULTS};
use crate::runpack::read::Pack;
use crate::runpack::story;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

/// Compares the baseline with each candidate.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    let allowed = Allowed::of(&subject.fixture.metadata.diff_allow_changed_files);
    let mut verdict = Verdict::default();
    if subject.trials.is_empty() {
        verdict.detail("changed_files", json!([]));
        verdict.detail("candidate_runpack", subject.fixture.runpack.as_str());
    }
    let mut trials = Vec::new();
    for trial in &subject.trials {
        let outcome = look_at(subject, trial, &allowed);
        trials.push(json!({
            "trial": trial.number,
            "status": if outcome.reason_codes.is_empty() { "pass" } else { "fail" },
            "reason_codes": outcome.reason_codes,
            "candidate": trial.path,
            "candidate_digest": digest(trial),
            "diff_digest": diff_digest(subject, trial, &outcome),
        }));
        if verdict.reason_codes.is_empty() {
            verdict.details.extend(outcome.details);
            verdict.evidence = outcome.evidence;
            verdict.next = outcome.next;
        }
        verdict.reason_codes.extend(outcome.reason_codes);
    }
    if !trials.is_empty() {
        verdict.detail("trials", trials);
    }
    verdict.detail("allowed_files", allowed.listed());
    verdict.detail("candidate_source", subject.origin.word());
    if subject.self_compare() {
        verdict.detail("self_compare", true);
        // Runs in a folder of candidates were made by an agent; equal behaviour may give equal packs there.
        if subject.require_candidate && subject.origin != Origin::Dir {
            verdict.fail("candidate_not_provided");
            verdict.evidence = match subject.origin {
                Origin::Baseline => "no run of today's agent was given for this fixture\n".to_owned(),
                _ => "the candidate is the baseline itself, not a run of today's agent\n".to_owned(),
            };
            let name = shell_word(&subject.fixture.name);
            verdict.next = format!("gait regress run --candidate {name}=<run_id|path>");
        }
    }
    if !allowed.broad().is_empty() {
        verdict.detail("broad_allow", allowed.broad());
    }
    verdict
}

fn digest(trial: &Trial) -> Value {
    trial.pack.as_ref().map_or(Value::Null, |pack| pack.contents.manifest.manifest_digest.as_str().into())
}

/// Digest of what differs between the baseline and a candidate that could be read, with the digests of both.
fn diff_digest(subject: &Subject<'_>, trial: &Trial, outcome: &Verdict) -> Value {
    let mut told = json!({
        "baseline": subject.fixture.baseline.contents.manifest.manifest_digest,
        "candidate": digest(trial),
    });
    if told["candidate"].is_null() {
        return Value::Null;
    }
    for key in ["changed_files", "calls", "calls_total", "violations"] {
        told[key] = outcome.details.get(key).cloned().unwrap_or_default();
    }
    canon::of(&told).map_or(Value::Null, |bytes| Digest::of(&bytes).to_string().into())
}

/// Judges one candidate.
fn look_at(subject: &Subject<'_>, trial: &Trial, allowed: &Allowed) -> Verdict {
    let fixture = subject.fixture;
    let candidate = match &trial.pack {
        Ok(pack) => pack,
        Err(error) => {
            let code = if trial.path.exists() { "diff_error" } else { "candidate_path_invalid" };
            let mut verdict = Verdict::error(code, &error.to_string());
            verdict.next = format!("gait verify {}", shell_word(trial.path.as_str()));
            return verdict;
        }
    };
    let mut verdict = compared(&fixture.baseline, candidate, allowed)
        .unwrap_or_else(|error| Verdict::error("diff_error", &error.to_string()));
    if candidate.intents.is_empty() && !fixture.baseline.intents.is_empty() {
        verdict.evidence.insert_str(0, "the candidate holds no call at all\n");
        if verdict.reason_codes.is_empty() {
            verdict.fail("no_calls_captured");
        }
    }
    if let Some(id) = repeated(candidate) {
        verdict.fail("duplicate_intent_id");
        verdict.evidence.push_str(&format!("the candidate uses the id {id:?} for two calls\n"));
    }
    if let Some(fault) = candidate.contents.schema_faults.first() {
        verdict.fail("candidate_invalid");
        verdict.evidence.push_str(&format!("the candidate is not made of known records: {fault}\n"));
    }
    verdict.detail("candidate_runpack", trial.path.as_str());
    verdict.detail("candidate_run_id", candidate.contents.manifest.run_id.as_str());
    verdict.detail("candidate_created_at", candidate.contents.run.created_at.to_string());
    verdict.next = format!("gait run diff {} {}", shell_word(&fixture.runpack), shell_word(trial.path.as_str()));
    verdict
}

/// Compares by file where the packs share call ids, as old fixtures expect; else call by call.
fn compared(baseline: &Pack, candidate: &Pack, allowed: &Allowed) -> Result<Verdict> {
    let ids: HashSet<&str> = baseline.intents.iter().map(|record| record.intent_id.as_ref()).collect();
    let shared = candidate.intents.iter().any(|record| ids.contains(record.intent_id.as_ref()));
    let by_file = shared || baseline.intents.is_empty() || candidate.intents.is_empty();
    let mut verdict = Verdict::default();
    let (changed, calls, total) = if by_file {
        let limit = if allowed.places.is_empty() { evidence::WRITTEN } else { usize::MAX };
        let (calls, total) = calls::changed_calls(baseline, candidate, limit)?;
        (compare::compare_packs(baseline, candidate)?.changed_files(), calls, total)
    } else {
        let calls = align::changed_calls(baseline, candidate)?;
        let total = calls.len();
        (files_of(&calls), calls, total)
    };
    let unexpected: Vec<&String> =
        changed.iter().filter(|file| !allowed.covers(file, &calls, total, by_file)).collect();
    if !unexpected.is_empty() {
        if by_file {
            verdict.fail("unexpected_diff");
        } else {
            let codes = calls.iter().flat_map(|call| entries_of(call).map(move |file| (file, call)));
            let codes = codes.filter(|(file, _)| unexpected.iter().any(|unexpected| *unexpected == file));
            verdict.reason_codes.extend(codes.map(|(file, call)| match file {
                RESULTS => "status_changed".to_owned(),
                _ => evidence::reason(call).to_owned(),
            }));
        }
        verdict.detail("unexpected_files", json!(unexpected));
        let others = unexpected.iter().filter(|file| !matches!(file.as_str(), INTENTS | RESULTS));
        verdict.evidence = others.map(|file| format!("{file} differs\n")).collect();
        verdict.evidence.push_str(&story::tell(&calls, total));
    }
    verdict.detail("compared", if by_file { "files" } else { "calls" });
    verdict.detail("changed_files", json!(changed));
    if total > 0 {
        verdict.detail("calls", evidence::details(&calls));
        verdict.detail("calls_total", total);
    }
    Ok(verdict)
}

/// The entries a differing call of two aligned runs belongs to: its arguments or its place, and its status. The status
/// of a call that only one side has does not count.
fn entries_of(call: &CallChange) -> impl Iterator<Item = &'static str> + use<> {
    let paired = matches!(call.kind, Change::Changed | Change::Moved);
    let status = paired && call.differences.iter().any(|difference| difference.path == align::STATUS);
    let intent = call.kind != Change::Changed || call.differences.iter().any(|d| d.path != align::STATUS);
    [(INTENTS, intent), (RESULTS, status)].into_iter().filter_map(|(file, belongs)| belongs.then_some(file))
}

fn files_of(calls: &[CallChange]) -> Vec<String> {
    let files: BTreeSet<&str> = calls.iter().flat_map(entries_of).collect();
    files.into_iter().map(str::to_owned).collect()
}

fn repeated(pack: &Pack) -> Option<&str> {
    let mut seen = HashSet::new();
    pack.intents.iter().map(|record| record.intent_id.as_ref()).find(|id| !seen.insert(*id))
}

/// The differences a fixture accepts: whole entries, or single places `intents.jsonl#/<record>/<pointer>`.
struct Allowed {
    files: BTreeSet<String>,
    places: BTreeSet<String>,
}

impl Allowed {
    fn of(list: &[String]) -> Self {
        let trimmed = list.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
        let (places, files) = trimmed.map(str::to_owned).partition(|item| item.contains('#'));
        Self { files, places }
    }

    fn listed(&self) -> Value {
        self.files.union(&self.places).cloned().collect()
    }

    /// Whole lanes on the list: with them no call is compared any more.
    fn broad(&self) -> Vec<&str> {
        [INTENTS, RESULTS].into_iter().filter(|file| self.files.contains(*file)).collect()
    }

    /// Whether every difference in `file` is accepted. What is not known place by place is not.
    fn covers(&self, file: &str, calls: &[CallChange], total: usize, by_file: bool) -> bool {
        if self.files.contains(file) {
            return true;
        }
        let prefixes: &[&str] = match file {
            INTENTS => &["/args", "/tool_name"],
            RESULTS => &["/result", "/status"],
            _ => return false,
        };
        let mine = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix));
        let accepted = |call: &CallChange| {
            let known = call.kind == Change::Changed
                && !call.differences.is_empty()
                && call.differences.len() == call.differences_total;
            let Some(index) = call.index_left.filter(|_| known) else { return false };
            let mut paths =
                call.differences.iter().map(|difference| difference.path.as_str()).filter(|path| mine(path));
            paths.all(|path| self.place(file, index - 1, path))
        };
        let mut concerned = calls.iter().filter(|call| by_file || entries_of(call).any(|entry| entry == file));
        !self.places.is_empty() && total == calls.len() && concerned.all(accepted)
    }

    /// Whether a place or anything above it is on the list.
    fn place(&self, file: &str, index: usize, path: &str) -> bool {
        let full = format!("{file}#/{index}{path}");
        let ends = full.match_indices('/').map(|(at, _)| at).skip(1).chain([full.len()]);
        ends.into_iter().any(|end| self.places.contains(&full[..end]))
    }
}
