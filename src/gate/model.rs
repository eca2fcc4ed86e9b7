//! What the gate writes down: verdicts, and the records of approvals, delegations and credentials.

use crate::kernel::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

pub const SCHEMA_VERSION: &str = "1.0.0";
pub const INTENT_SCHEMA: &str = "gait.gate.intent_request";
pub const APPROVAL_AUDIT_SCHEMA: &str = "gait.gate.approval_audit_record";
pub const DELEGATION_AUDIT_SCHEMA: &str = "gait.gate.delegation_audit_record";
pub const CREDENTIAL_SCHEMA: &str = "gait.gate.broker_credential_record";
/// `producer_version` of everything written here.
pub const PRODUCER: &str = env!("CARGO_PKG_VERSION");

/// What is decided about a call, from lax to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    DryRun,
    RequireApproval,
    Block,
}

impl Verdict {
    pub const ALL: [Self; 4] = [Self::Allow, Self::DryRun, Self::RequireApproval, Self::Block];

    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::DryRun => "dry_run",
            Self::RequireApproval => "require_approval",
            Self::Block => "block",
        }
    }

    /// Reads a word of exactly this spelling.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a decision is about; the head of each record.
#[derive(Debug, Clone, Serialize)]
pub struct Subject {
    pub created_at: Timestamp,
    pub producer_version: &'static str,
    pub trace_id: String,
    pub tool_name: String,
    pub intent_digest: String,
    pub policy_digest: String,
}

/// Who approved a call, and which tokens did not count.
#[derive(Debug, Clone, Serialize)]
pub struct ApprovalAudit {
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    #[serde(flatten)]
    pub subject: Subject,
    pub required_approvals: u64,
    pub valid_approvals: u64,
    pub approved: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    pub entries: Vec<ApprovalEntry>,
}

/// One approval token that was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ApprovalEntry {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub approver_identity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason_code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    pub expires_at: Timestamp,
    pub valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
}

/// Whose delegation a call stands on.
#[derive(Debug, Clone, Serialize)]
pub struct DelegationAudit {
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    #[serde(flatten)]
    pub subject: Subject,
    pub delegation_required: bool,
    pub valid_delegations: u64,
    pub delegated: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub delegation_ref: String,
    pub entries: Vec<DelegationEntry>,
}

/// One delegation token that was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DelegationEntry {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub delegator_identity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub delegate_identity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    pub expires_at: Timestamp,
    pub valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
}

/// That a credential was issued, and by whom; never the credential.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialRecord {
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    pub created_at: Timestamp,
    pub producer_version: &'static str,
    pub trace_id: String,
    pub tool_name: String,
    pub identity: String,
    pub broker: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    pub credential_ref: String,
}
