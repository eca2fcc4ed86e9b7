//! Two runs compared call by call: every difference is accepted by a rule that has a name, or fails for a reason.

use crate::config::rules::Order;
use crate::kernel::json::delta::{self, Difference};
use crate::kernel::json::tree::{Json, same_number};
use crate::regress::align::{self, Pair};
use crate::regress::allowed::{self, Allowed};
use crate::regress::features::{self, Names};
use crate::regress::links::{self, Links};
use crate::regress::run::Call;
use crate::regress::tolerance::{Rules, ToolView};
use crate::runpack::calls::{CallChange, Change};
use crate::runpack::model::{INTENTS, RESULTS};
use std::collections::HashMap;

/// Where the status of a call differs.
pub const STATUS: &str = "/status";
/// Where the arguments of a call differ.
pub const ARGS: &str = "/args";
const TOOL: &str = "/tool_name";
/// Most differences of one call that are kept.
const KEPT: usize = 100;

/// A call that is not plainly the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub change: CallChange,
    /// For each difference of `change` the rule that accepts it.
    pub accepted: Vec<Option<String>>,
    /// Why it fails, the weightiest first; none: it is accepted.
    pub reasons: Vec<&'static str>,
    /// The rule that accepts that it is missing, extra or elsewhere.
    pub rule: Option<String>,
}

/// A rule about the run as a whole that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub reason: &'static str,
    /// As in `gait.yaml`, with the keys that lead to it.
    pub rule: String,
    /// The tool it is about.
    pub tool: String,
    /// Position of the offending call in the candidate, from 1.
    pub candidate_index: Option<usize>,
    /// What is wrong, in words.
    pub what: String,
}

/// What was found, calls in the order of the baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    pub calls: Vec<Judged>,
    pub violations: Vec<Violation>,
}

impl Comparison {
    /// Whether everything is accepted.
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.failing().next().is_none()
    }

    /// The calls that are not accepted.
    pub fn failing(&self) -> impl Iterator<Item = &Judged> {
        self.calls.iter().filter(|call| !call.reasons.is_empty())
    }

    /// All reasons.
    pub fn reasons(&self) -> impl Iterator<Item = &'static str> {
        let calls = self.calls.iter().flat_map(|call| call.reasons.iter().copied());
        calls.chain(self.violations.iter().map(|violation| violation.reason))
    }
}

/// Every call of both runs in a pair or alone, as `rules` have it.
pub fn pairs(baseline: &[Call], candidate: &[Call], rules: &Rules) -> Vec<Pair> {
    aligned([baseline, candidate], rules, [&links_of(baseline, rules), &links_of(candidate, rules)])
}

fn links_of(calls: &[Call], rules: &Rules) -> Links {
    if rules.bind { Links::of(calls) } else { Links::default() }
}

fn aligned([baseline, candidate]: [&[Call]; 2], rules: &Rules, [left, right]: [&Links; 2]) -> Vec<Pair> {
    let mut names = Names::default();
    let a = features::of(baseline, rules, left, &mut names);
    let mut b = features::of(candidate, rules, right, &mut names);
    // A call the recording had no answer to is no recorded one, whatever else is asked.
    for (features, _) in b.iter_mut().zip(candidate).filter(|(_, call)| call.loose) {
        features.stand_alone(&mut names);
    }
    align::align(&a, &b, rules.order == Order::Strict)
}

/// Compares the calls of two runs under `rules`; `allowed` accepts too.
pub fn compare(baseline: &[Call], candidate: &[Call], rules: &Rules, allowed: &Allowed) -> Comparison {
    let (left, right) = (links_of(baseline, rules), links_of(candidate, rules));
    let pairs = aligned([baseline, candidate], rules, [&left, &right]);
    let partners = pairs.iter().filter_map(|pair| Some((pair.baseline?, pair.candidate?))).collect();
    let judge = Judge { baseline, candidate, rules, allowed, links: left, partners };
    let mut views = HashMap::new();
    let mut calls = Vec::new();
    for pair in &pairs {
        let tool = pair.baseline.map(|at| &baseline[at]).or(pair.candidate.map(|at| &candidate[at]));
        let tool = tool.map(|call| call.tool.as_str()).unwrap_or_default();
        let view = views.entry(tool).or_insert_with(|| rules.for_tool(tool));
        calls.extend(judge.pair(pair, view));
    }
    let violations = judge.violations();
    for violation in &violations {
        let forbidden = |call: &&mut Judged| call.change.index_right == violation.candidate_index;
        if violation.reason == FORBIDDEN
            && let Some(call) = calls.iter_mut().find(forbidden)
        {
            call.reasons.insert(0, FORBIDDEN);
            call.rule = None;
        }
    }
    Comparison { calls, violations }
}

const FORBIDDEN: &str = "call_forbidden";
/// The recording had no answer to a call that fails.
const UNMATCHED: &str = "unmatched_request";
/// Nobody asked for a recorded call, which fails.
const UNCONSUMED: &str = "unconsumed_recording";

struct Judge<'r> {
    baseline: &'r [Call],
    candidate: &'r [Call],
    rules: &'r Rules,
    allowed: &'r Allowed,
    /// Of the baseline.
    links: Links,
    /// Baseline position to candidate position.
    partners: HashMap<usize, usize>,
}

impl Judge<'_> {
    fn pair(&self, pair: &Pair, view: &ToolView<'_>) -> Option<Judged> {
        match (pair.baseline, pair.candidate) {
            (Some(at), Some(now)) => self.both(at, now, pair.in_order, view),
            (Some(at), None) => Some(self.missing(at)),
            (None, Some(now)) => Some(self.extra(now)),
            (None, None) => None,
        }
    }

    fn both(&self, at: usize, now: usize, in_order: bool, view: &ToolView<'_>) -> Option<Judged> {
        let (old, new) = (&self.baseline[at], &self.candidate[now]);
        let mut found: Vec<(Difference, Option<String>)> = Vec::new();
        for difference in delta::delta(&old.args, &new.args, usize::MAX).differences {
            let rule = self.accepts(at, now, &difference, view);
            found.push((Difference { path: format!("{ARGS}{}", difference.path), ..difference }, rule));
        }
        let mut reasons = Vec::new();
        let changed = found.iter().any(|(_, rule)| rule.is_none());
        if changed {
            reasons.push("call_changed");
        }
        let mut rule = None;
        if !in_order && !changed {
            match self.rules.order {
                Order::Strict if self.allowed.file(INTENTS) => rule = Some(allowed::NAME.to_owned()),
                Order::Strict => reasons.push("call_moved"),
                order => rule = Some(format!("match.order: {}", order.word())),
            }
        }
        if let Some((difference, rule)) = self.status(at, old, new, view) {
            if rule.is_none() {
                reasons.push("status_changed");
            }
            found.push((difference, rule));
        }
        if !reasons.is_empty() {
            reasons.extend(new.loose.then_some(UNMATCHED));
            reasons.extend(old.loose.then_some(UNCONSUMED));
        }
        if found.is_empty() && in_order {
            return None;
        }
        let kind = if !in_order && !changed { Change::Moved } else { Change::Changed };
        let index = (Some(at + 1), Some(now + 1));
        Some(judged(kind, old, index, found, reasons, rule))
    }

    fn accepts(&self, at: usize, now: usize, difference: &Difference, view: &ToolView<'_>) -> Option<String> {
        let path = format!("{ARGS}{}", difference.path);
        if self.allowed.file(INTENTS) || self.allowed.place(INTENTS, at, &path) {
            return Some(allowed::NAME.to_owned());
        }
        let (left, right) = (difference.left.as_ref(), difference.right.as_ref());
        let rule = view.accepts(&difference.path, left, right).map(str::to_owned);
        rule.or_else(|| self.bound(at, now, left?, right?))
    }

    /// Whether the new value is to the new run what the old one is to the old: the same place in the result of the
    /// call that answers to the one it came from.
    fn bound(&self, at: usize, now: usize, left: &Json, right: &Json) -> Option<String> {
        let source = self.links.sources(at, left).find(|source| {
            let partner = self.partners.get(&source.call).filter(|partner| **partner < now);
            let result = partner.and_then(|partner| self.candidate[*partner].result.as_ref());
            match (result.and_then(|result| links::at(result, &source.pointer)), right) {
                (Some(Json::Number(theirs)), Json::Number(own)) => same_number(theirs, own),
                (theirs, own) => theirs == Some(own),
            }
        })?;
        let tool = &self.baseline[source.call].tool;
        Some(format!("match.bind: result of call {} {tool} at {}", source.call + 1, source.pointer))
    }

    fn status(&self, at: usize, old: &Call, new: &Call, view: &ToolView<'_>) -> Option<(Difference, Option<String>)> {
        // What the replay says in place of an answer is no status.
        if new.loose {
            return None;
        }
        let (before, after) = (old.status.as_deref(), new.status.as_deref());
        let rule = match &view.status {
            Some((wanted, name)) if *wanted == "any" || after == Some(*wanted) => Some(name.clone()),
            _ => None,
        };
        let demanded = view.status.is_some() && rule.is_none();
        if before == after && !demanded {
            return None;
        }
        let allowed = self.allowed.file(RESULTS) || self.allowed.place(RESULTS, at, STATUS);
        let rule = rule.or_else(|| (allowed && !demanded).then(|| allowed::NAME.to_owned()));
        let value = |status: Option<&str>| status.map(|status| Json::String(status.to_owned()));
        Some((Difference { path: STATUS.to_owned(), left: value(before), right: value(after) }, rule))
    }

    fn missing(&self, at: usize) -> Judged {
        let call = &self.baseline[at];
        let listed = one_sided(call).map(|(path, value)| Difference { path, left: Some(value), right: None });
        let rule = match self.rules.order {
            Order::Subset => Some("match.order: subset".to_owned()),
            _ => self.allowed.file(INTENTS).then(|| allowed::NAME.to_owned()),
        };
        let mut reasons = if rule.is_none() { vec!["call_missing"] } else { Vec::new() };
        reasons.extend((rule.is_none() && call.loose).then_some(UNCONSUMED));
        let found = listed.map(|difference| (difference, None)).collect();
        judged(Change::Missing, call, (Some(at + 1), None), found, reasons, rule)
    }

    fn extra(&self, now: usize) -> Judged {
        let call = &self.candidate[now];
        let listed = one_sided(call).map(|(path, value)| Difference { path, left: None, right: Some(value) });
        let rule = self.rules.accepts_extra(&call.tool);
        let rule = rule.or_else(|| self.allowed.file(INTENTS).then(|| allowed::NAME.to_owned()));
        let mut reasons = if rule.is_none() { vec!["call_extra"] } else { Vec::new() };
        reasons.extend((rule.is_none() && call.loose).then_some(UNMATCHED));
        let found = listed.map(|difference| (difference, None)).collect();
        judged(Change::Extra, call, (None, Some(now + 1)), found, reasons, rule)
    }

    /// `never`, `before` and `count`, which hold for the candidate whatever the baseline did.
    fn violations(&self) -> Vec<Violation> {
        let mut out = Vec::new();
        for (at, call) in self.candidate.iter().enumerate() {
            let mut add = |reason, rule, what| {
                let (tool, candidate_index) = (call.tool.clone(), Some(at + 1));
                out.push(Violation { reason, rule, tool, candidate_index, what });
            };
            if let Some(tools) = self.rules.never.iter().find(|tools| tools.hold(&call.tool)) {
                add(FORBIDDEN, format!("match.never: [{}]", tools.glob), "this tool may not be called".to_owned());
            }
            for (first, second) in &self.rules.before {
                let prepared = || self.candidate[..at].iter().any(|earlier| first.hold(&earlier.tool));
                if second.hold(&call.tool) && !prepared() {
                    let rule = format!("match.before: [{}, {}]", first.glob, second.glob);
                    add("order_violated", rule, format!("no call of {} comes before it", first.glob));
                }
            }
        }
        for (tools, count, rule) in self.rules.counts() {
            let found = self.candidate.iter().filter(|call| tools.hold(&call.tool)).count() as u64;
            let fits = count.eq.is_none_or(|n| found == n)
                && count.min.is_none_or(|n| found >= n)
                && count.max.is_none_or(|n| found <= n);
            if !fits {
                let what = format!("called {found} times");
                let tool = tools.glob.clone();
                out.push(Violation { reason: "count_violated", rule, tool, candidate_index: None, what });
            }
        }
        out
    }
}

/// What there is to list of a call that only one run has.
fn one_sided(call: &Call) -> impl Iterator<Item = (String, Json)> + '_ {
    let has_args = !matches!(&call.args, Json::Object(members) if members.is_empty());
    let args = has_args.then(|| (ARGS.to_owned(), call.args.clone()));
    let status = call.status.clone().map(|status| (STATUS.to_owned(), Json::String(status)));
    args.into_iter().chain(status).chain([(TOOL.to_owned(), Json::String(call.tool.clone()))])
}

fn judged(
    kind: Change,
    call: &Call,
    index: (Option<usize>, Option<usize>),
    mut found: Vec<(Difference, Option<String>)>,
    reasons: Vec<&'static str>,
    rule: Option<String>,
) -> Judged {
    let differences_total = found.len();
    // However many places differ, those that fail are kept, and the status, which decides by itself.
    found.sort_by_key(|(_, rule)| rule.is_some());
    if found.len() > KEPT {
        let status = found.iter().position(|(difference, _)| difference.path == STATUS).map(|at| found.remove(at));
        found.truncate(KEPT - usize::from(status.is_some()));
        found.extend(status);
    }
    let (differences, accepted) = found.into_iter().unzip();
    let change = CallChange {
        kind,
        intent_id: call.id.clone(),
        index_left: index.0,
        index_right: index.1,
        tool_name: call.tool.clone(),
        differences,
        differences_total,
    };
    Judged { change, accepted, reasons, rule }
}
