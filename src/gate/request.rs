//! What a decision is about, what it depends on, and what it comes to.

use crate::gate::credential::{Broker, Issued};
use crate::gate::evaluate::Outcome;
use crate::gate::intent::Intent;
use crate::gate::kill::KillSwitch;
use crate::gate::limit::Counted;
use crate::gate::model::{ApprovalEntry, DelegationEntry, Verdict};
use crate::gate::policy::Policy;
use crate::gate::signing::{Signing, Verifying};
use crate::gate::spent::Spent;
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::sign::key::PrivateKey;
use camino::Utf8PathBuf;

/// How much is demanded of keys, brokers and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Standard,
    OssProd,
}

impl Profile {
    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::OssProd => "oss-prod",
        }
    }
}

/// Everything a decision depends on besides policy and call.
#[derive(Debug)]
pub struct Settings {
    pub profile: Profile,
    pub simulate: bool,
    pub signing: Signing,
    pub approvals: Tokens,
    /// A reference that stands in the trace when no token was checked.
    pub approval_ref: String,
    pub delegations: Tokens,
    pub broker: Broker,
    pub credential_ref: String,
    pub credential_scopes: Vec<String>,
    pub rate_limit_state: Utf8PathBuf,
    /// Where approvals that let a call through are kept; none: one counts as often as it is shown.
    pub spent_approvals: Option<Utf8PathBuf>,
    /// What it holds, or why it cannot be read.
    pub kill_switch: Result<KillSwitch>,
    /// The time that freeze windows are held against, if not now.
    pub evaluation_time: Option<Timestamp>,
    pub outputs: Outputs,
    pub correlation_id: String,
    pub clock: Clock,
}

/// Token files and the keys they are checked with.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Sorted, each once.
    pub paths: Vec<String>,
    pub verifying: Verifying,
}

/// A call, the policy it is held to, and the digests that stand for them.
#[derive(Debug)]
pub struct Request<'r> {
    pub policy: &'r Policy,
    pub intent: &'r Intent,
    pub settings: &'r Settings,
    pub policy_digest: String,
    pub intent_digest: String,
    pub delegation_digest: Option<String>,
}

/// What was decided, and what the guards found on the way.
#[derive(Debug)]
pub struct Decision<'p> {
    pub outcome: Outcome<'p>,
    /// Verdict and reasons that simulation set aside.
    pub simulated: Option<(Verdict, Vec<String>)>,
    pub counted: Option<Counted>,
    pub approvals: Approvals,
    pub delegations: Delegations,
    pub credential: Option<Issued>,
    pub credential_scope: Vec<String>,
    pub credential_reference: String,
    pub warnings: Vec<String>,
    /// A token that could not be read: the decision stands and is recorded, then this is told.
    pub trouble: Option<Error>,
    pub key: PrivateKey,
    pub latency_ms: f64,
}

/// What the approval guard found.
#[derive(Debug, Default)]
pub struct Approvals {
    pub required: u64,
    pub valid: u64,
    pub approvers: Vec<String>,
    /// Those that are valid.
    pub tokens: Vec<Spent>,
    /// Ids of the valid tokens, joined.
    pub reference: String,
    /// There are enough, and still they do not let the call through.
    pub withheld: bool,
    pub entries: Vec<ApprovalEntry>,
}

/// What the delegation guard found.
#[derive(Debug, Default)]
pub struct Delegations {
    pub required: bool,
    pub valid: u64,
    pub reference: String,
    pub entries: Vec<DelegationEntry>,
}

/// Where the records go, where not to their usual names.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    pub trace: Option<String>,
    pub decision: Option<String>,
    pub approval_audit: Option<String>,
    pub delegation_audit: Option<String>,
    pub credential_evidence: Option<String>,
    /// What the decision is made from and of: no record replaces one of these files.
    pub spared: Vec<Utf8PathBuf>,
    /// The usual names have the event's id in them: no later decision overwrites the files.
    pub unique: bool,
}

impl<'r> Request<'r> {
    /// Takes the digests.
    pub fn new(policy: &'r Policy, intent: &'r Intent, settings: &'r Settings) -> Result<Self> {
        Ok(Self {
            policy_digest: policy.digest()?.to_string(),
            intent_digest: intent.digest()?.to_string(),
            delegation_digest: intent.delegation_digest()?.map(|digest| digest.to_string()),
            policy,
            intent,
            settings,
        })
    }
}
