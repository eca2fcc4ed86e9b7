//! Policy and call to outcome: no clock, no file, no key.

use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::pattern::{self, PathReadings};
use crate::gate::policy::{Dataflow, Endpoint, FailClosed, Policy, Rule};
use crate::gate::rule::{self, Call};
use crate::gate::text;
use crate::kernel::clock::Timestamp;

/// What a policy says about a call.
#[derive(Debug, Clone)]
pub struct Outcome<'p> {
    pub verdict: Verdict,
    /// Sorted.
    pub reason_codes: Vec<String>,
    /// Sorted.
    pub violations: Vec<String>,
    /// The rule that decided, if one did.
    pub rule: Option<&'p Rule>,
    pub min_approvals: u64,
}

impl Outcome<'_> {
    /// Makes the verdict at least this strict, and says why.
    pub fn tighten(&mut self, verdict: Verdict, reason: &str, violation: &str) {
        self.verdict = self.verdict.max(verdict);
        text::insert(&mut self.reason_codes, reason);
        text::insert(&mut self.violations, violation);
    }

    /// The name of the rule that decided; empty when none did.
    pub fn matched_rule(&self) -> &str {
        self.rule.map(|rule| rule.name.as_str()).unwrap_or_default()
    }
}

/// Decides a call made at a time; the time counts for freeze windows only.
pub fn evaluate<'p>(policy: &'p Policy, intent: &Intent, at: &Timestamp) -> Outcome<'p> {
    let call = Call::new(intent, policy);
    let mut outcome = ruled(policy, intent, &call);
    for window in &policy.freeze_windows {
        if window.is_open(at) && rule::failing(&window.matching, window.effect, &call).is_none() {
            outcome.tighten(window.effect, &window.reason_code, &window.violation);
        }
    }
    if outcome.verdict == Verdict::RequireApproval {
        outcome.min_approvals = outcome.min_approvals.max(1);
    }
    outcome
}

fn ruled<'p>(policy: &'p Policy, intent: &Intent, call: &Call<'_>) -> Outcome<'p> {
    if let Some(blocked) = incomplete(&policy.fail_closed, intent) {
        return blocked;
    }
    let matched = policy.rules.iter().find(|rule| rule::failing(&rule.matching, rule.effect, call).is_none());
    let Some(rule) = matched else {
        let verdict = policy.default_verdict;
        let reason_codes = vec![format!("default_{verdict}")];
        return Outcome { verdict, reason_codes, violations: Vec::new(), rule: None, min_approvals: 0 };
    };
    let mut reason_codes = rule.reason_codes.clone();
    if reason_codes.is_empty() {
        reason_codes.push(format!("matched_rule_{}", sanitised(&rule.name)));
    }
    let violations = rule.violations.clone();
    let mut outcome =
        Outcome { verdict: rule.effect, reason_codes, violations, rule: Some(rule), min_approvals: rule.min_approvals };
    if rule.dataflow.enabled && tainted(&rule.dataflow, intent) {
        let flow = &rule.dataflow;
        outcome.tighten(verdict_of(&flow.action), &flow.reason_code, &flow.violation);
    }
    if rule.endpoint.enabled {
        constrain(&rule.endpoint, intent, &mut outcome);
    }
    outcome
}

/// The verdict an action word names; what is no verdict blocks.
fn verdict_of(action: &str) -> Verdict {
    Verdict::parse(action).unwrap_or(Verdict::Block)
}

/// The block that fail-closed demands of an incomplete call.
fn incomplete(closed: &FailClosed, intent: &Intent) -> Option<Outcome<'static>> {
    if !closed.covers(&intent.context.risk_class) {
        return None;
    }
    let requires = |field: &str| closed.required_fields.iter().any(|required| required == field);
    let unknown =
        intent.targets.iter().any(|target| target.endpoint_class == "other" || closed.distrust_hints && target.guessed);
    let lacks = [
        (requires("targets") && intent.targets.is_empty(), "missing_targets"),
        (requires("arg_provenance") && intent.arg_provenance.is_empty(), "missing_arg_provenance"),
        (requires("endpoint_class") && unknown, "missing_endpoint_class"),
        (requires("delegation") && intent.delegation.is_none(), "missing_delegation"),
        (unknown, "endpoint_class_unknown"),
    ];
    let found: Vec<&str> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect();
    (!found.is_empty()).then(|| Outcome {
        verdict: Verdict::Block,
        reason_codes: text::sorted(found.iter().map(|what| format!("fail_closed_{what}"))),
        violations: text::sorted(found),
        rule: None,
        min_approvals: 0,
    })
}

fn tainted(flow: &Dataflow, intent: &Intent) -> bool {
    if !intent.arg_provenance.iter().any(|item| flow.tainted_sources.contains(&item.source)) {
        return false;
    }
    let anywhere = flow.destination_kinds.is_empty()
        && flow.destination_values.is_empty()
        && flow.destination_operations.is_empty();
    let fits = |list: &[String], value: &String| list.is_empty() || list.contains(value);
    intent.targets.iter().any(|target| {
        if anywhere {
            return matches!(target.kind.as_str(), "host" | "url" | "bucket" | "queue" | "topic");
        }
        fits(&flow.destination_kinds, &target.kind)
            && fits(&flow.destination_values, &target.value)
            && fits(&flow.destination_operations, &target.operation)
    })
}

/// What a call reaches against where it may reach.
fn constrain(endpoint: &Endpoint, intent: &Intent, outcome: &mut Outcome<'_>) {
    let mut found = Vec::new();
    for target in &intent.targets {
        if target.kind == "path" && !(endpoint.path_allowlist.is_empty() && endpoint.path_denylist.is_empty()) {
            let readings = PathReadings::of(&target.value);
            if readings.any(&endpoint.path_denylist) {
                found.push("endpoint_path_denied");
            }
            if !endpoint.path_allowlist.is_empty() && !readings.all(&endpoint.path_allowlist) {
                found.push("endpoint_path_not_allowlisted");
            }
        }
        if pattern::has_domain(target) {
            if !endpoint.domain_denylist.is_empty() && pattern::domain_denied(target, &endpoint.domain_denylist) {
                found.push("endpoint_domain_denied");
            }
            if !endpoint.domain_allowlist.is_empty() && !pattern::domain_allowed(target, &endpoint.domain_allowlist) {
                found.push("endpoint_domain_not_allowlisted");
            }
        }
        let egress = target.endpoint_class.starts_with("net.") && !endpoint.egress_classes.is_empty();
        if egress && !endpoint.egress_classes.contains(&target.endpoint_class) {
            found.push("endpoint_egress_class_not_allowed");
        }
    }
    let reached = !found.is_empty();
    for what in found {
        outcome.tighten(verdict_of(&endpoint.action), what, what);
    }
    let destructive = !endpoint.destructive_action.is_empty() && intent.targets.iter().any(|target| target.destructive);
    if destructive {
        let verdict = verdict_of(&endpoint.destructive_action);
        outcome.tighten(verdict, "endpoint_destructive_operation", "destructive_operation");
    }
    if reached || destructive {
        text::insert(&mut outcome.reason_codes, endpoint.reason_code.as_str());
        text::insert(&mut outcome.violations, endpoint.violation.as_str());
    }
}

/// A rule's name as the end of a reason code.
fn sanitised(name: &str) -> String {
    let quoted = crate::kernel::json::encode::record(name).unwrap_or_default();
    text::lower(&quoted.trim_matches('"').replace([' ', '-'], "_"))
}
