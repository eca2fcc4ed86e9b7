//! The signed record of a decision's grounds, which binds the files of one decision together: what is on disk, and whether
//! its signature holds.

use crate::gate::seal::{self, Closed, Fault, Unknown};
use crate::gate::trace::Trace;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::json::{canon, read};
use crate::sign::envelope::Signature;
use crate::sign::key::{PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};
use std::fmt;

pub const SCHEMA: &str = "gait.gate.decision";

/// Why one decision came out as it did, and the digests of every file it left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DecisionRecord {
    pub schema_id: String,
    pub schema_version: String,
    pub created_at: Timestamp,
    /// As in the trace.
    pub observed_at: Timestamp,
    pub producer_version: String,
    pub trace_id: String,
    pub event_id: String,
    pub policy_digest: String,
    pub intent_digest: String,
    pub profile: String,
    pub verdict: String,
    pub reason_codes: Vec<String>,
    /// As in the trace.
    pub violations: Vec<String>,
    /// Empty where the default verdict decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub matched_rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    pub files: Vec<NamedFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Closed<Signature>>,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// What a simulation set aside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Simulated {
    pub verdict: String,
    pub reason_codes: Vec<String>,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// One file of the decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamedFile {
    pub role: Role,
    /// The last part of its path.
    pub name: String,
    /// Of the whole file, 64 hex digits.
    pub sha256: String,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// What a file of a decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Trace,
    ApprovalAudit,
    DelegationAudit,
    CredentialEvidence,
}

impl Role {
    /// What the file's usual name begins with.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::ApprovalAudit => "approval_audit",
            Self::DelegationAudit => "delegation_audit",
            Self::CredentialEvidence => "credential_evidence",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind().replace('_', " "))
    }
}

/// The usual name of a file of the decision in `trace`; `unique` names repeat for no other decision.
pub fn usual_name(kind: &str, trace: &Trace, unique: bool) -> String {
    let mark = if trace.is_simulated() { "simulated_" } else { "" };
    let event = if unique { format!("_{}", trace.event_id) } else { String::new() };
    format!("{mark}{kind}_{}{event}.json", trace.trace_id)
}

/// Reads a record. Whether it holds is another question, see [`DecisionRecord::verify`].
pub fn parse(bytes: &[u8]) -> Result<DecisionRecord> {
    read::typed(bytes)
}

impl DecisionRecord {
    fn signable(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(&Self { signature: None, ..self.clone() })?))
    }

    /// Signs the record, in place of any signature it had.
    pub fn sign(&mut self, key: &PrivateKey) -> Result<()> {
        self.signature = Some(seal::seal(key, self.signable()?));
        Ok(())
    }

    /// Whether `key` signed exactly this record and nothing stands beside what was signed.
    pub fn verify(&self, key: &PublicKey) -> Result<Result<(), Fault>> {
        let own = [
            ("", Some(&self.unknown)),
            ("simulated.", self.simulated.as_ref().map(|part| &part.unknown)),
            ("signature.", self.signature.as_ref().map(|part| &part.unknown)),
        ];
        let files = self.files.iter().map(|file| ("files.", Some(&file.unknown)));
        let unknown = seal::dotted(own.into_iter().chain(files));
        let signer = seal::signer(self.signature.as_ref(), unknown, self.signable()?, std::slice::from_ref(key));
        Ok(signer.map(drop))
    }
}
