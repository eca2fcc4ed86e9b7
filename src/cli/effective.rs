//! The flags of `gait gate eval`, and what they mean once the project's defaults are merged in: flag, then file, then
//! built-in value, each remembered.

use crate::config::project::{DEFAULT_PATH, Project};
use crate::gate::credential::{self, Broker, HashKey};
use crate::gate::kill::{self, KillSwitch};
use crate::gate::limit;
use crate::gate::request::{Outputs, Profile, Settings, Tokens};
use crate::gate::signing::{Signing, Verifying};
use crate::gate::spent;
use crate::gate::text;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::Utf8PathBuf;
use clap::Args;
use std::collections::BTreeMap;

/// What can be said on the command line. A blank value counts as none.
#[derive(Debug, Args)]
pub struct Flags {
    /// Policy file [config: gate.policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// The call: a gate intent in JSON
    #[arg(long, value_name = "FILE")]
    intent: Option<String>,
    /// Project defaults
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: String,
    /// Read no project defaults
    #[arg(long)]
    no_config: bool,
    /// What is demanded of keys and tokens: standard or oss-prod [default: standard]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Decide and tell, but enforce nothing: no counter is raised, no credential is issued
    #[arg(long)]
    simulate: bool,
    /// Time that freeze windows are held against, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    evaluation_time: Option<String>,
    /// Kill switch [default: .gait/kill_switch.yaml, where there is one]
    #[arg(long, value_name = "FILE")]
    kill_switch_state: Option<String>,
    /// dev signs with a key of this process, prod with yours [default: dev]
    #[arg(long, value_name = "MODE")]
    key_mode: Option<String>,
    /// Private key file to sign the trace with
    #[arg(long, value_name = "FILE")]
    private_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR")]
    private_key_env: Option<String>,
    /// Approval token
    #[arg(long, value_name = "FILE", help_heading = "Approvals")]
    approval_token: Option<String>,
    /// Further approval tokens, separated by commas
    #[arg(long, value_name = "FILES", help_heading = "Approvals")]
    approval_token_chain: Option<String>,
    /// Reference for the trace where no token is checked
    #[arg(long, value_name = "TEXT", help_heading = "Approvals")]
    approval_token_ref: Option<String>,
    /// Approval audit record [default: approval_audit_<trace_id>.json]
    #[arg(long, value_name = "FILE", help_heading = "Approvals")]
    approval_audit_out: Option<String>,
    /// Public key file of the approver
    #[arg(long, value_name = "FILE", help_heading = "Approvals")]
    approval_public_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR", help_heading = "Approvals")]
    approval_public_key_env: Option<String>,
    /// Private key file whose public half is the approver's
    #[arg(long, value_name = "FILE", help_heading = "Approvals")]
    approval_private_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR", help_heading = "Approvals")]
    approval_private_key_env: Option<String>,
    /// Folder of further approvers' public keys (*.pub, *_public.key)
    #[arg(long, value_name = "DIR", help_heading = "Approvals")]
    approval_trust: Option<String>,
    /// Ledger of approvals that have let a call through: each does so once [default: under oss-prod
    /// .gait-out/gate_spent_approvals.json, else none]
    #[arg(long, value_name = "FILE", help_heading = "Approvals")]
    spent_approvals: Option<String>,
    /// Delegation token
    #[arg(long, value_name = "FILE", help_heading = "Delegation")]
    delegation_token: Option<String>,
    /// Further delegation tokens, separated by commas
    #[arg(long, value_name = "FILES", help_heading = "Delegation")]
    delegation_token_chain: Option<String>,
    /// Delegation audit record [default: delegation_audit_<trace_id>.json]
    #[arg(long, value_name = "FILE", help_heading = "Delegation")]
    delegation_audit_out: Option<String>,
    /// Public key file of the delegator
    #[arg(long, value_name = "FILE", help_heading = "Delegation")]
    delegation_public_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR", help_heading = "Delegation")]
    delegation_public_key_env: Option<String>,
    /// Private key file whose public half is the delegator's
    #[arg(long, value_name = "FILE", help_heading = "Delegation")]
    delegation_private_key: Option<String>,
    /// Name of the environment variable that holds it
    #[arg(long, value_name = "VAR", help_heading = "Delegation")]
    delegation_private_key_env: Option<String>,
    /// Rate limit counters [default: .gait-out/gate_rate_limits.json]
    #[arg(long, value_name = "FILE")]
    rate_limit_state: Option<String>,
    /// Where credentials come from: off, stub, env or command [default: off]
    #[arg(long, value_name = "NAME", help_heading = "Credentials")]
    credential_broker: Option<String>,
    /// First part of the variables' names, for env [default: GAIT_BROKER_TOKEN_]
    #[arg(long, value_name = "TEXT", help_heading = "Credentials")]
    credential_env_prefix: Option<String>,
    /// What to ask for [default: the rule's broker_reference]
    #[arg(long, value_name = "TEXT", help_heading = "Credentials")]
    credential_ref: Option<String>,
    /// Scopes to ask for besides the rule's, separated by commas
    #[arg(long, value_name = "LIST", help_heading = "Credentials")]
    credential_scopes: Option<String>,
    /// Program to ask, for command
    #[arg(long, value_name = "PROGRAM", help_heading = "Credentials")]
    credential_command: Option<String>,
    /// Its arguments, separated by commas
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, help_heading = "Credentials")]
    credential_command_args: Option<String>,
    /// Variable with a key of 16 bytes or more: env then tells a keyed hash of the secret instead of a bare one
    #[arg(long, value_name = "VAR", help_heading = "Credentials")]
    credential_hash_key_env: Option<String>,
    /// Proof of the credential [default: credential_evidence_<trace_id>.json]
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    credential_evidence_out: Option<String>,
    /// Trace [default: trace_<trace_id>.json, which a later decision alike overwrites]
    #[arg(long, value_name = "FILE")]
    trace_out: Option<String>,
    /// Signed record of the reasons that names every file of the decision [default: decision_<trace_id>.json beside the
    /// trace]
    #[arg(long, value_name = "FILE")]
    decision_out: Option<String>,
    /// Put the event's id into the usual names, so that no later decision overwrites the files
    #[arg(long)]
    unique_trace: bool,
}

/// What the flags mean.
#[derive(Debug)]
pub struct Effective {
    pub policy: String,
    pub intent: String,
    pub settings: Settings,
    /// `flag`, `config` or `default` by name.
    pub sources: BTreeMap<&'static str, &'static str>,
}

/// Merges one value after the other.
struct Merge {
    project: Project,
    sources: BTreeMap<&'static str, &'static str>,
}

impl Merge {
    /// Merges into the defaults of this file, if of any.
    fn into(config: Option<&str>) -> Result<Self> {
        let project = match config {
            Some("") => return Err(Error::invalid("--config is blank").hint("name a file, or use --no-config")),
            Some(path) => Project::load_from(path)?,
            None => Project::default(),
        };
        Ok(Self { project, sources: BTreeMap::new() })
    }

    /// The value of `key`, which the file may hold: flag, file, built-in.
    fn take(&mut self, key: &'static str, flag: Option<String>, default: Option<&str>) -> Option<String> {
        let flag = present(flag);
        let file = || self.project.gate.get(key).cloned();
        let (source, value) = match flag {
            Some(value) => ("flag", Some(value)),
            None => match file() {
                Some(value) => ("config", Some(value)),
                None => ("default", default.map(str::to_owned)),
            },
        };
        if value.is_some() {
            self.sources.insert(key, source);
        }
        value
    }
}

fn present(flag: Option<String>) -> Option<String> {
    flag.filter(|value| !value.trim().is_empty())
}

impl Flags {
    /// Merges the project's defaults in.
    pub fn resolve(self, clock: Clock, correlation_id: &str) -> Result<Effective> {
        let mut merge = Merge::into((!self.no_config).then_some(self.config.trim()))?;
        let m = &mut merge;
        let policy = m.take("policy", self.policy, None).ok_or_else(|| {
            Error::invalid("no policy to hold the call to")
                .hint("add --policy, or set gate.policy in .gait/config.yaml")
        })?;
        let intent = present(self.intent).ok_or_else(|| Error::invalid("no call to decide: --intent is missing"))?;
        let profile = profile(&m.take("profile", self.profile, Some("standard")).unwrap_or_default())?;
        let signing = Signing {
            mode: m.take("key_mode", self.key_mode, Some("dev")).unwrap_or_default(),
            path: m.take("private_key", self.private_key, None),
            env: m.take("private_key_env", self.private_key_env, None),
        };
        let approvals = Verifying {
            prefix: "approval",
            public: m.take("approval_public_key", self.approval_public_key, None),
            public_env: m.take("approval_public_key_env", self.approval_public_key_env, None),
            private: m.take("approval_private_key", self.approval_private_key, None),
            private_env: m.take("approval_private_key_env", self.approval_private_key_env, None),
            trust: m.take("approval_trust", self.approval_trust, None).map(Utf8PathBuf::from),
        };
        let delegations = Verifying {
            prefix: "delegation",
            public: m.take("delegation_public_key", self.delegation_public_key, None),
            public_env: m.take("delegation_public_key_env", self.delegation_public_key_env, None),
            private: present(self.delegation_private_key),
            private_env: present(self.delegation_private_key_env),
            trust: None,
        };
        let state = m.take("rate_limit_state", self.rate_limit_state, Some(limit::DEFAULT_STATE)).unwrap_or_default();
        let once = (profile == Profile::OssProd).then_some(spent::DEFAULT_STATE);
        let spent = m.take("spent_approvals", self.spent_approvals, once);
        let broker = broker(
            m,
            profile,
            [self.credential_broker, self.credential_env_prefix, self.credential_command, self.credential_command_args],
            self.credential_hash_key_env,
        )?;
        let credential_ref = m.take("credential_ref", self.credential_ref, None).unwrap_or_default();
        let scopes = m.take("credential_scopes", self.credential_scopes, None).unwrap_or_default();
        let switch = m.take("kill_switch_state", self.kill_switch_state, None);
        let tokens = paths(self.approval_token, self.approval_token_chain);
        let delegation_tokens = paths(self.delegation_token, self.delegation_token_chain);
        let keys = [&signing.path, &approvals.public, &approvals.private, &delegations.public, &delegations.private];
        let inputs = [&policy, &intent, &self.config, &state].into_iter().chain(keys.into_iter().flatten());
        let inputs = inputs.chain(&tokens).chain(&delegation_tokens).chain(&spent).chain(&switch);
        let outputs = Outputs {
            spared: inputs.map(|path| path.trim().into()).collect(),
            trace: m.take("trace_path", self.trace_out, None),
            decision: m.take("decision_path", self.decision_out, None),
            credential_evidence: m.take("credential_evidence_path", self.credential_evidence_out, None),
            approval_audit: present(self.approval_audit_out),
            delegation_audit: present(self.delegation_audit_out),
            unique: self.unique_trace,
        };
        let at = present(self.evaluation_time).map(|time| time.trim().parse::<Timestamp>()).transpose()?;
        let settings = Settings {
            profile,
            simulate: self.simulate,
            signing,
            approvals: Tokens { paths: tokens, verifying: approvals },
            approval_ref: self.approval_token_ref.unwrap_or_default().trim().to_owned(),
            delegations: Tokens { paths: delegation_tokens, verifying: delegations },
            broker,
            credential_ref,
            credential_scopes: text::csv(&scopes),
            rate_limit_state: fs::output_path(&state)?,
            spent_approvals: spent.map(|path| fs::output_path(&path)).transpose()?,
            kill_switch: KillSwitch::read(switch.as_deref().unwrap_or(kill::DEFAULT_STATE), switch.is_some()),
            evaluation_time: at,
            outputs,
            correlation_id: correlation_id.to_owned(),
            clock,
        };
        Ok(Effective {
            policy: policy.trim().to_owned(),
            intent: intent.trim().to_owned(),
            settings,
            sources: merge.sources,
        })
    }
}

fn profile(word: &str) -> Result<Profile> {
    match text::lower(word).as_str() {
        "standard" => Ok(Profile::Standard),
        "oss-prod" => Ok(Profile::OssProd),
        _ => Err(Error::invalid(format!("--profile {word:?} is neither standard nor oss-prod"))),
    }
}

fn broker(
    m: &mut Merge,
    profile: Profile,
    [name, prefix, program, args]: [Option<String>; 4],
    key: Option<String>,
) -> Result<Broker> {
    let name = m.take("credential_broker", name, Some("off")).unwrap_or_default();
    let prefix = m.take("credential_env_prefix", prefix, Some(credential::DEFAULT_PREFIX)).unwrap_or_default();
    let program = m.take("credential_command", program, None).unwrap_or_default();
    let args = m.take("credential_command_args", args, None).unwrap_or_default();
    let allowlist = std::env::var(credential::ALLOWLIST_VAR).ok().filter(|list| !text::csv(list).is_empty());
    let key = m.take("credential_hash_key_env", key, None);
    let mut broker = Broker::resolve(&name, &prefix, &program, &args, allowlist.as_deref())?;
    if let (Broker::Env { hash_key, .. }, Some(variable)) = (&mut broker, key) {
        *hash_key = Some(HashKey::from_env(variable.trim())?);
    }
    if profile == Profile::OssProd && matches!(broker, Broker::Command { .. }) && allowlist.is_none() {
        let what =
            format!("profile oss-prod runs no credential command that {} does not name", credential::ALLOWLIST_VAR);
        return Err(Error::invalid(what));
    }
    Ok(broker)
}

fn paths(one: Option<String>, chain: Option<String>) -> Vec<String> {
    let chain = text::csv(&chain.unwrap_or_default());
    text::sorted(one.into_iter().chain(chain))
}
