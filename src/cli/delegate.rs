//! `gait delegate`: one identity lets another act for it, and whether it did.

use crate::cli::approve::{digest_holds, out, plain, scope, whole_seconds};
use crate::cli::args::KeyModeArgs;
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::delegation::{self, Delegated, Expected};
use crate::gate::signing::Verifying;
use crate::gate::text;
use crate::gate::token::{self, Token};
use crate::kernel::clock::Clock;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Sign and check delegations between agents
#[derive(Debug, Args)]
pub struct DelegateCmd {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Mint(MintCmd),
    Verify(VerifyCmd),
}

/// Sign a delegation from one identity to another
#[derive(Debug, Args)]
struct MintCmd {
    /// Who delegates
    #[arg(long, value_name = "NAME")]
    delegator: String,
    /// Who may act
    #[arg(long, value_name = "NAME")]
    delegate: String,
    /// What for, separated by commas: tool:<name>, a scope of the policy, or * for any
    #[arg(long, value_name = "LIST")]
    scope: String,
    /// How long it holds, like 30m or 1h30m
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    ttl: String,
    /// Class of the scope
    #[arg(long, value_name = "NAME")]
    scope_class: Option<String>,
    /// Bind it to one call
    #[arg(long, value_name = "HEX")]
    intent_digest: Option<String>,
    /// Bind it to one policy
    #[arg(long, value_name = "HEX")]
    policy_digest: Option<String>,
    /// The token [default: delegation_<token_id>.json]
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    #[command(flatten)]
    key: KeyModeArgs,
}

/// Check a delegation's signature, expiry, and what is expected of it
#[derive(Debug, Args)]
struct VerifyCmd {
    /// The token
    #[arg(long, value_name = "FILE")]
    token: String,
    /// Public key file of the delegator
    #[arg(long, value_name = "FILE")]
    public_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR")]
    public_key_env: Option<String>,
    /// Private key file whose public half is the delegator's
    #[arg(long, value_name = "FILE")]
    private_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
    /// Delegator it has to be from
    #[arg(long, value_name = "NAME")]
    delegator: Option<String>,
    /// Delegate it has to be for
    #[arg(long, value_name = "NAME")]
    delegate: Option<String>,
    /// Scopes it has to grant, separated by commas
    #[arg(long, value_name = "LIST")]
    scope: Option<String>,
    /// Call it has to be for, if it is bound to one
    #[arg(long, value_name = "HEX")]
    intent_digest: Option<String>,
    /// Policy it has to be for, if it is bound to one
    #[arg(long, value_name = "HEX")]
    policy_digest: Option<String>,
}

impl DelegateCmd {
    /// Runs the verb.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        match self.verb {
            Verb::Mint(cmd) => cmd.run(clock),
            Verb::Verify(cmd) => cmd.run(clock),
        }
    }
}

impl MintCmd {
    fn run(self, clock: Clock) -> Result<Answer> {
        let ttl = token::ttl(&self.ttl)?;
        let scope = scope(&self.scope)?;
        let (key, warning) = self.key.signing().key()?;
        plain("delegator", &self.delegator)?;
        plain("delegate", &self.delegate)?;
        if let Some(class) = self.scope_class.as_deref().filter(|class| !class.trim().is_empty()) {
            plain("scope-class", class)?;
        }
        let (intent_digest, policy_digest) =
            (self.intent_digest.unwrap_or_default(), self.policy_digest.unwrap_or_default());
        digest_holds("intent-digest", &intent_digest, false)?;
        digest_holds("policy-digest", &policy_digest, false)?;
        let grant = Delegated {
            delegator_identity: self.delegator,
            delegate_identity: self.delegate,
            scope,
            scope_class: self.scope_class.unwrap_or_default(),
            intent_digest,
            policy_digest,
        };
        let token = Token::mint(grant, ttl, clock.now().utc(), &key)?;
        let path = out(self.out, &format!("delegation_{}.json", token.token_id))?;
        token.write(&fs::output_path(&path)?)?;
        let mut value = described(&token, &path, &token.grant.scope);
        value["key_id"] = key.public().id().into();
        value["description"] =
            format!("{} acts for {}", token.grant.delegate_identity, token.grant.delegator_identity).into();
        if let Some(warning) = warning {
            value["warnings"] = json!([warning]);
        }
        let notes = warning.map(|warning| format!("warning: {warning}"));
        Ok(Answer::new(&value, Exit::Ok)?.text(format!("delegation token ok: {path}")).notes(notes))
    }
}

fn described(token: &Token<Delegated>, path: &str, scope: &[String]) -> Value {
    let grant = &token.grant;
    let mut value = json!({
        "token_id": token.token_id,
        "token_path": path,
        "delegator_identity": grant.delegator_identity.trim(),
        "delegate_identity": grant.delegate_identity.trim(),
        "scope": scope,
        "expires_at": whole_seconds(&token.expires_at.utc().to_string()),
    });
    if !grant.scope_class.is_empty() {
        value["scope_class"] = text::lower(&grant.scope_class).into();
    }
    value
}

impl VerifyCmd {
    fn run(self, clock: Clock) -> Result<Answer> {
        let verifying = Verifying {
            public: self.public_key,
            public_env: self.public_key_env,
            private: self.private_key,
            private_env: self.private_key_env,
            ..Verifying::default()
        };
        let keys = verifying.keys()?;
        if keys.is_empty() {
            return Err(Error::invalid("a delegation is verified with a key, and none was named")
                .hint("add --public-key, --public-key-env, --private-key or --private-key-env"));
        }
        let path = self.token.trim();
        let token: Token<Delegated> = Token::open(path)?;
        let trimmed = |text: Option<String>| text.unwrap_or_default().trim().to_owned();
        let expected = Expected {
            delegator: trimmed(self.delegator),
            delegate: trimmed(self.delegate),
            intent_digest: text::lower(&trimmed(self.intent_digest)),
            policy_digest: text::lower(&trimmed(self.policy_digest)),
            scope: text::lowered(text::csv(&trimmed(self.scope))),
            ..Expected::default()
        };
        match delegation::check(&token, &expected, &keys, &clock.now())? {
            Ok(signer) => {
                let mut value = described(&token, path, &token.grant.scope);
                value["key_id"] = signer.into();
                Ok(Answer::new(&value, Exit::Ok)?.text(format!("delegation token ok: {path}")))
            }
            Err(code) => {
                let error = Error::verification(format!("{path} does not hold: {code}"));
                let failure = Answer::failure("delegate", &error).with("error_code", code)?;
                failure.members(&json!({ "token_id": token.token_id, "token_path": path }))
            }
        }
    }
}
