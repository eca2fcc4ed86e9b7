//! A policy tried on calls without letting any of them proceed: one call, two policies side by side, recorded runs.

use crate::gate::evaluate::{self, Outcome};
use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::policy::Policy;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest one-line summary, in bytes.
const SUMMARY: usize = 240;

/// What was decided in one line of at most 240 bytes.
pub fn summary(outcome: &Outcome<'_>) -> String {
    let joined = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(",") };
    let (reasons, violations) = (joined(&outcome.reason_codes), joined(&outcome.violations));
    let text = format!("policy test verdict={} reasons={reasons} violations={violations}", outcome.verdict);
    if text.len() <= SUMMARY {
        return text;
    }
    let suffix = format!("...(+{})", text.len() - SUMMARY);
    let end = (0..=SUMMARY - suffix.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}{suffix}", &text[..end])
}

/// Two policies on the same calls.
#[derive(Debug, Clone, Serialize)]
pub struct Simulation {
    pub baseline_policy_digest: String,
    pub candidate_policy_digest: String,
    pub fixtures_total: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub changed_fixtures: usize,
    pub baseline_verdicts: Vec<Tally>,
    pub candidate_verdicts: Vec<Tally>,
    /// How far the candidate can be enforced: `enforce`, `require_approval` first, or only `observe`.
    pub recommendation: &'static str,
    pub summary: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Changed>,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How often a verdict was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub verdict: Verdict,
    pub count: usize,
}

fn tally(counts: BTreeMap<&'static str, usize>) -> Vec<Tally> {
    let parsed = counts.into_iter().filter_map(|(word, count)| Some((Verdict::parse(word)?, count)));
    parsed.map(|(verdict, count)| Tally { verdict, count }).collect()
}

/// A call that the two policies do not take alike.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    pub fixture_path: String,
    pub intent_digest: String,
    pub baseline_verdict: Verdict,
    pub candidate_verdict: Verdict,
    pub changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baseline_reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidate_reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baseline_violations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidate_violations: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub baseline_matched_rule: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub candidate_matched_rule: String,
}

/// Compares a candidate policy with a baseline on calls, given as path and intent in the order to report them in.
pub fn simulate(
    candidate: &Policy,
    baseline: &Policy,
    fixtures: &[(String, Intent)],
    at: &Timestamp,
) -> Result<Simulation> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let mut changed = Vec::new();
    for (path, intent) in fixtures {
        let (old, new) = (evaluate::evaluate(baseline, intent, at), evaluate::evaluate(candidate, intent, at));
        *before.entry(old.verdict.word()).or_default() += 1;
        *after.entry(new.verdict.word()).or_default() += 1;
        let alike = old.verdict == new.verdict
            && old.reason_codes == new.reason_codes
            && old.violations == new.violations
            && old.matched_rule() == new.matched_rule();
        if !alike {
            changed.push(Changed {
                fixture_path: path.clone(),
                intent_digest: intent.digest()?.to_string(),
                baseline_verdict: old.verdict,
                candidate_verdict: new.verdict,
                changed: true,
                baseline_matched_rule: old.matched_rule().to_owned(),
                candidate_matched_rule: new.matched_rule().to_owned(),
                baseline_reason_codes: old.reason_codes,
                candidate_reason_codes: new.reason_codes,
                baseline_violations: old.violations,
                candidate_violations: new.violations,
            });
        }
    }
    let any = |to: fn(&Changed) -> bool| changed.iter().any(to);
    let recommendation = if any(|c| c.baseline_verdict != Verdict::Allow && c.candidate_verdict == Verdict::Allow) {
        "observe"
    } else if any(|c| c.baseline_verdict != Verdict::Block && c.candidate_verdict == Verdict::Block) {
        "require_approval"
    } else {
        "enforce"
    };
    let (total, count) = (fixtures.len(), changed.len());
    Ok(Simulation {
        baseline_policy_digest: baseline.digest()?.to_string(),
        candidate_policy_digest: candidate.digest()?.to_string(),
        fixtures_total: total,
        changed_fixtures: count,
        baseline_verdicts: tally(before),
        candidate_verdicts: tally(after),
        recommendation,
        summary: format!("policy simulate fixtures={total} changed={count} recommendation={recommendation}"),
        changed,
    })
}
