//! The verdicts of several trials made one: pass, flaky or fail.

use crate::config::suite::Settings;
use crate::regress::case::Verdict;
use crate::report::model::Flake;

/// One verdict: of the first failing trial, with the reasons of all, where fewer pass than have to; else of the first
/// trial, flaky where not all passed. `numbers` are the trials' own. Without outcomes there is nothing to fail, unless
/// several trials were asked for.
pub fn of_trials(settings: &Settings, numbers: &[usize], outcomes: Vec<Verdict>) -> Verdict {
    let passes = outcomes.iter().filter(|outcome| outcome.reason_codes.is_empty()).count();
    let total = outcomes.len();
    let enough = settings.min_pass.map_or(total, |least| usize::try_from(least).unwrap_or(usize::MAX));
    let failed = passes < enough.min(total.max(1)) && total > 0;
    let flakes: Vec<Flake> = outcomes
        .iter()
        .zip(numbers)
        .filter(|(outcome, _)| !outcome.reason_codes.is_empty())
        .map(|(outcome, number)| Flake {
            trial: *number,
            reason_codes: outcome.reason_codes.iter().cloned().collect(),
            evidence: outcome.evidence.clone(),
        })
        .collect();
    let codes = outcomes.iter().flat_map(|outcome| outcome.reason_codes.clone()).collect();
    let wanted = |outcome: &Verdict| !failed || !outcome.reason_codes.is_empty();
    let shown = outcomes.iter().position(wanted).unwrap_or_default();
    let passing = outcomes.iter().position(|outcome| outcome.reason_codes.is_empty());
    let shown = if failed { shown } else { passing.unwrap_or(shown) };
    let mut verdict = outcomes.into_iter().nth(shown).unwrap_or_default();
    verdict.reason_codes = if failed { codes } else { Default::default() };
    if !failed && !flakes.is_empty() {
        verdict.detail("flaky", true);
        verdict.flakes = flakes;
    }
    if total > 1 && settings.trials.is_some() {
        verdict.detail("passes", passes);
    }
    counted(settings, total, &mut verdict);
    verdict
}

/// As many trials as were asked for have to be there; one that was not is no failure as long as none was.
fn counted(settings: &Settings, found: usize, verdict: &mut Verdict) {
    let Some(wanted) = settings.trials.filter(|&wanted| wanted != found as u64 && (wanted, found) != (1, 0)) else {
        return;
    };
    let fewer = (found as u64) < wanted;
    verdict.fail(if fewer { "candidate_not_provided" } else { "candidate_invalid" });
    verdict.evidence.insert_str(0, &format!("{found} trials were found, `trials` asks for {wanted}\n"));
    verdict.details.remove("flaky");
    verdict.flakes.clear();
}
