//! `gait gate`: decide one call, record the decision, exit by it.

use crate::cli::effective::{Effective, Flags};
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::decide;
use crate::gate::evaluate;
use crate::gate::explain::{self, Story};
use crate::gate::intent::{self, Intent};
use crate::gate::model::Verdict;
use crate::gate::parse;
use crate::gate::policy::Policy;
use crate::gate::record::Written;
use crate::gate::request::{Decision, Request};
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Decide whether a tool call may proceed
#[derive(Debug, Args)]
pub struct GateCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Eval(Box<EvalCmd>),
}

/// Evaluate one call against a policy, check its tokens, and sign a trace of the decision
///
/// Exit: 0 the call may proceed, 3 it is blocked, 4 it needs an approval.
#[derive(Debug, Args)]
struct EvalCmd {
    #[command(flatten)]
    flags: Flags,
    /// Tell of each rule whether it matched, and the first condition that failed
    #[arg(long)]
    explain_decision: bool,
}

impl GateCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock, correlation_id: &str) -> Result<Answer> {
        self.decide(clock, correlation_id).or_else(told)
    }

    fn decide(self, clock: Clock, correlation_id: &str) -> Result<Answer> {
        let Verb::Eval(cmd) = self.verb;
        let Effective { policy, intent, settings, sources } = cmd.flags.resolve(clock, correlation_id)?;
        let policy = parse::read(&policy)?;
        let bytes = fs::read(&intent, intent::LIMIT)?;
        let intent = read_intent(&policy, &bytes, &intent)?;
        let request = Request::new(&policy, &intent, &settings)?;
        let (decision, written) = decide::decide(&request)?;
        let story = cmd.explain_decision.then(|| {
            let at = settings.evaluation_time.unwrap_or_else(|| clock.now());
            let outcome = evaluate::evaluate(&policy, &intent, &at);
            explain::explain(&policy, &intent, &at, &outcome)
        });
        let found = Found::new(&request, &decision, &written, sources, story);
        let exit = match decision.outcome.verdict {
            Verdict::Block => Exit::PolicyBlocked,
            Verdict::RequireApproval => Exit::ApprovalRequired,
            Verdict::Allow | Verdict::DryRun => Exit::Ok,
        };
        let text = found.text();
        Answer::new(&found, exit)?.text(text).with("ok", &true)
    }
}

/// An intent that fail-closed would have blocked is told with the reasons of that block.
fn told(error: Error) -> Result<Answer> {
    if error.reason() != Some(INVALID) {
        return Err(error);
    }
    let reasons = json!({ "reason_codes": [INVALID], "violations": ["intent_not_evaluable"] });
    Answer::failure("gate eval", &error).members(&reasons)
}

const INVALID: &str = "fail_closed_intent_invalid";

/// Reads an intent; one that fail-closed would have blocked says so.
fn read_intent(policy: &Policy, bytes: &[u8], path: &str) -> Result<Intent> {
    Intent::parse(bytes).map_err(|error| {
        let closed = intent::claimed_risk_class(bytes).is_some_and(|class| policy.fail_closed.covers(&class));
        let error = error.at(path).as_kind(Kind::InvalidInput);
        if closed { error.code(INVALID) } else { error }
    })
}

/// What is told about a decision; what is empty is left out.
#[derive(Debug, Default, Serialize)]
struct Found {
    profile: &'static str,
    verdict: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    approval_ref: String,
    #[serde(skip_serializing_if = "is_zero")]
    required_approvals: u64,
    #[serde(skip_serializing_if = "is_zero")]
    valid_approvals: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_audit_path: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    delegation_ref: String,
    #[serde(skip_serializing_if = "is_false")]
    delegation_required: bool,
    #[serde(skip_serializing_if = "is_zero")]
    valid_delegations: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation_audit_path: Option<String>,
    trace_id: String,
    trace_path: String,
    decision_path: String,
    policy_digest: String,
    intent_digest: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    matched_rule: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    rate_limit_scope: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    rate_limit_key: String,
    #[serde(skip_serializing_if = "is_zero")]
    rate_limit_used: u64,
    #[serde(skip_serializing_if = "is_zero")]
    rate_limit_remaining: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    credential_issuer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    credential_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_evidence_path: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    simulate_mode: bool,
    #[serde(skip_serializing_if = "is_false")]
    would_have_blocked: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    simulated_verdict: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    simulated_reason_codes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Where each effective value came from.
    config_sources: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Story>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(truth: &bool) -> bool {
    !truth
}

impl Found {
    fn new(
        request: &Request<'_>,
        decision: &Decision<'_>,
        written: &Written,
        config_sources: BTreeMap<&'static str, &'static str>,
        explanation: Option<Story>,
    ) -> Self {
        let outcome = &decision.outcome;
        let mut found = Self {
            profile: request.settings.profile.word(),
            verdict: outcome.verdict.word().to_owned(),
            reason_codes: outcome.reason_codes.clone(),
            violations: outcome.violations.clone(),
            approval_ref: decision.approvals.reference.clone(),
            required_approvals: decision.approvals.required,
            valid_approvals: decision.approvals.valid,
            approval_audit_path: written.approval_audit_path.clone(),
            delegation_ref: decision.delegations.reference.clone(),
            delegation_required: decision.delegations.required,
            valid_delegations: decision.delegations.valid,
            delegation_audit_path: written.delegation_audit_path.clone(),
            trace_id: written.trace_id.clone(),
            trace_path: written.trace_path.clone(),
            decision_path: written.decision_path.clone(),
            policy_digest: request.policy_digest.clone(),
            intent_digest: request.intent_digest.clone(),
            matched_rule: outcome.matched_rule().to_owned(),
            credential_evidence_path: written.credential_evidence_path.clone(),
            warnings: decision.warnings.clone(),
            config_sources,
            explanation,
            ..Self::default()
        };
        if let Some(counted) = &decision.counted {
            found.rate_limit_scope.clone_from(&counted.scope);
            found.rate_limit_key.clone_from(&counted.key);
            (found.rate_limit_used, found.rate_limit_remaining) = (counted.used, counted.remaining);
        }
        if let Some(issued) = &decision.credential {
            found.credential_issuer.clone_from(&issued.issuer);
            found.credential_ref.clone_from(&issued.reference);
        }
        if let Some((verdict, reasons)) = &decision.simulated {
            found.simulate_mode = true;
            found.would_have_blocked = *verdict >= Verdict::RequireApproval;
            found.simulated_verdict = verdict.word().to_owned();
            found.simulated_reason_codes.clone_from(reasons);
        }
        found
    }

    fn text(&self) -> String {
        let mut out = format!("gate eval: verdict={}\ntrace: {}\n", self.verdict, self.trace_path);
        let mut line = |holds: bool, text: String| {
            if holds {
                out.push_str(&text);
                out.push('\n');
            }
        };
        let simulated = format!(
            "simulate: would_have_blocked={} simulated_verdict={}",
            self.would_have_blocked, self.simulated_verdict
        );
        line(self.simulate_mode, simulated);
        line(!self.reason_codes.is_empty(), format!("reasons: {}", self.reason_codes.join(",")));
        line(!self.violations.is_empty(), format!("violations: {}", self.violations.join(",")));
        line(self.required_approvals > 0, format!("approvals: {}/{}", self.valid_approvals, self.required_approvals));
        let path = |path: &Option<String>| path.clone().unwrap_or_default();
        line(self.approval_audit_path.is_some(), format!("approval audit: {}", path(&self.approval_audit_path)));
        line(self.delegation_required, format!("delegations: {}", self.valid_delegations));
        line(self.delegation_audit_path.is_some(), format!("delegation audit: {}", path(&self.delegation_audit_path)));
        line(
            !self.credential_ref.is_empty(),
            format!("credential: {} ({})", self.credential_ref, self.credential_issuer),
        );
        let evidence = format!("credential evidence: {}", path(&self.credential_evidence_path));
        line(self.credential_evidence_path.is_some(), evidence);
        for warning in &self.warnings {
            line(true, format!("warning: {warning}"));
        }
        if let Some(story) = &self.explanation {
            out.push_str(&story.text());
        }
        out
    }
}
