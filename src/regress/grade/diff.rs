//! Grader `diff`: did today's run do what the recorded one did?

use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::json::canon;
use crate::regress::allowed::Allowed;
use crate::regress::candidate::Origin;
use crate::regress::case::{Subject, Trial, Verdict, shell_word};
use crate::regress::compare::{self, Comparison, Judged};
use crate::regress::evidence;
use crate::regress::fixture::Fixture;
use crate::regress::run;
use crate::regress::tolerance::Rules;
use crate::regress::verdict;
use crate::runpack::calls::{self, Change};
use crate::runpack::compare::compare_packs;
use crate::runpack::model::{INTENTS, RESULTS};
use crate::runpack::read::Pack;
use crate::runpack::story;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

/// Compares the baseline with each candidate.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    let fixture = subject.fixture;
    let allowed = Allowed::of(&fixture.metadata.diff_allow_changed_files);
    let outcomes = outcomes(subject);
    let told = subject.trials.iter().zip(&outcomes).map(|(trial, outcome)| {
        let mut told = json!({
            "trial": trial.number,
            "status": verdict::status(outcome),
            "reason_codes": outcome.reason_codes,
            "candidate": trial.path,
            "candidate_digest": digest(trial),
            "diff_digest": diff_digest(subject, trial, outcome),
        });
        if let Some(mishap) = &trial.mishap {
            told["error"] = mishap.what.as_str().into();
        }
        told
    });
    let told: Vec<Value> = told.collect();
    let numbers: Vec<usize> = subject.trials.iter().map(|trial| trial.number).collect();
    let mut verdict = verdict::of_trials(&fixture.settings, &numbers, outcomes);
    if told.is_empty() {
        verdict.detail("changed_files", json!([]));
        verdict.detail("candidate_runpack", fixture.runpack.as_str());
    } else {
        verdict.detail("trials", told);
    }
    verdict.detail("allowed_files", allowed.listed());
    verdict::demand(subject, "diff", &mut verdict);
    if !allowed.broad().is_empty() {
        verdict.detail("broad_allow", allowed.broad());
    }
    verdict
}

/// The verdict on each trial.
pub fn outcomes(subject: &Subject<'_>) -> Vec<Verdict> {
    let fixture = subject.fixture;
    let allowed = Allowed::of(&fixture.metadata.diff_allow_changed_files);
    let rules = rules(subject.fixture, subject.unchanged);
    subject.trials.iter().map(|trial| look_at(subject, trial, &allowed, rules.as_ref())).collect()
}

/// The rules in force. Where there is an agent to run, calls decide.
fn rules(fixture: &Fixture, unchanged: bool) -> Option<Rules> {
    match (fixture.settings.rules.as_ref().map(Rules::of), fixture.settings.agent()) {
        (rules, Some(_)) if unchanged => Some(rules.unwrap_or_else(Rules::plain).tolerances()),
        (rules, Some(_)) => Some(rules.unwrap_or_else(Rules::plain)),
        (rules, None) => rules,
    }
}

/// Whether `candidate` would pass with `baseline` as the baseline of `fixture`.
pub fn alike(fixture: &Fixture, baseline: &Pack, candidate: &Pack) -> bool {
    let allowed = Allowed::of(&fixture.metadata.diff_allow_changed_files);
    let (origin, trials, rules) = (Origin::Flag, Vec::new(), rules(fixture, false));
    let subject = Subject { fixture, origin, trials, policy: None, require_candidate: false, unchanged: false };
    compared(&subject, [baseline, candidate], &allowed, rules.as_ref())
        .is_ok_and(|verdict| verdict.reason_codes.is_empty())
}

fn digest(trial: &Trial) -> Value {
    trial.pack.as_ref().map_or(Value::Null, |pack| pack.contents.manifest.manifest_digest.as_str().into())
}

/// Digest of what differs between the baseline and a candidate that could be read, with the digests of both.
pub fn diff_digest(subject: &Subject<'_>, trial: &Trial, outcome: &Verdict) -> Value {
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

/// Judges one candidate, and how it was made.
fn look_at(subject: &Subject<'_>, trial: &Trial, allowed: &Allowed, rules: Option<&Rules>) -> Verdict {
    let idle = trial.pack.as_ref().map_or(true, |pack| pack.intents.is_empty());
    let mut verdict = match &trial.mishap {
        Some(_) if idle => Verdict::default(),
        _ => judged(subject, trial, allowed, rules),
    };
    if let Some(mishap) = &trial.mishap {
        verdict.fail(mishap.reason_code.code());
        verdict.evidence.insert_str(0, &format!("{}\n", mishap.what));
        verdict.detail("error", mishap.what.as_str());
        if idle {
            let log = trial.path.with_extension("stderr.txt");
            verdict.next = format!("cat {}", shell_word(log.as_str()));
        }
    }
    verdict
}

/// Judges what one candidate holds.
fn judged(subject: &Subject<'_>, trial: &Trial, allowed: &Allowed, rules: Option<&Rules>) -> Verdict {
    let fixture = subject.fixture;
    let runs_agent = fixture.settings.agent().is_some();
    let candidate = match &trial.pack {
        Ok(pack) => pack,
        Err(error) => {
            let code = match trial.path.exists() {
                true if subject.origin == Origin::Agent => "candidate_invalid",
                true => "diff_error",
                false => "candidate_path_invalid",
            };
            let mut verdict = Verdict::error(code, &error.to_string());
            verdict.next = format!("gait verify {}", shell_word(trial.path.as_str()));
            return verdict;
        }
    };
    let mut verdict = compared(subject, [&fixture.baseline, candidate], allowed, rules)
        .unwrap_or_else(|error| Verdict::error("diff_error", &error.to_string()));
    if candidate.intents.is_empty() && (runs_agent || !fixture.baseline.intents.is_empty()) {
        verdict.evidence.insert_str(0, "the candidate holds no call at all\n");
        if runs_agent || verdict.reason_codes.is_empty() {
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

/// Compares by file where the packs share call ids and neither `match` nor `agent` says otherwise, as old fixtures expect;
/// else call by call.
fn compared(subject: &Subject<'_>, packs: [&Pack; 2], allowed: &Allowed, rules: Option<&Rules>) -> Result<Verdict> {
    let [baseline, candidate] = packs;
    let ids: HashSet<&str> = baseline.intents.iter().map(|record| record.intent_id.as_ref()).collect();
    let shared = candidate.intents.iter().any(|record| ids.contains(record.intent_id.as_ref()));
    match rules {
        Some(rules) => by_call(subject, packs, allowed, rules),
        None if shared || baseline.intents.is_empty() || candidate.intents.is_empty() => {
            by_file(baseline, candidate, allowed)
        }
        None => by_call(subject, packs, allowed, &Rules::plain()),
    }
}

fn by_file(baseline: &Pack, candidate: &Pack, allowed: &Allowed) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let limit = if allowed.has_places() { usize::MAX } else { evidence::WRITTEN };
    let (calls, total) = calls::changed_calls(baseline, candidate, limit)?;
    let changed = compare_packs(baseline, candidate)?.changed_files();
    let unexpected: Vec<&String> = changed.iter().filter(|file| !allowed.covers(file, &calls, total)).collect();
    if !unexpected.is_empty() {
        verdict.fail("unexpected_diff");
        verdict.detail("unexpected_files", json!(unexpected));
        let others = unexpected.iter().filter(|file| !matches!(file.as_str(), INTENTS | RESULTS));
        verdict.evidence = others.map(|file| format!("{file} differs\n")).collect();
        verdict.evidence.push_str(&story::tell(&calls, total));
    }
    verdict.detail("compared", "files");
    verdict.detail("changed_files", json!(changed));
    if total > 0 {
        verdict.detail("calls", evidence::details(&calls));
        verdict.detail("calls_total", total);
    }
    Ok(verdict)
}

fn by_call(
    subject: &Subject<'_>,
    [baseline, candidate]: [&Pack; 2],
    allowed: &Allowed,
    rules: &Rules,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let (mut before, mut after) = (run::of(baseline)?, run::of(candidate)?);
    if subject.fixture.settings.agent().is_some() {
        run::mark_loose(&mut before, &mut after);
    }
    let comparison = compare::compare(&before, &after, rules, allowed);
    verdict.reason_codes.extend(comparison.reasons().map(str::to_owned));
    if !comparison.holds() {
        verdict.evidence = evidence::tell(&comparison);
        if subject.unchanged {
            verdict.evidence.insert_str(0, &evidence::irreproducible(&comparison));
        }
        let entry = |reason| if reason == "status_changed" { RESULTS } else { INTENTS };
        let unexpected: BTreeSet<&str> = comparison.reasons().map(entry).collect();
        verdict.detail("unexpected_files", json!(unexpected));
    }
    verdict.detail("compared", "calls");
    verdict.detail("changed_files", json!(changed_files(&comparison)));
    if !comparison.calls.is_empty() {
        verdict.detail("calls", evidence::judged(&comparison));
        verdict.detail("calls_total", comparison.calls.len());
    }
    if !comparison.violations.is_empty() {
        verdict.detail("violations", evidence::violations(&comparison.violations));
    }
    Ok(verdict)
}

/// The entries differing calls belong to: their arguments or their place, and their status. The status of a call that
/// only one side has does not count.
fn changed_files(comparison: &Comparison) -> BTreeSet<&'static str> {
    let mut files = BTreeSet::new();
    for Judged { change, .. } in &comparison.calls {
        let paired = matches!(change.kind, Change::Changed | Change::Moved);
        let status = change.differences.iter().any(|difference| difference.path == compare::STATUS);
        if change.kind != Change::Changed || change.differences_total > usize::from(status) {
            files.insert(INTENTS);
        }
        if paired && status {
            files.insert(RESULTS);
        }
    }
    files
}

fn repeated(pack: &Pack) -> Option<&str> {
    let mut seen = HashSet::new();
    pack.intents.iter().map(|record| record.intent_id.as_ref()).find(|id| !seen.insert(*id))
}
