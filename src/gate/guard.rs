//! The guards of a decision, each on its own: kill switch, rate limit, delegation, approval, credential, spending of
//! approvals, simulation.

use crate::gate::approval::{self, Approval};
use crate::gate::credential::{Broker, Request as Asked};
use crate::gate::delegation::{self, Delegated, Expected};
use crate::gate::intent::Link;
use crate::gate::kill;
use crate::gate::limit;
use crate::gate::model::{ApprovalEntry, DelegationEntry, Verdict};
use crate::gate::request::{Decision, Profile, Request};
use crate::gate::spent::{self, Spent};
use crate::gate::text;
use crate::gate::token::{Grant, Token};
use crate::kernel::clock::Timestamp;
use crate::kernel::error::{Error, Result};
use crate::sign::key::PublicKey;
use std::collections::BTreeSet;

/// Blocks what the kill switch names.
pub fn kill_switch(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let now = request.settings.clock.now();
    let told = kill::engage(&mut decision.outcome, &request.settings.kill_switch, request.intent, &now);
    decision.warnings.extend(told);
    Ok(())
}

/// Counts a call of a limited rule; simulation only looks.
pub fn rate_limit(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let settings = request.settings;
    let limit = decision.outcome.rule.map(|rule| &rule.rate_limit).filter(|limit| !limit.is_off());
    let Some(limit) = limit else { return Ok(()) };
    let counted = limit::take(&settings.rate_limit_state, limit, request.intent, settings.clock, !settings.simulate)?;
    if !counted.allowed {
        decision.outcome.tighten(Verdict::Block, "rate_limit_exceeded", "rate_limit_exceeded");
    }
    decision.counted = Some(counted);
    Ok(())
}

/// Tokens that could be read, each id once; the first that could not is the decision's trouble.
fn opened<G: Grant>(paths: &[String], trouble: &mut Option<Error>) -> (Vec<Token<G>>, bool) {
    let mut tokens: Vec<Token<G>> = Vec::new();
    let mut twice = false;
    for path in paths {
        match Token::open(path) {
            Ok(token)
                if !token.token_id.is_empty()
                    && tokens.iter().any(|other: &Token<G>| other.token_id == token.token_id) =>
            {
                twice = true;
            }
            Ok(token) => tokens.push(token),
            Err(error) => {
                trouble.get_or_insert(error);
            }
        }
    }
    (tokens, twice)
}

/// Whether a token is under way that names no key of its own but the key of the flags.
fn demand_keys(request: &Request<'_>, keys: &[PublicKey], what: &str) -> Result<()> {
    if request.settings.profile == Profile::OssProd && keys.is_empty() {
        return Err(Error::invalid(format!("profile oss-prod needs an explicit key to check {what} with"))
            .hint(format!("add --{what}-public-key or --{what}-public-key-env")));
    }
    Ok(())
}

/// Blocks a call whose rule demands a delegation that no token proves.
pub fn delegation(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let Some(rule) = decision.outcome.rule.filter(|rule| rule.matching.require_delegation) else { return Ok(()) };
    let Some(claimed) = &request.intent.delegation else { return Ok(()) };
    let settings = request.settings;
    let strict = settings.profile == Profile::OssProd;
    decision.delegations.required = true;
    let mut keys = settings.delegations.verifying.keys()?;
    if keys.is_empty() {
        keys = settings.approvals.verifying.keys()?;
    }
    demand_keys(request, &keys, "delegation")?;
    if keys.is_empty() {
        keys.push(decision.key.public());
    }
    let outcome = &mut decision.outcome;
    if settings.delegations.paths.is_empty() {
        outcome.tighten(Verdict::Block, "delegation_token_missing", "delegation_not_granted");
        return Ok(());
    }
    let now = settings.clock.now();
    let (tokens, twice) = opened::<Delegated>(&settings.delegations.paths, &mut decision.trouble);
    if twice {
        text::insert(&mut outcome.reason_codes, "delegation_token_duplicate");
    }
    let mut any_scope = vec![format!("tool:{}", request.intent.tool_name)];
    any_scope.extend(rule.matching.delegation_scopes.iter().cloned());
    let expected = |link: Option<&Link>, delegate: &str| Expected {
        delegator: link.map(|link| link.delegator_identity.clone()).unwrap_or_default(),
        delegate: delegate.to_owned(),
        intent_digest: request.intent_digest.clone(),
        policy_digest: request.policy_digest.clone(),
        any_scope: any_scope.clone(),
        scope: Vec::new(),
        bound: strict,
    };
    // Under oss-prod every link has to be proven, else the last one.
    let chain = &claimed.chain;
    let wanted: Vec<Expected> = if strict && !chain.is_empty() {
        chain.iter().map(|link| expected(Some(link), &link.delegate_identity)).collect()
    } else {
        vec![expected(chain.last(), &claimed.requester_identity)]
    };
    let (proven, ids, entries) = prove(&tokens, &wanted, &keys, &now, &mut outcome.reason_codes)?;
    decision.delegations.entries = entries;
    decision.delegations.entries.sort_by(|a, b| {
        let key = |e: &DelegationEntry| (e.delegator_identity.clone(), e.delegate_identity.clone(), e.token_id.clone());
        key(a).cmp(&key(b))
    });
    decision.delegations.valid = ids.len() as u64;
    let broken = broken_chain(claimed, strict, &now);
    if let Some(code) = broken {
        text::insert(&mut outcome.reason_codes, code);
    }
    if !proven || broken.is_some() || decision.trouble.is_some() {
        outcome.tighten(Verdict::Block, "delegation_chain_insufficient", "delegation_not_granted");
        return Ok(());
    }
    text::insert(&mut outcome.reason_codes, "delegation_granted");
    decision.delegations.reference = ids.into_iter().collect::<Vec<_>>().join(",");
    Ok(())
}

/// Holds tokens against what is wanted: whether all of it is proven, the ids of the valid tokens, and what became of each.
/// A token proves one link only.
fn prove(
    tokens: &[Token<Delegated>],
    wanted: &[Expected],
    keys: &[PublicKey],
    now: &Timestamp,
    reason_codes: &mut Vec<String>,
) -> Result<(bool, BTreeSet<String>, Vec<DelegationEntry>)> {
    let mut proven = vec![false; wanted.len()];
    let (mut ids, mut entries) = (BTreeSet::new(), Vec::new());
    for token in tokens {
        let checks = wanted.iter().map(|want| delegation::check(token, want, keys, now)).collect::<Result<Vec<_>>>()?;
        let fitting: Vec<usize> = (0..checks.len()).filter(|at| checks[*at].is_ok()).collect();
        if let Some(at) = fitting.iter().find(|at| !proven[**at]) {
            proven[*at] = true;
        }
        // What is wrong with a token is what keeps it from the link it names.
        let named = |want: &Expected| {
            let grant = &token.grant;
            want.delegator == grant.delegator_identity.trim() && want.delegate == grant.delegate_identity.trim()
        };
        let about = wanted.iter().position(named).unwrap_or_default();
        let fault = match fitting.is_empty() {
            true => checks.into_iter().nth(about).and_then(Result::err),
            false => None,
        };
        match fault {
            Some(code) => text::insert(reason_codes, code),
            None => drop(ids.insert(token.token_id.trim().to_owned())),
        }
        entries.push(delegation_entry(token, fault));
    }
    Ok((proven.into_iter().all(|proven| proven), ids, entries))
}

/// Why the claimed chain itself does not hold, if it does not.
fn broken_chain(claimed: &crate::gate::intent::Delegation, strict: bool, now: &Timestamp) -> Option<&'static str> {
    let ended = |time: &Timestamp| !time.is_zero() && now.since(time).is_some();
    if ended(&claimed.expires_at) || claimed.chain.iter().any(|link| ended(&link.expires_at)) {
        return Some("delegation_link_expired");
    }
    let connected = claimed.chain.windows(2).all(|pair| pair[0].delegate_identity == pair[1].delegator_identity);
    let arrives = claimed.chain.last().is_none_or(|link| link.delegate_identity == claimed.requester_identity);
    (strict && !(connected && arrives)).then_some("delegation_chain_broken")
}

fn delegation_entry(token: &Token<Delegated>, error_code: Option<&'static str>) -> DelegationEntry {
    let grant = &token.grant;
    DelegationEntry {
        token_id: token.token_id.clone(),
        delegator_identity: grant.delegator_identity.trim().to_owned(),
        delegate_identity: grant.delegate_identity.trim().to_owned(),
        scope: text::sorted(&grant.scope),
        expires_at: token.expires_at.utc(),
        valid: error_code.is_none(),
        error_code,
    }
}

/// Lets a call proceed that needs approvals and has them.
pub fn approval(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let required = decision.outcome.min_approvals;
    decision.approvals.required = required;
    if decision.outcome.verdict != Verdict::RequireApproval {
        return Ok(());
    }
    let settings = request.settings;
    let mut keys = settings.approvals.verifying.keys()?;
    demand_keys(request, &keys, "approval")?;
    if keys.is_empty() {
        keys.push(decision.key.public());
    }
    if settings.approvals.paths.is_empty() {
        decision.outcome.tighten(Verdict::RequireApproval, "approval_token_missing", "approval_not_granted");
        return Ok(());
    }
    let wanted = approval::Wanted {
        tool_name: &request.intent.tool_name,
        intent_digest: &request.intent_digest,
        policy_digest: &request.policy_digest,
        delegation_digest: request.delegation_digest.as_deref(),
    };
    let now = settings.clock.now();
    let spent = settings.spent_approvals.as_deref().map(spent::digests).transpose();
    let spent = spent.unwrap_or_else(|error| {
        decision.trouble.get_or_insert(error);
        None
    });
    let (tokens, twice) = opened::<Approval>(&settings.approvals.paths, &mut decision.trouble);
    if twice {
        text::insert(&mut decision.outcome.reason_codes, "approval_token_duplicate");
    }
    let valid = validate(&tokens, &wanted, &keys, spent.as_ref(), &now)?;
    for code in valid.entries.iter().filter_map(|entry| entry.error_code) {
        text::insert(&mut decision.outcome.reason_codes, code);
    }
    let Valid { ids, approvers, signers, .. } = valid;
    let people: BTreeSet<String> = approvers.iter().map(|name| text::lower(name)).collect();
    let distinct = decision.outcome.rule.is_some_and(|rule| rule.require_distinct_approvers) && required > 1;
    let strict = settings.profile == Profile::OssProd;
    let found = &mut decision.approvals;
    found.valid = ids.len() as u64;
    found.approvers = approvers.into_iter().collect();
    (found.entries, found.tokens) = (valid.entries, valid.tokens);
    let lacks = [
        (found.valid < required || decision.trouble.is_some(), "approval_chain_insufficient"),
        (distinct && (people.len() as u64) < required, "approval_distinct_approvers_required"),
        (distinct && strict && (signers.len() as u64) < required, "approval_distinct_keys_required"),
    ];
    let mut granted = true;
    for (_, code) in lacks.into_iter().filter(|(lacks, _)| *lacks) {
        (granted, decision.approvals.withheld) = (false, true);
        decision.outcome.tighten(Verdict::RequireApproval, code, "approval_not_granted");
    }
    if granted {
        decision.outcome.verdict = Verdict::Allow;
        text::insert(&mut decision.outcome.reason_codes, "approval_granted");
        decision.approvals.reference = ids.into_iter().collect::<Vec<_>>().join(",");
    }
    Ok(())
}

/// What approvals that were shown come to.
#[derive(Default)]
struct Valid {
    ids: BTreeSet<String>,
    approvers: BTreeSet<String>,
    /// Ids of the keys.
    signers: BTreeSet<String>,
    tokens: Vec<Spent>,
    /// Of the others too.
    entries: Vec<ApprovalEntry>,
}

/// Holds approvals against the call, each that is spent aside.
fn validate(
    tokens: &[Token<Approval>],
    wanted: &approval::Wanted<'_>,
    keys: &[PublicKey],
    spent: Option<&BTreeSet<String>>,
    now: &Timestamp,
) -> Result<Valid> {
    let mut valid = Valid::default();
    for token in tokens {
        let mut checked = approval::check(token, wanted, keys, now)?;
        if checked.is_ok() && spent.is_some_and(|spent| spent.contains(token.signed_digest())) {
            checked = Err("approval_token_spent");
        }
        valid.entries.push(approval_entry(token, checked.as_ref().err().copied()));
        if let Ok(signer) = checked {
            let token_id = token.token_id.trim().to_owned();
            valid.ids.insert(token_id.clone());
            valid.approvers.insert(token.grant.approver_identity.trim().to_owned());
            valid.signers.insert(signer);
            let (signed_digest, expires_at) = (token.signed_digest().to_owned(), token.expires_at.utc());
            valid.tokens.push(Spent { token_id, signed_digest, expires_at });
        }
    }
    valid.entries.sort_by_cached_key(|e| {
        let scope = e.scope.join(",");
        (e.token_id.clone(), e.approver_identity.clone(), e.reason_code.clone(), e.expires_at.to_string(), scope)
    });
    Ok(valid)
}

fn approval_entry(token: &Token<Approval>, error_code: Option<&'static str>) -> ApprovalEntry {
    let grant = &token.grant;
    ApprovalEntry {
        token_id: token.token_id.clone(),
        approver_identity: grant.approver_identity.trim().to_owned(),
        reason_code: grant.reason_code.trim().to_owned(),
        scope: text::sorted(&grant.scope),
        expires_at: token.expires_at.utc(),
        valid: error_code.is_none(),
        error_code,
    }
}

/// Blocks an allowed call whose rule demands a credential that no broker issues. Simulation asks no broker.
pub fn credential(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let Some(rule) = decision.outcome.rule.filter(|rule| rule.require_broker_credential) else { return Ok(()) };
    if decision.outcome.verdict != Verdict::Allow {
        return Ok(());
    }
    let settings = request.settings;
    let outcome = &mut decision.outcome;
    if matches!(settings.broker, Broker::Off) {
        outcome.tighten(Verdict::Block, "broker_credential_required", "broker_credential_missing");
        return Ok(());
    }
    if settings.simulate {
        text::insert(&mut outcome.reason_codes, "broker_credential_not_requested");
        return Ok(());
    }
    let given = settings.credential_ref.trim();
    let reference = if given.is_empty() { rule.broker_reference.clone() } else { given.to_owned() };
    let scope = text::sorted(rule.broker_scopes.iter().chain(&settings.credential_scopes));
    match settings.broker.issue(&Asked::of(request.intent, &reference, &scope)) {
        Ok(issued) => {
            text::insert(&mut outcome.reason_codes, "broker_credential_present");
            decision.credential = Some(issued);
            (decision.credential_reference, decision.credential_scope) = (reference, scope);
            if matches!(settings.broker, Broker::Env { hash_key: None, .. }) {
                decision.warnings.push(
                    "credential_ref shows a part of an unsalted hash of the secret: use secrets that cannot be guessed, or \
                     --credential-hash-key-env"
                        .to_owned(),
                );
            }
        }
        Err(error) => {
            outcome.tighten(Verdict::Block, "broker_credential_missing", "broker_credential_missing");
            decision.warnings.push(error.to_string());
        }
    }
    Ok(())
}

/// Spends the approvals that let the call proceed; where another call was faster with them, they do not.
pub fn spend(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    let settings = request.settings;
    let Some(path) = settings.spent_approvals.as_deref().filter(|_| !settings.simulate) else { return Ok(()) };
    let approvals = &mut decision.approvals;
    if decision.outcome.verdict != Verdict::Allow || approvals.tokens.is_empty() {
        return Ok(());
    }
    let code = match spent::spend(path, &approvals.tokens, &settings.clock.now()) {
        Ok(true) => return Ok(()),
        Ok(false) => {
            approvals.approvers.clear();
            approvals.valid = 0;
            for entry in approvals.entries.iter_mut().filter(|entry| entry.valid) {
                (entry.valid, entry.error_code) = (false, Some("approval_token_spent"));
            }
            "approval_token_spent"
        }
        // They are as good as before, and nobody could see to it that they count once.
        Err(error) => {
            decision.trouble.get_or_insert(error);
            "approval_chain_insufficient"
        }
    };
    approvals.reference.clear();
    approvals.withheld = true;
    decision.outcome.reason_codes.retain(|code| code != "approval_granted");
    decision.outcome.tighten(Verdict::RequireApproval, code, "approval_not_granted");
    Ok(())
}

/// Sets a decision aside: nothing is enforced, and what would have been is told.
pub fn simulation(request: &Request<'_>, decision: &mut Decision<'_>) -> Result<()> {
    if !request.settings.simulate {
        return Ok(());
    }
    let outcome = &mut decision.outcome;
    let (verdict, reasons) = (outcome.verdict, outcome.reason_codes.clone());
    text::insert(&mut outcome.reason_codes, "simulate_mode_non_enforcing");
    if verdict >= Verdict::RequireApproval {
        text::insert(&mut outcome.reason_codes, format!("simulated_{verdict}"));
        outcome.verdict = Verdict::Allow;
        outcome.violations.clear();
    }
    decision.simulated = Some((verdict, reasons));
    Ok(())
}
