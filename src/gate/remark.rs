//! What a policy's writer should know: a rule that contradicts itself is refused, doubtful ones are remarked on.

use crate::config::document::Document;
use crate::config::place::Place;
use crate::gate::model::Verdict;
use crate::gate::policy::Rule;
use crate::kernel::error::Result;
use crate::kernel::json::canon;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Remarks about rules in the order they are tried, one line each.
///
/// Errors: an entry that one rule both allows and denies.
pub fn about(document: &Document, rules: &[(Rule, Place)]) -> Result<Vec<String>> {
    let mut remarks = Vec::new();
    let mut say = |place: &Place, what: String| remarks.push(format!("{}:{}: {what}", document.path, place.line));
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut counters: HashMap<(&str, &str), &str> = HashMap::new();
    let mut matches: HashMap<_, &Rule> = HashMap::new();
    for (at, (rule, place)) in rules.iter().enumerate() {
        let name = &rule.name;
        if names.insert(name, at).is_some() {
            say(place, format!("the name {name:?} is used by two rules"));
        }
        let limit = &rule.rate_limit;
        if !limit.is_off()
            && let Some(other) = counters.insert((&limit.window, &limit.scope), name)
        {
            say(place, format!("rules {other:?} and {name:?} share one counter: same window, same scope"));
        }
        for what in unasked(rule).into_iter().chain(unproved(rule)) {
            say(place, what);
        }
        for prefix in
            rule.matching.workspace_prefixes.iter().filter(|prefix| prefix.contains('/') && !prefix.ends_with('/'))
        {
            say(place, format!("workspace prefix {prefix:?} of rule {name:?} also fits {prefix}-other: end it with /"));
        }
        let endpoint = &rule.endpoint;
        for (allowed, denied, key) in [
            (&endpoint.path_allowlist, &endpoint.path_denylist, "path"),
            (&endpoint.domain_allowlist, &endpoint.domain_denylist, "domain"),
        ] {
            if let Some(both) = allowed.iter().find(|pattern| denied.binary_search(pattern).is_ok()) {
                let what = format!("rule {name:?} contradicts itself: {key} {:?} is allowed and denied", both.text());
                return Err(document.error(*place, what));
            }
        }
        match matches.entry(canon::of(&rule.matching)?) {
            Entry::Vacant(free) => _ = free.insert(rule),
            Entry::Occupied(earlier) => say(place, hidden(earlier.get(), rule)),
        }
    }
    Ok(remarks)
}

/// What is said of a rule that names approvals and asks for none.
pub fn unasked(rule: &Rule) -> Option<String> {
    let unasked = rule.min_approvals > 0 && rule.effect <= Verdict::DryRun;
    unasked.then(|| format!("rule {:?} lets calls proceed without the approvals of its min_approvals", rule.name))
}

/// What is said of a rule that lets calls proceed by what they claim of a delegation themselves.
fn unproved(rule: &Rule) -> Option<String> {
    let m = &rule.matching;
    let claims = [&m.allowed_delegator_identities, &m.allowed_delegate_identities, &m.delegation_scopes];
    let claimed = m.max_delegation_depth.is_some() || claims.iter().any(|list| !list.is_empty());
    let unproved = claimed && !m.require_delegation && rule.effect <= Verdict::DryRun;
    unproved.then(|| {
        format!(
            "rule {:?} takes a call's own word for its delegation: no token is asked for without require_delegation",
            rule.name
        )
    })
}

/// What is said of a rule behind one that takes all its calls.
fn hidden(earlier: &Rule, rule: &Rule) -> String {
    let (name, other) = (&rule.name, &earlier.name);
    let contradict = earlier.priority == rule.priority && earlier.effect != rule.effect && other != name;
    let why = if contradict {
        format!(" with the effect {} at the same priority, its name alone goes first", earlier.effect)
    } else {
        String::new()
    };
    format!("rule {name:?} never decides: {other:?} matches the same calls before it{why}")
}
