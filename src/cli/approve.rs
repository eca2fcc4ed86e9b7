//! `gait approve`: one person lets one call proceed.

use crate::cli::args::KeyModeArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::approval::Approval;
use crate::gate::text;
use crate::gate::token::{self, Token};
use crate::kernel::clock::Clock;
use crate::kernel::digest::is_hex64;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use clap::Args;
use serde_json::json;

/// Sign an approval for exactly one call under exactly one policy
#[derive(Debug, Args)]
pub struct ApproveCmd {
    /// `intent_digest` of the call, as gate eval prints it
    #[arg(long, value_name = "HEX")]
    intent_digest: String,
    /// `policy_digest` of the policy
    #[arg(long, value_name = "HEX")]
    policy_digest: String,
    /// How long it holds, like 30m or 1h30m
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    ttl: String,
    /// What it is for, separated by commas: tool:<name>, or * for any
    #[arg(long, value_name = "LIST")]
    scope: String,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    approver: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason_code: String,
    /// Digest of the delegation the call claims, where it claims one
    #[arg(long, value_name = "HEX")]
    delegation_binding_digest: Option<String>,
    /// The token [default: approval_<token_id>.json]
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    #[command(flatten)]
    key: KeyModeArgs,
}

impl ApproveCmd {
    /// Mints the token.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        let ttl = token::ttl(&self.ttl)?;
        let scope = scope(&self.scope)?;
        let (key, warning) = self.key.signing().key()?;
        let binding = self.delegation_binding_digest.unwrap_or_default();
        for (flag, digest, required) in [
            ("intent-digest", &self.intent_digest, true),
            ("policy-digest", &self.policy_digest, true),
            ("delegation-binding-digest", &binding, false),
        ] {
            digest_holds(flag, digest, required)?;
        }
        for (flag, text) in [("approver", &self.approver), ("reason-code", &self.reason_code)] {
            plain(flag, text)?;
        }
        let grant = Approval {
            approver_identity: self.approver,
            reason_code: self.reason_code,
            intent_digest: self.intent_digest,
            policy_digest: self.policy_digest,
            delegation_binding_digest: binding,
            scope,
        };
        let token = Token::mint(grant, ttl, clock.now().utc(), &key)?;
        let path = out(self.out, &format!("approval_{}.json", token.token_id))?;
        token.write(&fs::output_path(&path)?)?;
        let mut value = json!({
            "token_id": token.token_id,
            "token_path": path,
            "expires_at": whole_seconds(&token.expires_at.to_string()),
            "reason_code": token.grant.reason_code,
            "scope": token.grant.scope,
            "key_id": key.public().id(),
            "description": format!("{} approves one call until it expires", token.grant.approver_identity),
        });
        if let Some(warning) = warning {
            value["warnings"] = json!([warning]);
        }
        let notes = warning.map(|warning| format!("warning: {warning}"));
        Ok(Answer::new(&value, Exit::Ok)?.text(format!("approval token created: {path}")).notes(notes))
    }
}

/// A comma list that is not empty.
pub fn scope(list: &str) -> Result<Vec<String>> {
    let scope = text::lowered(text::csv(list));
    if scope.is_empty() { Err(Error::invalid("--scope names nothing")) } else { Ok(scope) }
}

/// Refuses what is no digest.
pub fn digest_holds(flag: &str, digest: &str, required: bool) -> Result<()> {
    let digest = digest.trim();
    if is_hex64(digest) || !required && digest.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("--{flag} is no SHA-256 digest of 64 hex digits")))
}

/// Refuses blanks, and the characters that separate the parts of a token's id.
pub fn plain(flag: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!("--{flag} is blank")));
    }
    if text.contains([':', '|', ',']) || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("--{flag} {text:?} holds `:`, `|`, `,` or a control character"))
            .hint("these separate the parts of what a token's id stands for"));
    }
    Ok(())
}

/// The given path trimmed, or the usual name.
pub fn out(given: Option<String>, usual: &str) -> Result<String> {
    let given = given.map(|path| path.trim().to_owned()).filter(|path| !path.is_empty());
    Ok(given.unwrap_or_else(|| usual.to_owned()))
}

/// A time without its fraction.
pub fn whole_seconds(time: &str) -> String {
    format!("{}Z", time.get(..19).unwrap_or(time))
}
