//! What a decision leaves on disk: the signed trace, the audits, the proof of a credential.

use crate::gate::model::{
    APPROVAL_AUDIT_SCHEMA, ApprovalAudit, CREDENTIAL_SCHEMA, CredentialRecord, DELEGATION_AUDIT_SCHEMA,
    DelegationAudit, PRODUCER, SCHEMA_VERSION, Subject,
};
use crate::gate::request::{Decision, Request};
use crate::gate::text;
use crate::gate::trace::{self, DelegationRef, Trace};
use crate::kernel::digest::{Digest, hex};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use camino::Utf8PathBuf;
use serde::Serialize;

/// The mark of a trace that enforced nothing.
const SIMULATED: &str = "simulate_mode_non_enforcing";

/// Where the records went, as they are told.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub trace_id: String,
    pub trace_path: String,
    pub approval_audit_path: Option<String>,
    pub delegation_audit_path: Option<String>,
    pub credential_evidence_path: Option<String>,
}

/// Writes every record of a decision, the trace first.
pub fn write(request: &Request<'_>, decision: &Decision<'_>) -> Result<Written> {
    let settings = request.settings;
    let outputs = &settings.outputs;
    let trace = trace_of(request, decision)?;
    let simulated = decision.simulated.is_some();
    let kind = if simulated { "simulated_trace" } else { "trace" };
    let usual = if outputs.unique { format!("{}_{}", trace.trace_id, trace.event_id) } else { trace.trace_id.clone() };
    let trace_path = named(outputs.trace.as_deref(), kind, &usual);
    if simulated {
        spare_real(&trace_path)?;
    }
    put(&trace_path, &trace)?;
    let mut written = Written { trace_id: trace.trace_id.clone(), trace_path, ..Written::default() };
    let subject = || Subject {
        created_at: trace.created_at,
        producer_version: PRODUCER,
        trace_id: trace.trace_id.clone(),
        tool_name: trace.tool_name.clone(),
        intent_digest: trace.intent_digest.clone(),
        policy_digest: trace.policy_digest.clone(),
    };
    let found = &decision.approvals;
    if found.required > 0 || !found.entries.is_empty() {
        let path = named(outputs.approval_audit.as_deref(), "approval_audit", &trace.trace_id);
        put(
            &path,
            &ApprovalAudit {
                schema_id: APPROVAL_AUDIT_SCHEMA,
                schema_version: SCHEMA_VERSION,
                subject: subject(),
                required_approvals: found.required,
                valid_approvals: found.valid,
                approved: found.valid >= found.required,
                approvers: found.approvers.clone(),
                entries: found.entries.clone(),
            },
        )?;
        written.approval_audit_path = Some(path);
    }
    if let Some(issued) = &decision.credential {
        let path = named(outputs.credential_evidence.as_deref(), "credential_evidence", &trace.trace_id);
        put(
            &path,
            &CredentialRecord {
                schema_id: CREDENTIAL_SCHEMA,
                schema_version: SCHEMA_VERSION,
                created_at: trace.created_at,
                producer_version: PRODUCER,
                trace_id: trace.trace_id.clone(),
                tool_name: trace.tool_name.clone(),
                identity: request.intent.context.identity.clone(),
                broker: issued.issuer.clone(),
                reference: decision.credential_reference.clone(),
                scope: decision.credential_scope.clone(),
                credential_ref: issued.reference.clone(),
            },
        )?;
        written.credential_evidence_path = Some(path);
    }
    let found = &decision.delegations;
    if found.required {
        let path = named(outputs.delegation_audit.as_deref(), "delegation_audit", &trace.trace_id);
        put(
            &path,
            &DelegationAudit {
                schema_id: DELEGATION_AUDIT_SCHEMA,
                schema_version: SCHEMA_VERSION,
                subject: subject(),
                delegation_required: true,
                valid_delegations: found.valid,
                delegated: !found.reference.is_empty(),
                delegation_ref: found.reference.clone(),
                entries: found.entries.clone(),
            },
        )?;
        written.delegation_audit_path = Some(path);
    }
    Ok(written)
}

/// A given path trimmed, or `<kind>_<id>.json`.
fn named(given: Option<&str>, kind: &str, id: &str) -> String {
    let given = given.map(str::trim).filter(|given| !given.is_empty());
    given.map_or_else(|| format!("{kind}_{id}.json"), str::to_owned)
}

fn put<T: Serialize>(path: &str, record: &T) -> Result<()> {
    let path: Utf8PathBuf = fs::output_path(path)?;
    fs::make_parent(&path)?;
    fs::write(&path, encode::document(record)?.as_bytes())
}

/// A simulated trace never replaces a real one.
fn spare_real(path: &str) -> Result<()> {
    let path = fs::output_path(path)?;
    let real =
        |trace: Trace| trace.schema_id == trace::SCHEMA && !trace.violations.iter().any(|mark| mark == SIMULATED);
    if path.exists() && trace::open(&path).is_ok_and(real) {
        return Err(Error::invalid(format!(
            "{path} is the trace of a real decision; a simulated one does not replace it"
        ))
        .hint("give another --trace-out"));
    }
    Ok(())
}

fn trace_of(request: &Request<'_>, decision: &Decision<'_>) -> Result<Trace> {
    let intent = request.intent;
    let verdict = decision.outcome.verdict;
    let short = |text: String| hex(&Digest::of(text.as_bytes()).bytes()[..12]);
    let trace_id = short(format!("{}:{}:{verdict}", request.policy_digest, request.intent_digest));
    let observed_at = request.settings.clock.now().utc();
    let mut violations = decision.outcome.violations.clone();
    if decision.simulated.is_some() {
        text::insert(&mut violations, SIMULATED);
    }
    let delegated = |reason: &&String| reason.starts_with("delegation_");
    let delegation_ref = intent.delegation.as_ref().map(|delegation| DelegationRef {
        delegation_token_ref: decision.delegations.reference.clone(),
        requester_identity: delegation.requester_identity.clone(),
        delegation_depth: i64::try_from(delegation.chain.len()).unwrap_or(i64::MAX),
        scope_class: delegation.scope_class.clone(),
        chain_digest: request.delegation_digest.clone().unwrap_or_default(),
        reason_codes: decision.outcome.reason_codes.iter().filter(delegated).cloned().collect(),
        ..DelegationRef::default()
    });
    let mut trace = Trace {
        schema_id: trace::SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        created_at: intent.decided_at(),
        observed_at,
        producer_version: PRODUCER.to_owned(),
        event_id: short(format!("{trace_id}:{observed_at}")),
        trace_id,
        correlation_id: request.settings.correlation_id.clone(),
        tool_name: intent.tool_name.clone(),
        args_digest: intent.args_digest()?.to_string(),
        intent_digest: request.intent_digest.clone(),
        policy_digest: request.policy_digest.clone(),
        verdict: verdict.word().to_owned(),
        violations,
        latency_ms: decision.latency_ms,
        approval_token_ref: decision.approvals.reference.clone(),
        delegation_ref,
        skill_provenance: intent.skill_provenance.clone(),
        ..Trace::default()
    };
    trace.sign(&decision.key)?;
    Ok(trace)
}
