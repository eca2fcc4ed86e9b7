//! Delegations: that one identity lets another act for it.

use crate::gate::text;
use crate::gate::token::{self, Grant, Token};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::Result;
use crate::kernel::json::read::nullable;
use crate::sign::key::PublicKey;
use serde::{Deserialize, Serialize};

/// What a delegation grants.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Delegated {
    #[serde(deserialize_with = "nullable")]
    pub delegator_identity: String,
    #[serde(deserialize_with = "nullable")]
    pub delegate_identity: String,
    #[serde(deserialize_with = "nullable")]
    pub scope: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub scope_class: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub intent_digest: String,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub policy_digest: String,
}

impl Grant for Delegated {
    const SCHEMA: &'static str = "gait.gate.delegation_token";
    const INVALID: &'static str = "delegation_token_invalid";
    const UNSIGNED: &'static str = "delegation_token_signature_missing";
    const FORGED: &'static str = "delegation_token_signature_invalid";

    fn normalise(&mut self) -> bool {
        for text in [&mut self.delegator_identity, &mut self.delegate_identity] {
            *text = text.trim().to_owned();
        }
        self.scope = text::lowered(&self.scope);
        self.scope_class = text::lower(&self.scope_class);
        let digests =
            token::digest_holds(&mut self.intent_digest, false) && token::digest_holds(&mut self.policy_digest, false);
        digests && !self.delegator_identity.is_empty() && !self.delegate_identity.is_empty() && !self.scope.is_empty()
    }

    fn identity(&self) -> String {
        let Self { delegator_identity, delegate_identity, scope, scope_class, intent_digest, policy_digest } = self;
        let scope = scope.join(",");
        format!("{delegator_identity}:{delegate_identity}:{scope}:{scope_class}:{intent_digest}:{policy_digest}")
    }
}

/// What a delegation is expected to be; an empty text expects nothing.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub delegator: String,
    pub delegate: String,
    pub intent_digest: String,
    pub policy_digest: String,
    /// All of these have to be granted.
    pub scope: Vec<String>,
    /// One of these has to be granted, if there are any.
    pub any_scope: Vec<String>,
    /// A token that is bound to no call or no policy does not do.
    pub bound: bool,
}

/// Whether a delegation is what is expected: the id of the key that signed it, or the reason why it does not count.
pub fn check(
    token: &Token<Delegated>,
    expected: &Expected,
    keys: &[PublicKey],
    now: &Timestamp,
) -> Result<Result<String, &'static str>> {
    let (token, signer) = match token.proven(keys)? {
        Ok(proven) => proven,
        Err(code) => return Ok(Err(code)),
    };
    let grant = &token.grant;
    let differs = |want: &str, have: &str| !want.is_empty() && want.trim() != have;
    let unbound =
        |want: &str, have: &str| if have.is_empty() { expected.bound && !want.is_empty() } else { differs(want, have) };
    let all = grant.scope.iter().any(|scope| scope == "*");
    let has = |want: &String| all || grant.scope.contains(want);
    let scoped =
        expected.scope.iter().all(has) && (expected.any_scope.is_empty() || expected.any_scope.iter().any(has));
    let faults = [
        (token.is_expired(now), "delegation_token_expired"),
        (differs(&expected.delegator, &grant.delegator_identity), "delegation_token_delegator_mismatch"),
        (differs(&expected.delegate, &grant.delegate_identity), "delegation_token_delegate_mismatch"),
        (unbound(&expected.intent_digest, &grant.intent_digest), "delegation_token_intent_mismatch"),
        (unbound(&expected.policy_digest, &grant.policy_digest), "delegation_token_policy_mismatch"),
        (!scoped, "delegation_token_scope_mismatch"),
    ];
    let fault = faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, code)| code);
    Ok(fault.map_or(Ok(signer), Err))
}
