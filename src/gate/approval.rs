//! Approvals: that a person lets exactly this call proceed under exactly this policy.

use crate::gate::text;
use crate::gate::token::{self, Grant, Token};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::read::nullable;
use crate::sign::key::PublicKey;
use serde::{Deserialize, Serialize};

/// What an approval grants.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    #[serde(deserialize_with = "nullable")]
    pub approver_identity: String,
    #[serde(deserialize_with = "nullable")]
    pub reason_code: String,
    #[serde(deserialize_with = "nullable")]
    pub intent_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub policy_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub delegation_binding_digest: String,
    #[serde(deserialize_with = "nullable")]
    pub scope: Vec<String>,
}

impl Grant for Approval {
    const SCHEMA: &'static str = "gait.gate.approval_token";
    const INVALID: &'static str = "approval_token_invalid";
    const UNSIGNED: &'static str = "approval_token_signature_missing";
    const FORGED: &'static str = "approval_token_signature_invalid";

    fn normalise(&mut self) -> bool {
        for text in [&mut self.approver_identity, &mut self.reason_code] {
            *text = text.trim().to_owned();
        }
        self.scope = text::lowered(&self.scope);
        let digests = token::digest_holds(&mut self.intent_digest, true)
            && token::digest_holds(&mut self.policy_digest, true)
            && token::digest_holds(&mut self.delegation_binding_digest, false);
        digests && !self.approver_identity.is_empty() && !self.reason_code.is_empty() && !self.scope.is_empty()
    }

    fn identity(&self) -> String {
        let Self { intent_digest, policy_digest, approver_identity, reason_code, scope, .. } = self;
        format!("{intent_digest}:{policy_digest}:{approver_identity}:{reason_code}:{}", scope.join(","))
    }
}

/// The call an approval has to be for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    pub tool_name: &'w str,
    pub intent_digest: &'w str,
    pub policy_digest: &'w str,
    /// Set when the call is delegated.
    pub delegation_digest: Option<&'w str>,
}

/// Whether an approval is for this call: the id of the key that signed it, or the reason why it does not count.
pub fn check(
    token: &Token<Approval>,
    wanted: &Wanted<'_>,
    keys: &[PublicKey],
    now: &Timestamp,
) -> Result<Result<String, &'static str>> {
    let (token, signer) = match token.proven(keys)? {
        Ok(proven) => proven,
        Err(code) => return Ok(Err(code)),
    };
    let grant = &token.grant;
    let tool = format!("tool:{}", wanted.tool_name);
    let unbound = wanted.delegation_digest.is_some_and(|digest| digest != grant.delegation_binding_digest);
    let faults = [
        (grant.intent_digest != wanted.intent_digest, "approval_token_intent_mismatch"),
        (grant.policy_digest != wanted.policy_digest, "approval_token_policy_mismatch"),
        (unbound, "approval_token_delegation_binding_mismatch"),
        (token.is_expired(now), "approval_token_expired"),
        (!grant.scope.iter().any(|scope| *scope == "*" || *scope == tool), "approval_token_scope_mismatch"),
    ];
    let fault = faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, code)| code);
    Ok(fault.map_or(Ok(signer), Err))
}
