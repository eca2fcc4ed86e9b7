//! The conductor: evaluate, then each guard in order, then the records.

use crate::gate::credential::Broker;
use crate::gate::evaluate;
use crate::gate::guard;
use crate::gate::model::Verdict;
use crate::gate::record::{self, Written};
use crate::gate::remark;
use crate::gate::request::{Approvals, Decision, Delegations, Profile, Request};
use crate::kernel::clock::Stopwatch;
use crate::kernel::error::{Error, Result};

/// Looks at a request and the decision so far, and may tighten it; only approvals loosen, and only what they are for.
pub type Guard = fn(&Request<'_>, &mut Decision<'_>) -> Result<()>;

const GUARDS: [Guard; 7] = [
    guard::kill_switch,
    guard::rate_limit,
    guard::delegation,
    guard::approval,
    guard::credential,
    guard::spend,
    guard::simulation,
];

/// Decides and writes the records. A decision is recorded before a token that could not be read is an error.
pub fn decide<'r>(request: &Request<'r>) -> Result<(Decision<'r>, Written)> {
    let settings = request.settings;
    if settings.profile == Profile::OssProd {
        suits_production(request)?;
    }
    record::check(&settings.outputs)?;
    let watch = Stopwatch::start();
    let at = settings.evaluation_time.unwrap_or_else(|| settings.clock.now());
    let outcome = evaluate::evaluate(request.policy, request.intent, &at);
    let latency_ms = watch.elapsed().as_secs_f64() * 1000.0;
    let (key, warning) = settings.signing.key()?;
    let mut warnings: Vec<String> = warning.into_iter().map(str::to_owned).collect();
    warnings.extend_from_slice(&request.intent.warnings);
    warnings.extend(outcome.rule.and_then(remark::unasked));
    let mut decision = Decision {
        outcome,
        simulated: None,
        counted: None,
        approvals: Approvals { reference: settings.approval_ref.clone(), ..Approvals::default() },
        delegations: Delegations::default(),
        credential: None,
        credential_scope: Vec::new(),
        credential_reference: String::new(),
        warnings,
        trouble: None,
        key,
        latency_ms,
    };
    for guard in GUARDS {
        guard(request, &mut decision)?;
    }
    let written = record::write(request, &decision)?;
    match decision.trouble.take() {
        Some(trouble) => Err(trouble),
        None => Ok((decision, written)),
    }
}

/// What profile oss-prod demands of settings and policy.
fn suits_production(request: &Request<'_>) -> Result<()> {
    let settings = request.settings;
    if settings.simulate {
        return Err(Error::invalid("profile oss-prod does not simulate"));
    }
    if settings.evaluation_time.is_some() {
        return Err(Error::invalid("profile oss-prod decides by the clock: leave --evaluation-time out"));
    }
    if !settings.signing.is_prod() || !settings.signing.names_a_key() {
        return Err(Error::invalid("profile oss-prod needs --key-mode prod and a private key"));
    }
    if request.policy.default_verdict == Verdict::Allow {
        return Err(Error::invalid("profile oss-prod takes no policy whose default verdict is allow"));
    }
    let risky = |class: &String| matches!(class.as_str(), "high" | "critical");
    let covers = |classes: &[String]| classes.is_empty() || classes.iter().any(risky);
    let risky_rules =
        request.policy.rules.iter().filter(|rule| rule.effect != Verdict::Block && covers(&rule.matching.risk_classes));
    for rule in risky_rules {
        if !rule.require_broker_credential {
            let what = format!(
                "profile oss-prod: rule {:?} covers high or critical risk without require_broker_credential",
                rule.name
            );
            return Err(Error::invalid(what).hint("set it, or give the rule risk_classes without high and critical"));
        }
        if matches!(settings.broker, Broker::Off) {
            let what =
                format!("profile oss-prod: rule {:?} needs a credential broker, and none is configured", rule.name);
            return Err(Error::invalid(what).hint("add --credential-broker"));
        }
    }
    Ok(())
}
