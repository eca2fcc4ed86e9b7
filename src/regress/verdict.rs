//! The verdicts of several trials made one: pass, flaky or fail.

use crate::config::suite::Settings;
use crate::regress::case::Verdict;
use crate::report::model::Rerun;

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

/// As many trials as were asked for have to be there. One that was asked for may be none: then nothing was exercised,
/// which is said elsewhere.
fn miscounted(settings: &Settings, found: usize) -> Option<(&'static str, String)> {
    let wanted = settings.trials.filter(|&wanted| wanted != found as u64 && (wanted, found) != (1, 0))?;
    let code = if (found as u64) < wanted { "candidate_not_provided" } else { "candidate_invalid" };
    Some((code, format!("`trials` is {wanted}, trials found: {found}\n")))
}
