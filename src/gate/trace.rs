//! The signed record of one decision: what is on disk, what of it is signed, and whether the signature holds.

use crate::gate::seal::{self, Closed, Fault, Unknown};
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::{Error, Result};
use crate::kernel::json::canon;
use crate::kernel::json::read::{self, nullable};
use crate::sign::envelope::Signature;
use crate::sign::key::{PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "gait.gate.trace";
/// The mark, among the violations, of a decision that enforced nothing.
pub const SIMULATED: &str = "simulate_mode_non_enforcing";

/// One decision. Missing members and `null` read as empty; the order of the members is that of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trace {
    #[serde(deserialize_with = "nullable")]
    pub schema_id: String,
    #[serde(deserialize_with = "nullable")]
    pub schema_version: String,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Timestamp,
    /// When the call was seen, by the wall clock; `created_at` may be fixed for repeatable traces.
    #[serde(deserialize_with = "nullable")]
    pub observed_at: Timestamp,
    #[serde(deserialize_with = "nullable")]
    pub producer_version: String,
    #[serde(deserialize_with = "nullable")]
    pub trace_id: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub event_id: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    #[serde(deserialize_with = "nullable")]
    pub tool_name: String,
    #[serde(deserialize_with = "nullable")]
    pub args_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub intent_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub policy_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub verdict: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    /// Milliseconds.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_zero")]
    pub latency_ms: f64,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub approval_token_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation_ref: Option<DelegationRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_provenance: Option<SkillProvenance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Closed<Signature>>,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// Who the call was delegated by.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DelegationRef {
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub delegation_token_ref: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub requester_identity: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_nought")]
    pub delegation_depth: i64,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub scope_class: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub chain_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub reason_codes: Vec<String>,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

/// The skill that made the call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SkillProvenance {
    #[serde(deserialize_with = "nullable")]
    pub skill_name: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub skill_version: String,
    #[serde(deserialize_with = "nullable")]
    pub source: String,
    #[serde(deserialize_with = "nullable")]
    pub publisher: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub signature_key_id: String,
    #[serde(flatten, skip_serializing)]
    pub unknown: Unknown,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn is_nought(number: &i64) -> bool {
    *number == 0
}

/// Reads a trace. No JSON object, a wrong type or a duplicate key is `InvalidInput`; whether the trace holds is another
/// question, see [`Trace::verify`].
pub fn parse(bytes: &[u8]) -> Result<Trace> {
    let trace: Option<Trace> = read::typed(bytes)?;
    Ok(trace.unwrap_or_default())
}

impl Trace {
    /// The digest that is signed: known members only, without the signature.
    pub fn signable(&self) -> Result<Digest> {
        let bare = Self { signature: None, ..self.clone() };
        Ok(Digest::of(&canon::of(&bare)?))
    }

    /// Signs the trace, in place of any signature it had.
    pub fn sign(&mut self, key: &PrivateKey) -> Result<()> {
        self.signature = Some(seal::seal(key, self.signable()?));
        Ok(())
    }

    /// Whether one of `keys` signed exactly this trace and nothing stands beside what was signed: that key's id.
    ///
    /// Errors: `InvalidInput` without a key, `Internal`; that the trace does not hold is the inner `Err`.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<Result<String, Fault>> {
        if keys.is_empty() {
            return Err(Error::invalid("no key to verify the trace with"));
        }
        let unknown = seal::dotted([
            ("", Some(&self.unknown)),
            ("delegation_ref.", self.delegation_ref.as_ref().map(|part| &part.unknown)),
            ("skill_provenance.", self.skill_provenance.as_ref().map(|part| &part.unknown)),
            ("signature.", self.signature.as_ref().map(|part| &part.unknown)),
        ]);
        Ok(seal::signer(self.signature.as_ref(), unknown, self.signable()?, keys))
    }

    /// Whether the decision enforced nothing.
    pub fn is_simulated(&self) -> bool {
        self.violations.iter().any(|mark| mark == SIMULATED)
    }
}
