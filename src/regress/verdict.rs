//! The verdicts of several trials made one: pass, flaky or fail.

use crate::config::suite::Settings;
use crate::regress::candidate::Origin;
use crate::regress::case::{Run, Subject, Trial, Verdict, shell_word};
use crate::report::model::Rerun;
use serde_json::{Value, json};

/// Reason code: there are too few runs of today's agent.
const NOT_PROVIDED: &str = "candidate_not_provided";

/// One verdict: where fewer pass than have to, that of the first failing trial, with the reasons of all; else that of
/// the first passing one, flaky where not all passed. `numbers` are the trials' own.
pub fn of_trials(settings: &Settings, numbers: &[usize], outcomes: Vec<Verdict>) -> Verdict {
    let passed = |outcome: &Verdict| outcome.reason_codes.is_empty();
    let (passes, found) = (outcomes.iter().filter(|outcome| passed(outcome)).count(), outcomes.len());
    let enough = settings.min_pass.map_or(found, |least| usize::try_from(least).unwrap_or(usize::MAX).min(found));
    let failed = passes < enough;
    let unsound = outcomes.iter().zip(numbers).filter(|(outcome, _)| !passed(outcome));
    let rerun = |(outcome, number): (&Verdict, &usize)| Rerun {
        trial: *number,
        reason_codes: outcome.reason_codes.iter().cloned().collect(),
        evidence: outcome.evidence.clone(),
    };
    // The first of a failure is the verdict itself.
    let reruns: Vec<Rerun> = unsound.map(rerun).skip(usize::from(failed)).collect();
    let codes = outcomes.iter().flat_map(|outcome| outcome.reason_codes.clone()).collect();
    let shown = outcomes.iter().position(|outcome| passed(outcome) != failed).unwrap_or_default();
    let mut verdict = outcomes.into_iter().nth(shown).unwrap_or_default();
    if found > 1 && settings.trials.is_some() {
        verdict.detail("passes", passes);
    }
    if failed {
        verdict.reason_codes = codes;
    }
    match miscounted(settings, found) {
        Some((code, what)) => {
            verdict.fail(code);
            verdict.evidence.insert_str(0, &what);
        }
        None if !failed && !reruns.is_empty() => verdict.detail("flaky", true),
        None => {}
    }
    verdict.reruns = reruns;
    verdict
}

/// Judges every run by itself: the trials together as [`of_trials`] has it, or the baseline where there is none.
pub fn of_runs(subject: &Subject<'_>, grader: &str, judge: impl Fn(&Run<'_>) -> Verdict) -> Verdict {
    let settings = &subject.fixture.settings;
    let outcomes: Vec<Verdict> = subject.runs().iter().map(judge).collect();
    let numbers: Vec<usize> = subject.trials.iter().map(|trial| trial.number).collect();
    let mut verdict = if numbers.is_empty() {
        let mut verdict = outcomes.into_iter().next().unwrap_or_default();
        if let Some((code, what)) = miscounted(settings, 0) {
            verdict.fail(code);
            verdict.evidence.insert_str(0, &what);
        }
        verdict
    } else {
        let told = |(outcome, trial): (&Verdict, &Trial)| {
            json!({
                "trial": trial.number,
                "status": status(outcome),
                "reason_codes": outcome.reason_codes,
                "candidate": trial.path,
            })
        };
        let told: Vec<Value> = outcomes.iter().zip(&subject.trials).map(told).collect();
        let mut verdict = of_trials(settings, &numbers, outcomes);
        verdict.detail("trials", told);
        verdict
    };
    demand(subject, grader, &mut verdict);
    verdict
}

/// `pass` or `fail`.
pub fn status(outcome: &Verdict) -> &'static str {
    if outcome.reason_codes.is_empty() { "pass" } else { "fail" }
}

/// Says where today's runs came from, and fails where they are demanded and are none.
pub fn demand(subject: &Subject<'_>, grader: &str, verdict: &mut Verdict) {
    verdict.detail("candidate_source", subject.origin.word());
    let name = shell_word(&subject.fixture.name);
    if verdict.reason_codes.contains(NOT_PROVIDED) {
        verdict.next = format!("gait regress run --candidate-dir DIR {name}/{grader}");
    }
    if subject.self_compare() {
        verdict.detail("self_compare", true);
        // Runs in a folder of candidates were made by an agent; equal behaviour may give equal packs there. Where there is
        // an agent to run, its run is part of the fixture.
        let agent = subject.fixture.settings.agent().is_some();
        if (subject.require_candidate || agent) && subject.origin != Origin::Dir {
            verdict.fail(NOT_PROVIDED);
            verdict.evidence = match subject.origin {
                Origin::Baseline if agent => {
                    "the folder of candidates holds no run of this fixture's agent\n".to_owned()
                }
                Origin::Baseline => "no run of today's agent was given for this fixture\n".to_owned(),
                _ => "the candidate is the baseline itself, not a run of today's agent\n".to_owned(),
            };
            verdict.next = format!("gait regress run --candidate {name}=<run_id|path>");
        }
    }
}

/// As many trials as were asked for have to be there. One that was asked for may be none: then nothing was exercised,
/// which is said elsewhere.
fn miscounted(settings: &Settings, found: usize) -> Option<(&'static str, String)> {
    let wanted = settings.trials.filter(|&wanted| wanted != found as u64 && (wanted, found) != (1, 0))?;
    let code = if (found as u64) < wanted { NOT_PROVIDED } else { "candidate_invalid" };
    Some((code, format!("`trials` is {wanted}, trials found: {found}\n")))
}
