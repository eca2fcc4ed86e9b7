//! Why a policy decides as it does: each rule, whether it matched, and the first condition that failed.

use crate::gate::evaluate::Outcome;
use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::policy::{Match, Policy};
use crate::gate::rule::{self, Call, Failing};
use crate::kernel::clock::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// How each rule took a call.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    pub rules: Vec<Tried>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze_windows: Vec<Tried>,
    /// The rule that decided; none when fail-closed or the default did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// What the policy said, before tokens, limits and credentials.
    pub verdict: Verdict,
}

/// One rule or freeze window that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Tried {
    pub name: String,
    pub effect: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    pub matched: bool,
    /// The key whose condition failed first, and what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Value>,
}

/// Tries every rule, also those behind the one that decided.
pub fn explain(policy: &Policy, intent: &Intent, at: &Timestamp, outcome: &Outcome<'_>) -> Story {
    let call = Call::new(intent, policy);
    let rules = policy.rules.iter().map(|rule| {
        let failing = rule::failing(&rule.matching, rule.effect, &call);
        tried(&rule.name, rule.effect, Some(rule.priority), &rule.matching, failing)
    });
    let windows = policy.freeze_windows.iter().map(|window| {
        let story = |failing| tried(&window.name, window.effect, None, &window.matching, failing);
        if window.is_open(at) {
            return story(rule::failing(&window.matching, window.effect, &call));
        }
        let wanted = Some(json!([window.start, window.end]));
        Tried { wanted, ..story(Some(Failing::Key("start"))) }
    });
    Story {
        rules: rules.collect(),
        freeze_windows: windows.collect(),
        decided_by: outcome.rule.map(|rule| rule.name.clone()),
        verdict: outcome.verdict,
    }
}

fn tried(name: &str, effect: Verdict, priority: Option<i64>, matching: &Match, failing: Option<Failing<'_>>) -> Tried {
    let (failed, wanted) = match failing {
        None => (None, None),
        Some(Failing::Key(key)) => (Some(key.to_owned()), wanted(matching, key)),
        Some(Failing::Arg(rule, condition)) => {
            let wanted = serde_json::to_value(condition.operand()).ok();
            (Some(format!("args.{}.{}", rule.path, condition.word())), wanted)
        }
    };
    Tried { name: name.to_owned(), effect, priority, matched: failing.is_none(), failed, wanted }
}

/// What a key of a match asks for.
fn wanted(matching: &Match, key: &str) -> Option<Value> {
    let name: String = key.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let name = if name == "DestinationOperations" { "DestinationOps".to_owned() } else { name };
    serde_json::to_value(matching).ok()?.get(name).cloned()
}

impl Story {
    /// One line a rule.
    pub fn text(&self) -> String {
        let line = |kind: &str, tried: &Tried| {
            let Tried { name, effect, .. } = tried;
            let decided = kind == "rule" && self.decided_by.as_ref() == Some(name);
            match &tried.failed {
                None if decided => format!("{kind} {name} ({effect}): matched, decides\n"),
                None => format!("{kind} {name} ({effect}): matched\n"),
                Some(failed) => {
                    let wanted = tried.wanted.as_ref().map_or_else(String::new, |wanted| format!(" wants {wanted}"));
                    format!("{kind} {name} ({effect}): no, {failed}{wanted}\n")
                }
            }
        };
        let rules = self.rules.iter().map(|tried| line("rule", tried));
        rules.chain(self.freeze_windows.iter().map(|tried| line("freeze window", tried))).collect()
    }
}
