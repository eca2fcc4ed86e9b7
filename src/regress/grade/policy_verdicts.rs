//! Grader `policy_verdicts`: would the gate decide about today's calls as it did about the recorded ones?

use crate::gate::model::Verdict as Decision;
use crate::gate::policy::Policy;
use crate::gate::recorded::{self, Call, Caller};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::regress::case::{Run, Subject, Verdict, shell_word};
use crate::regress::compare;
use crate::regress::evidence::WRITTEN;
use crate::regress::run;
use crate::regress::tolerance::Rules;
use crate::regress::verdict;
use crate::runpack::read::Pack;
use crate::runpack::story::visible;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Reason code: a call is decided otherwise than the recorded one, or stopped without there being a recorded one.
const CHANGED: &str = "verdict_changed";

/// What is decided about a call, and by which rule; no rule: the default, or the record itself.
struct Said {
    decision: Decision,
    rule: String,
    by: &'static str,
}

/// Holds the calls of each run, at the times of the baseline, against the policy as it is now.
pub fn grade(subject: &Subject<'_>) -> Verdict {
    verdict::of_runs(subject, "policy_verdicts", |run| {
        let mut verdict = run.unreadable().unwrap_or_default();
        if let (Ok(pack), Some(policy)) = (run.pack, subject.policy.as_deref()) {
            let judged = look_at(subject, run, pack, policy, &mut verdict);
            if let Err(error) = judged {
                verdict = Verdict::error("grader_error", &error.to_string());
            }
        }
        verdict.next = format!("gait run inspect {}", shell_word(run.path.as_str()));
        verdict
    })
}

fn look_at(subject: &Subject<'_>, run: &Run<'_>, pack: &Pack, policy: &Policy, verdict: &mut Verdict) -> Result<()> {
    let fixture = subject.fixture;
    let baseline = &fixture.baseline;
    let (mut before, mut after) = (run::of(baseline)?, run::of(pack)?);
    if run.trial.is_some() && fixture.settings.agent().is_some() {
        run::mark_loose(&mut before, &mut after);
    }
    let rules = fixture.settings.rules.as_ref().map_or_else(Rules::plain, Rules::of);
    let mut pairs = compare::pairs(&before, &after, &rules);
    pairs.sort_by_key(|pair| pair.candidate);
    let recorded = decided(baseline);
    let (mut found, mut told) = (Vec::new(), String::new());
    for pair in pairs {
        let Some(now) = pair.candidate else { continue };
        // A freeze window says the same of both: the time is that of the recorded call.
        let time = pair.baseline.map_or(baseline.contents.run.created_at, |at| baseline.intents[at].created_at);
        let new = ask(policy, pack, now, time);
        let old = pair.baseline.map(|at| {
            let own = recorded.get(&*baseline.intents[at].intent_id);
            own.map_or_else(
                || ask(policy, baseline, at, time),
                |decision| Said { decision: *decision, rule: String::new(), by: "record" },
            )
        });
        let changed = match &old {
            Some(old) => old.decision != new.decision,
            None => new.decision >= Decision::RequireApproval,
        };
        if !changed {
            continue;
        }
        let tool = pack.intents[now].label.as_ref();
        let was = old.as_ref().map_or_else(|| "not recorded".to_owned(), words);
        told.push_str(&format!("call {} {}: {was}; today {}\n", now + 1, visible(tool), words(&new)));
        found.push(json!({
            "tool": tool,
            "baseline_index": pair.baseline.map(|at| at + 1),
            "candidate_index": now + 1,
            "baseline": old.as_ref().map(detail),
            "candidate": detail(&new),
        }));
    }
    verdict.detail("calls", pack.intents.len());
    verdict.detail("policy_digest", policy.digest()?.to_string());
    if !found.is_empty() {
        verdict.fail(CHANGED);
        verdict.evidence.push_str(&format!("first divergence: {told}"));
        verdict.detail("verdicts_changed", found.len());
        found.truncate(WRITTEN);
        verdict.detail("verdicts", found);
    }
    Ok(())
}

/// What a gate decided about the recorded calls, where the record says so. That a tool answered is no decision.
fn decided(pack: &Pack) -> HashMap<&str, Decision> {
    let decision = |status: &str, content: Option<&[u8]>| {
        let named = recorded::verdict("", content);
        named.or_else(|| recorded::verdict(status, None).filter(|d| *d != Decision::Allow || status == "allow"))
    };
    let results = pack.results.iter();
    results.filter_map(|r| Some((r.intent_id.as_ref(), decision(&r.label, r.content())?))).collect()
}

fn ask(policy: &Policy, pack: &Pack, at: usize, created_at: Timestamp) -> Said {
    let intent = &pack.intents[at];
    let call = Call { tool: &intent.label, args: intent.content(), created_at };
    let said = recorded::ask(policy, &call, &Caller::default(), None);
    Said { decision: said.verdict, rule: said.matched_rule, by: "policy" }
}

fn words(said: &Said) -> String {
    let rule = if said.rule.is_empty() { "no rule".to_owned() } else { format!("rule {}", visible(&said.rule)) };
    match said.by {
        "record" => format!("{} as recorded", said.decision),
        _ => format!("{} ({rule})", said.decision),
    }
}

fn detail(said: &Said) -> Value {
    json!({ "verdict": said.decision, "rule": said.rule, "by": said.by })
}
