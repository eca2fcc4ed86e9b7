//! What a decision leaves on disk: the signed trace, the audits, the proof of a credential.

use crate::gate::decision::{self, DecisionRecord, NamedFile, Role, Simulated};
use crate::gate::model::{
    APPROVAL_AUDIT_SCHEMA, ApprovalAudit, CREDENTIAL_SCHEMA, CredentialRecord, DELEGATION_AUDIT_SCHEMA,
    DelegationAudit, PRODUCER, SCHEMA_VERSION, Subject,
};
use crate::gate::request::{Decision, Outputs, Request};
use crate::gate::seal::Unknown;
use crate::gate::text;
use crate::gate::trace::{self, DelegationRef, SIMULATED, Trace};
use crate::kernel::digest::{Digest, hex};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::kernel::json::encode;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// Where the records went, as they are told.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub trace_id: String,
    pub trace_path: String,
    pub decision_path: String,
    pub approval_audit_path: Option<String>,
    pub delegation_audit_path: Option<String>,
    pub credential_evidence_path: Option<String>,
}

/// A file to be written: its path, and its bytes.
struct Planned {
    role: Option<Role>,
    path: Utf8PathBuf,
    bytes: Vec<u8>,
}

/// The files of one decision, in the order they are written in.
struct Plan<'t> {
    trace: &'t Trace,
    unique: bool,
    files: Vec<Planned>,
}

impl Plan<'_> {
    /// Adds a file; its path as told: the given one trimmed, or the usual one.
    fn add<T: Serialize>(&mut self, role: Role, given: Option<&str>, record: &T) -> Result<String> {
        self.put(Some(role), self.told(given, role.kind()), record)
    }

    fn told(&self, given: Option<&str>, kind: &str) -> String {
        let given = given.map(str::trim).filter(|given| !given.is_empty());
        given.map_or_else(|| decision::usual_name(kind, self.trace, self.unique), str::to_owned)
    }

    fn put<T: Serialize>(&mut self, role: Option<Role>, told: String, record: &T) -> Result<String> {
        let path = placed(&told, self.files.iter().map(|file| &*file.path))?;
        self.files.push(Planned { role, path, bytes: encode::document(record)?.into_bytes() });
        Ok(told)
    }

    /// The usual place of the record that binds the files: beside the trace.
    fn beside(&self) -> String {
        let name = decision::usual_name("decision", self.trace, self.unique);
        let trace = self.files.first().map(|file| &file.path).filter(|path| fs::is_plain(path));
        trace.map_or_else(|| name.clone(), |path| path.with_file_name(&name).into_string())
    }

    fn named(&self) -> Vec<NamedFile> {
        let named = |file: &Planned| {
            Some(NamedFile {
                role: file.role?,
                name: file.path.file_name().unwrap_or_default().to_owned(),
                sha256: Digest::of(&file.bytes).to_string(),
                unknown: Unknown::new(),
            })
        };
        self.files.iter().filter_map(named).collect()
    }

    fn write(&self) -> Result<()> {
        for file in &self.files {
            fs::make_parent(&file.path)?;
        }
        let files: Vec<(&Utf8Path, &[u8])> = self.files.iter().map(|file| (&*file.path, &*file.bytes)).collect();
        fs::write_all(&files)
    }
}

/// Where a record goes, apart from the others of its decision.
fn placed<'p>(told: &str, mut others: impl Iterator<Item = &'p Utf8Path>) -> Result<Utf8PathBuf> {
    let path = fs::output_path(told)?;
    if path.is_dir() {
        return Err(Error::invalid(format!("cannot write {path}: it is a directory")));
    }
    if fs::is_plain(&path) && others.any(|other| fs::is_same_place(other, &path)) {
        return Err(Error::invalid(format!("two records of one decision are to be written to {path}"))
            .hint("give each --...-out a path of its own"));
    }
    Ok(path)
}

/// Looks at the given paths before a decision spends, counts or asks for anything.
pub fn check(outputs: &Outputs) -> Result<()> {
    let Outputs { trace, decision, approval_audit, delegation_audit, credential_evidence, spared, unique: _ } = outputs;
    let mut paths: Vec<Utf8PathBuf> = Vec::new();
    for given in [trace, decision, approval_audit, delegation_audit, credential_evidence].into_iter().flatten() {
        if given.trim().is_empty() {
            continue;
        }
        let path = placed(given, paths.iter().map(|path| &**path))?;
        if fs::is_plain(&path) && spared.iter().any(|input| fs::is_same_place(input, &path)) {
            return Err(Error::invalid(format!(
                "a record of the decision would replace {path}, which the decision needs"
            ))
            .hint("give --...-out a path of its own"));
        }
        paths.push(path);
    }
    Ok(())
}

/// Writes every record of a decision: the trace first, last the one that names them all.
pub fn write(request: &Request<'_>, decision: &Decision<'_>) -> Result<Written> {
    let outputs = &request.settings.outputs;
    let trace = trace_of(request, decision)?;
    let mut plan = Plan { trace: &trace, unique: outputs.unique, files: Vec::new() };
    let mut written = Written { trace_id: trace.trace_id.clone(), ..Written::default() };
    written.trace_path = plan.add(Role::Trace, outputs.trace.as_deref(), &trace)?;
    audits(request, decision, &mut plan, &mut written)?;
    let mut record = grounds(request, decision, &trace, plan.named());
    record.sign(&decision.key)?;
    let given = outputs.decision.as_deref().map(str::trim).filter(|given| !given.is_empty());
    let told = given.map_or_else(|| plan.beside(), str::to_owned);
    written.decision_path = plan.put(None, told, &record)?;
    if decision.simulated.is_some() {
        spare_real(&written)?;
    }
    plan.write()?;
    Ok(written)
}

/// Plans what tells of tokens and credentials.
fn audits(request: &Request<'_>, decision: &Decision<'_>, plan: &mut Plan<'_>, written: &mut Written) -> Result<()> {
    let (trace, outputs) = (plan.trace, &request.settings.outputs);
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
        let audit = ApprovalAudit {
            schema_id: APPROVAL_AUDIT_SCHEMA,
            schema_version: SCHEMA_VERSION,
            subject: subject(),
            required_approvals: found.required,
            valid_approvals: found.valid,
            approved: found.valid >= found.required && !found.withheld,
            approvers: found.approvers.clone(),
            entries: found.entries.clone(),
        };
        written.approval_audit_path = Some(plan.add(Role::ApprovalAudit, outputs.approval_audit.as_deref(), &audit)?);
    }
    if let Some(issued) = &decision.credential {
        let evidence = CredentialRecord {
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
        };
        written.credential_evidence_path =
            Some(plan.add(Role::CredentialEvidence, outputs.credential_evidence.as_deref(), &evidence)?);
    }
    let found = &decision.delegations;
    if found.required {
        let audit = DelegationAudit {
            schema_id: DELEGATION_AUDIT_SCHEMA,
            schema_version: SCHEMA_VERSION,
            subject: subject(),
            delegation_required: true,
            valid_delegations: found.valid,
            delegated: !found.reference.is_empty(),
            delegation_ref: found.reference.clone(),
            entries: found.entries.clone(),
        };
        written.delegation_audit_path =
            Some(plan.add(Role::DelegationAudit, outputs.delegation_audit.as_deref(), &audit)?);
    }
    Ok(())
}

/// Why the decision came out as it did, and the files it left.
fn grounds(request: &Request<'_>, decision: &Decision<'_>, trace: &Trace, files: Vec<NamedFile>) -> DecisionRecord {
    let outcome = &decision.outcome;
    DecisionRecord {
        schema_id: decision::SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        created_at: trace.created_at,
        observed_at: trace.observed_at,
        producer_version: PRODUCER.to_owned(),
        trace_id: trace.trace_id.clone(),
        event_id: trace.event_id.clone(),
        policy_digest: trace.policy_digest.clone(),
        intent_digest: trace.intent_digest.clone(),
        profile: request.settings.profile.word().to_owned(),
        verdict: trace.verdict.clone(),
        reason_codes: outcome.reason_codes.clone(),
        violations: trace.violations.clone(),
        matched_rule: outcome.matched_rule().to_owned(),
        simulated: decision.simulated.as_ref().map(|(verdict, reason_codes)| Simulated {
            verdict: verdict.word().to_owned(),
            reason_codes: reason_codes.clone(),
            unknown: Unknown::new(),
        }),
        files,
        signature: None,
        unknown: Unknown::new(),
    }
}

/// The records of a simulation never replace those of a real decision.
fn spare_real(written: &Written) -> Result<()> {
    let real_trace =
        |bytes: &[u8]| trace::parse(bytes).is_ok_and(|trace| trace.schema_id == trace::SCHEMA && !trace.is_simulated());
    let real_record = |bytes: &[u8]| decision::parse(bytes).is_ok_and(|record| record.simulated.is_none());
    let bytes = |path: &str| fs::output_path(path).and_then(|path| fs::read(path, fs::DOCUMENT_LIMIT));
    for (path, real, flag) in [
        (&written.trace_path, &real_trace as &dyn Fn(&[u8]) -> bool, "--trace-out"),
        (&written.decision_path, &real_record, "--decision-out"),
    ] {
        if fs::is_plain(path) && bytes(path).is_ok_and(|bytes| real(&bytes)) {
            return Err(Error::invalid(format!("{path} is of a real decision; a simulated one does not replace it"))
                .hint(format!("give another {flag}")));
        }
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
