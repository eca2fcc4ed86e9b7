//! A policy as it is decided by: normalised, its rules in order. What is serialised is what its digest covers.

use crate::gate::args::ArgRule;
use crate::gate::model::{SCHEMA_VERSION, Verdict};
use crate::gate::pattern::Pattern;
use crate::kernel::clock::Timestamp;
use crate::kernel::digest::Digest;
use crate::kernel::error::Result;
use crate::kernel::json::canon;
use serde::{Serialize, Serializer};
use std::ops::Not as _;

pub const SCHEMA: &str = "gait.gate.policy";
/// Largest policy: 1 MiB unless a caller says otherwise.
pub const LIMIT: u64 = 1 << 20;

/// A normalised policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    #[serde(rename = "SchemaID")]
    pub schema_id: &'static str,
    pub schema_version: &'static str,
    pub default_verdict: Verdict,
    pub fail_closed: FailClosed,
    /// By priority, then name, then place in the file: the first that matches decides.
    pub rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze_windows: Vec<Freeze>,
    /// How many different paths its conditions on arguments name.
    #[serde(skip)]
    pub paths: usize,
    /// What a writer of this policy should know: line and remark.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            schema_id: SCHEMA,
            schema_version: SCHEMA_VERSION,
            default_verdict: Verdict::RequireApproval,
            fail_closed: FailClosed::default(),
            rules: Vec::new(),
            freeze_windows: Vec::new(),
            paths: 0,
            warnings: Vec::new(),
        }
    }
}

impl Policy {
    /// The digest that stands for the policy, however it is spelled.
    pub fn digest(&self) -> Result<Digest> {
        Ok(Digest::of(&canon::of(self)?))
    }
}

/// For which risk classes an incomplete intent is blocked.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FailClosed {
    pub enabled: bool,
    pub risk_classes: Vec<String>,
    pub required_fields: Vec<String>,
    /// An endpoint class guessed from the tool's name counts as unknown.
    #[serde(skip_serializing_if = "<&bool>::not")]
    pub distrust_hints: bool,
}

impl FailClosed {
    /// Whether calls of this risk class are held to it.
    pub fn covers(&self, risk_class: &str) -> bool {
        self.enabled && self.risk_classes.iter().any(|class| class == risk_class)
    }
}

/// One rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    pub name: String,
    pub priority: i64,
    pub effect: Verdict,
    #[serde(rename = "Match")]
    pub matching: Match,
    pub reason_codes: Vec<String>,
    pub violations: Vec<String>,
    #[serde(skip_serializing_if = "is_nought")]
    pub min_approvals: u64,
    #[serde(skip_serializing_if = "<&bool>::not")]
    pub require_distinct_approvers: bool,
    #[serde(skip_serializing_if = "<&bool>::not")]
    pub require_broker_credential: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub broker_reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broker_scopes: Vec<String>,
    #[serde(skip_serializing_if = "RateLimit::is_off")]
    pub rate_limit: RateLimit,
    #[serde(skip_serializing_if = "Dataflow::is_off")]
    pub dataflow: Dataflow,
    #[serde(skip_serializing_if = "Endpoint::is_off")]
    pub endpoint: Endpoint,
}

fn is_nought(number: &u64) -> bool {
    *number == 0
}

/// Which calls a rule is about: every key that is set has to hold, one value of a list is enough.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Match {
    pub tool_names: Vec<String>,
    pub risk_classes: Vec<String>,
    pub target_kinds: Vec<String>,
    pub target_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoint_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skill_publishers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skill_sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_kinds: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_values: Vec<String>,
    #[serde(rename = "DestinationOps", skip_serializing_if = "Vec::is_empty")]
    pub destination_operations: Vec<String>,
    pub provenance_sources: Vec<String>,
    pub identities: Vec<String>,
    pub workspace_prefixes: Vec<String>,
    #[serde(skip_serializing_if = "<&bool>::not")]
    pub require_delegation: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_delegator_identities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_delegate_identities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delegation_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delegation_depth: Option<u64>,
    /// The target keys have to hold together, of every target.
    #[serde(skip_serializing_if = "<&bool>::not")]
    pub every_target: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "by_path")]
    pub args: Vec<ArgRule>,
}

fn by_path<S: Serializer>(args: &[ArgRule], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(args.iter().map(|rule| (rule.path.to_string(), rule)))
}

/// How often calls that match a rule may proceed; off while `requests` is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RateLimit {
    pub requests: u64,
    pub window: String,
    pub scope: String,
}

impl RateLimit {
    pub fn is_off(&self) -> bool {
        self.requests == 0
    }
}

/// What becomes of a call that carries tainted data to a destination; off unless `enabled`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dataflow {
    pub enabled: bool,
    pub tainted_sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_kinds: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_operations: Vec<String>,
    /// A verdict where `enabled`; as written, and unchecked, where not.
    pub action: String,
    pub reason_code: String,
    pub violation: String,
}

impl Dataflow {
    pub fn is_off(&self) -> bool {
        !self.enabled
    }
}

/// Where a call may reach; off unless `enabled`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoint {
    pub enabled: bool,
    pub path_allowlist: Vec<Pattern>,
    pub path_denylist: Vec<Pattern>,
    pub domain_allowlist: Vec<Pattern>,
    pub domain_denylist: Vec<Pattern>,
    pub egress_classes: Vec<String>,
    /// A verdict where `enabled`.
    pub action: String,
    /// A verdict or empty.
    pub destructive_action: String,
    pub reason_code: String,
    pub violation: String,
}

impl Endpoint {
    pub fn is_off(&self) -> bool {
        !self.enabled
    }
}

/// A time in which calls are stopped whatever the rules say: from `start` on and until right before `end`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Freeze {
    pub name: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// `block` or `require_approval`.
    pub effect: Verdict,
    #[serde(rename = "Match")]
    pub matching: Match,
    pub reason_code: String,
    pub violation: String,
}

impl Freeze {
    /// Whether the window is open at a time.
    pub fn is_open(&self, now: &Timestamp) -> bool {
        now.since(&self.start).is_some() && now.since(&self.end).is_none()
    }
}
