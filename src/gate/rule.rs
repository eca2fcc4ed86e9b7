//! Whether a rule is about a call, and if not, which of its conditions says so first.

use crate::gate::args::{ArgRule, Condition, Lookup};
use crate::gate::intent::Intent;
use crate::gate::model::Verdict;
use crate::gate::policy::{Match, Policy};
use crate::gate::target::Target;
use crate::gate::text;
use crate::kernel::fs;

/// A call while rules are tried on it.
pub struct Call<'i> {
    intent: &'i Intent,
    args: Lookup<'i>,
}

impl<'i> Call<'i> {
    /// A call held to this policy.
    pub fn new(intent: &'i Intent, policy: &Policy) -> Self {
        Self { intent, args: Lookup::of(&intent.args, policy.paths) }
    }
}

/// The first condition of a match that does not hold.
#[derive(Debug, Clone, Copy)]
pub enum Failing<'m> {
    /// The key of a list, or of a number, that nothing in the call fits.
    Key(&'static str),
    /// A condition on argument values.
    Arg(&'m ArgRule, &'m Condition),
}

/// Whether calls under this effect may proceed without anybody being asked: then a condition has to hold surely.
pub fn is_lenient(effect: Verdict) -> bool {
    effect <= Verdict::DryRun
}

/// The first condition that a call does not fulfil; `None` when the rule is about it.
pub fn failing<'m>(matching: &'m Match, effect: Verdict, call: &Call<'_>) -> Option<Failing<'m>> {
    let intent = call.intent;
    let has = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
    let every = matching.every_target;
    let target = |list: &[String], of: fn(&Target) -> &str| {
        let fits = |target: &Target| list.iter().any(|item| item == of(target));
        list.is_empty() || if every { intent.targets.iter().all(fits) } else { intent.targets.iter().any(fits) }
    };
    let skill = |list: &[String], of: fn(&crate::gate::trace::SkillProvenance) -> String| {
        list.is_empty() || intent.skill_provenance.as_ref().is_some_and(|skill| has(list, &of(skill)))
    };
    let strict = is_lenient(effect);
    let m = matching;
    let key = if !has(&m.tool_names, &intent.tool_name) {
        "tool_names"
    } else if !has(&m.risk_classes, &intent.context.risk_class) {
        "risk_classes"
    } else if !has(&m.identities, &intent.context.identity) {
        "identities"
    } else if !m.workspace_prefixes.is_empty()
        && !in_workspace(&m.workspace_prefixes, &intent.context.workspace, strict)
    {
        "workspace_prefixes"
    } else if every && intent.targets.is_empty() {
        "every_target"
    } else if !target(&m.target_kinds, |t| &t.kind) {
        "target_kinds"
    } else if !target(&m.target_values, |t| &t.value) {
        "target_values"
    } else if !target(&m.endpoint_classes, |t| &t.endpoint_class) {
        "endpoint_classes"
    } else if !target(&m.data_classes, |t| &t.sensitivity) {
        "data_classes"
    } else if !target(&m.destination_kinds, |t| &t.kind) {
        "destination_kinds"
    } else if !target(&m.destination_values, |t| &t.value) {
        "destination_values"
    } else if !target(&m.destination_operations, |t| &t.operation) {
        "destination_operations"
    } else if !skill(&m.skill_publishers, |skill| text::lower(&skill.publisher)) {
        "skill_publishers"
    } else if !skill(&m.skill_sources, |skill| skill.source.clone()) {
        "skill_sources"
    } else if !m.provenance_sources.is_empty()
        && !intent.arg_provenance.iter().any(|item| m.provenance_sources.contains(&item.source))
    {
        "provenance_sources"
    } else if let Some(key) = delegation(m, intent) {
        key
    } else {
        let failing =
            |rule: &'m ArgRule| rule.failing(&call.args, strict).map(|condition| Failing::Arg(rule, condition));
        return m.args.iter().find_map(failing);
    };
    Some(Failing::Key(key))
}

/// Whether a workspace begins with one of the prefixes. One that climbs is taken as where it ends up; a rule that stops
/// calls also takes it as it is spelled.
fn in_workspace(prefixes: &[String], workspace: &str, strict: bool) -> bool {
    let begins = |workspace: &str| prefixes.iter().any(|prefix| workspace.starts_with(prefix.as_str()));
    if !workspace.split('/').any(|segment| segment == "..") {
        return begins(workspace);
    }
    begins(&format!("{}/", fs::clean(workspace))) || !strict && begins(workspace)
}

fn delegation(m: &Match, intent: &Intent) -> Option<&'static str> {
    let set = m.require_delegation
        || m.max_delegation_depth.is_some()
        || [&m.allowed_delegator_identities, &m.allowed_delegate_identities, &m.delegation_scopes]
            .iter()
            .any(|list| !list.is_empty());
    if !set {
        return None;
    }
    let Some(delegation) = &intent.delegation else { return Some("require_delegation") };
    let chain = &delegation.chain;
    let fits = |list: &[String], value: &str| list.iter().any(|item| item == value);
    let delegators = &m.allowed_delegator_identities;
    if !delegators.is_empty() && !chain.iter().any(|link| fits(delegators, &link.delegator_identity)) {
        return Some("allowed_delegator_identities");
    }
    let delegates = &m.allowed_delegate_identities;
    let named = || {
        fits(delegates, &delegation.requester_identity)
            || chain.iter().any(|link| fits(delegates, &link.delegate_identity))
    };
    if !delegates.is_empty() && !named() {
        return Some("allowed_delegate_identities");
    }
    let scopes = &m.delegation_scopes;
    let scoped = || fits(scopes, &delegation.scope_class) || chain.iter().any(|link| fits(scopes, &link.scope_class));
    if !scopes.is_empty() && !scoped() {
        return Some("delegation_scopes");
    }
    let deep = m.max_delegation_depth.is_some_and(|most| chain.len() as u64 > most);
    deep.then_some("max_delegation_depth")
}
