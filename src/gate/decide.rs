//! The conductor: evaluate, then each guard in order, then the records.

use crate::gate::credential::{Broker, Issued};
use crate::gate::evaluate::{self, Outcome};
use crate::gate::guard;
use crate::gate::intent::Intent;
use crate::gate::kill::KillSwitch;
use crate::gate::limit::Counted;
use crate::gate::model::{ApprovalEntry, DelegationEntry, Verdict};
use crate::gate::policy::Policy;
use crate::gate::record::{self, Written};
use crate::gate::signing::{Signing, Verifying};
use crate::kernel::clock::{Clock, Stopwatch, Timestamp};
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
    /// What it holds, or why it cannot be read.
    pub kill_switch: Result<KillSwitch>,
    /// The time that freeze windows are held against, if not now.
    pub evaluation_time: Option<Timestamp>,
    pub outputs: record::Outputs,
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
    /// Ids of the valid tokens, joined.
    pub reference: String,
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

/// Looks at a request and the decision so far, and may tighten it; only approvals loosen, and only what they are for.
pub type Guard = fn(&Request<'_>, &mut Decision<'_>) -> Result<()>;

const GUARDS: [Guard; 6] =
    [guard::kill_switch, guard::rate_limit, guard::delegation, guard::approval, guard::credential, guard::simulation];

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

    /// Decides and writes the records. A decision is recorded before a token that could not be read is an error.
    pub fn decide(&self) -> Result<(Decision<'r>, Written)> {
        let settings = self.settings;
        if settings.profile == Profile::OssProd {
            self.suits_production()?;
        }
        let watch = Stopwatch::start();
        let at = settings.evaluation_time.unwrap_or_else(|| settings.clock.now());
        let outcome = evaluate::evaluate(self.policy, self.intent, &at);
        let latency_ms = watch.elapsed().as_secs_f64() * 1000.0;
        let (key, warning) = settings.signing.key()?;
        let mut decision = Decision {
            outcome,
            simulated: None,
            counted: None,
            approvals: Approvals { reference: settings.approval_ref.clone(), ..Approvals::default() },
            delegations: Delegations::default(),
            credential: None,
            credential_scope: Vec::new(),
            credential_reference: String::new(),
            warnings: warning.into_iter().map(str::to_owned).collect(),
            trouble: None,
            key,
            latency_ms,
        };
        for guard in GUARDS {
            guard(self, &mut decision)?;
        }
        let written = record::write(self, &decision)?;
        match decision.trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok((decision, written)),
        }
    }

    /// What profile oss-prod demands of settings and policy.
    fn suits_production(&self) -> Result<()> {
        let settings = self.settings;
        if settings.simulate {
            return Err(Error::invalid("profile oss-prod does not simulate"));
        }
        if settings.evaluation_time.is_some() {
            return Err(Error::invalid("profile oss-prod decides by the clock: leave --evaluation-time out"));
        }
        if !settings.signing.is_prod() || !settings.signing.names_a_key() {
            return Err(Error::invalid("profile oss-prod needs --key-mode prod and a private key"));
        }
        if self.policy.default_verdict == Verdict::Allow {
            return Err(Error::invalid("profile oss-prod takes no policy whose default verdict is allow"));
        }
        let risky = |class: &String| matches!(class.as_str(), "high" | "critical");
        let covers = |classes: &[String]| classes.is_empty() || classes.iter().any(risky);
        let risky_rules = self
            .policy
            .rules
            .iter()
            .filter(|rule| rule.effect != Verdict::Block && covers(&rule.matching.risk_classes));
        for rule in risky_rules {
            if !rule.require_broker_credential {
                let what = format!(
                    "profile oss-prod: rule {:?} covers high or critical risk without require_broker_credential",
                    rule.name
                );
                return Err(
                    Error::invalid(what).hint("set it, or give the rule risk_classes without high and critical")
                );
            }
            if settings.broker == Broker::Off {
                let what =
                    format!("profile oss-prod: rule {:?} needs a credential broker, and none is configured", rule.name);
                return Err(Error::invalid(what).hint("add --credential-broker"));
            }
        }
        Ok(())
    }
}
