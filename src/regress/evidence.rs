//! Differing calls as they are written into `details.calls` and told to people.

use crate::config::rules::{Norm, Tolerance};
use crate::kernel::json::delta::Difference;
use crate::kernel::json::path;
use crate::kernel::json::tree::Json;
use crate::regress::compare::{ARGS, Comparison, Judged, STATUS, Violation};
use crate::regress::likeness;
use crate::regress::tolerance::written;
use crate::runpack::calls::{CallChange, Change};
use crate::runpack::story::{self, visible};
use serde_json::{Value, json};

/// Most calls written into a result.
pub const WRITTEN: usize = 50;

/// The reason code of one differing call of two runs that are compared by file.
fn reason(call: &CallChange) -> &'static str {
    match call.kind {
        Change::Missing => "call_missing",
        Change::Extra => "call_extra",
        Change::Moved => "call_moved",
        Change::Changed if call.differences.iter().all(|difference| difference.path == STATUS) => "status_changed",
        Change::Changed => "call_changed",
    }
}

/// `details.calls`: kind, tool, positions from 1, reason, and the differing places with both values.
pub fn details(calls: &[CallChange]) -> Value {
    let call = |call: &CallChange| detail(call, &[], Some(reason(call)), None);
    calls.iter().take(WRITTEN).map(call).collect()
}

/// `details.calls` of judged calls, those that fail first; what is accepted names its rule.
pub fn judged(comparison: &Comparison) -> Value {
    let accepted = comparison.calls.iter().filter(|call| call.reasons.is_empty());
    let call =
        |call: &Judged| detail(&call.change, &call.accepted, call.reasons.first().copied(), call.rule.as_deref());
    comparison.failing().chain(accepted).take(WRITTEN).map(call).collect()
}

/// `details.violations`.
pub fn violations(violations: &[Violation]) -> Value {
    let one = |violation: &Violation| {
        let Violation { reason, rule, tool, candidate_index, what } = violation;
        let mut written = json!({ "reason": reason, "rule": rule, "tool": tool, "what": what });
        if let Some(index) = candidate_index {
            written["candidate_index"] = (*index).into();
        }
        written
    };
    violations.iter().take(WRITTEN).map(one).collect()
}

fn detail(call: &CallChange, accepted: &[Option<String>], reason: Option<&str>, rule: Option<&str>) -> Value {
    let difference = |(at, difference): (usize, &Difference)| {
        let mut written = json!({ "path": difference.path });
        for (key, value) in [("baseline", &difference.left), ("candidate", &difference.right)] {
            if let Some(value) = value {
                written[key] = exact(value);
            }
        }
        if let Some(Some(rule)) = accepted.get(at) {
            written["accepted_by"] = rule.as_str().into();
        }
        written
    };
    let differences: Vec<Value> = call.differences.iter().enumerate().map(difference).collect();
    let mut written = json!({ "kind": call.kind, "tool": call.tool_name, "differences": differences });
    for (key, text) in [("reason", reason), ("accepted_by", rule)] {
        if let Some(text) = text {
            written[key] = text.into();
        }
    }
    for (key, index) in [("baseline_index", call.index_left), ("candidate_index", call.index_right)] {
        if let Some(index) = index {
            written[key] = index.into();
        }
    }
    written
}

/// A value for the result file; an integer that a double cannot keep is written as text.
fn exact(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => (*truth).into(),
        Json::String(text) => text.as_str().into(),
        Json::Number(text) => match serde_json::from_str::<Value>(text) {
            Ok(number) if text.contains(['.', 'e', 'E']) || number.to_string().as_str() == &**text => number,
            _ => text.to_string().into(),
        },
        Json::Array(items) => items.iter().map(exact).collect(),
        Json::Object(members) => members.iter().map(|(key, value)| (key.clone(), exact(value))).collect(),
    }
}

/// The evidence: the first divergence with both values and the rule that would accept it, then the other rules that do
/// not hold, then every call that fails, without what is accepted.
pub fn tell(comparison: &Comparison) -> String {
    let mut out = first(comparison);
    for violation in &comparison.violations {
        let line = format!("{}\n", violated(violation));
        if !out.ends_with(&format!(": {line}")) {
            out.push_str(&line);
        }
    }
    let mut calls = Vec::new();
    for judged in comparison.failing().take(WRITTEN) {
        let mut call = judged.change.clone();
        let mut rules = judged.accepted.iter();
        call.differences.retain(|_| rules.next().is_none_or(Option::is_none));
        call.differences_total -= judged.accepted.iter().filter(|rule| rule.is_some()).count();
        calls.push(call);
    }
    out.push_str(&story::tell(&calls, comparison.failing().count()));
    out
}

/// The recorded values that today's agent does not produce again, each with the rule that would accept it.
pub fn irreproducible(comparison: &Comparison) -> String {
    let mut out = "the baseline is not reproduced by today's agent\n".to_owned();
    for judged in comparison.failing().filter(|judged| judged.change.kind == Change::Changed) {
        let open = judged.change.differences.iter().zip(&judged.accepted).filter(|(_, rule)| rule.is_none());
        for (difference, _) in open.filter(|(difference, _)| difference.path != STATUS) {
            let (what, rule) = value(&judged.change, difference);
            out.push_str(&format!("recorded value: {what}\n  a rule that would accept it: match: {{{rule}}}\n"));
        }
    }
    out
}

fn violated(violation: &Violation) -> String {
    let place = violation.candidate_index.map_or_else(String::new, |at| format!("call {at} "));
    format!("{place}{}: {}, against {}", visible(&violation.tool), violation.what, violation.rule)
}

/// The earliest divergence, a rule of the run before a mere difference at the same place.
fn first(comparison: &Comparison) -> String {
    let place = |call: &CallChange| call.index_right.or(call.index_left);
    let call = comparison.failing().min_by_key(|judged| place(&judged.change));
    let broken = comparison.violations.iter().min_by_key(|violation| violation.candidate_index.unwrap_or(usize::MAX));
    let at = |call: Option<&Judged>| call.and_then(|judged| place(&judged.change)).unwrap_or(usize::MAX);
    match (call, broken) {
        (call, Some(broken)) if broken.candidate_index.unwrap_or(usize::MAX) <= at(call) => {
            format!("first divergence: {}\n", violated(broken))
        }
        (Some(judged), _) => {
            let (what, rule) = divergence(judged);
            format!("first divergence: {what}\na rule that would accept it: match: {{{rule}}}\n")
        }
        (None, _) => String::new(),
    }
}

/// What differs first in a failing call, and the rule that would accept it.
fn divergence(judged: &Judged) -> (String, String) {
    let call = &judged.change;
    let tool = key(&call.tool_name);
    let (at, now) = (call.index_left.unwrap_or_default(), call.index_right.unwrap_or_default());
    let name = format!("call {} {}", if call.index_left.is_some() { at } else { now }, visible(&call.tool_name));
    match call.kind {
        Change::Missing => return (format!("{name} {}is missing", args(call)), "order: subset".to_owned()),
        Change::Extra => return (format!("{name} {}was not recorded", args(call)), format!("extra: [{tool}]")),
        Change::Moved if judged.reasons.contains(&"call_moved") => {
            return (format!("{name} comes as call {now}"), "order: unordered".to_owned());
        }
        Change::Moved | Change::Changed => {}
    }
    let open = call.differences.iter().zip(&judged.accepted).find(|(_, rule)| rule.is_none());
    open.map_or_else(|| (name, "order: unordered".to_owned()), |(difference, _)| value(call, difference))
}

/// One differing value of a call, and the rule that would accept it.
fn value(call: &CallChange, difference: &Difference) -> (String, String) {
    let tool = key(&call.tool_name);
    let name = format!("call {} {}", call.index_left.unwrap_or_default(), visible(&call.tool_name));
    let text =
        |value: &Option<Json>| value.as_ref().map_or("nothing".to_owned(), |value| story::shortened(&value.text()));
    let (before, after) = (text(&difference.left), text(&difference.right));
    if difference.path == STATUS {
        return (format!("{name}, status: {before} became {after}"), format!("tools: {{{tool}: {{status: any}}}}"));
    }
    let place = path::of_pointer(difference.path.strip_prefix(ARGS).unwrap_or_default());
    let place = path::spelled(&place);
    let rule = written_for(difference.left.as_ref(), difference.right.as_ref());
    let rule = format!("tools: {{{tool}: {{args: {{{}: {rule}}}}}}}", key(&place));
    (format!("{name}, {}: {before} became {after}", visible(&place)), rule)
}

/// The arguments of a call only one run has, with a blank behind them.
fn args(call: &CallChange) -> String {
    let args = call.differences.iter().find(|difference| difference.path == ARGS);
    let args = args.and_then(|args| args.left.as_ref().or(args.right.as_ref()));
    args.map_or_else(String::new, |args| format!("{} ", story::shortened(&args.text())))
}

/// The narrowest rule that accepts this difference.
fn written_for(left: Option<&Json>, right: Option<&Json>) -> String {
    let ignore = written(Tolerance::Ignore);
    let (Some(left), Some(right)) = (left, right) else { return ignore };
    if let (Json::Number(a), Json::Number(b)) = (left, right) {
        return likeness::gap(a, b).map_or(ignore, |gap| format!("{{within: {gap}}}"));
    }
    let norms = [Norm::Whitespace, Norm::Path, Norm::Json, Norm::Time, Norm::Uuid].map(Tolerance::Norm);
    if let Some(norm) = norms.into_iter().find(|norm| likeness::alike(*norm, left, right)) {
        return written(norm);
    }
    match (left, right) {
        (Json::String(a), Json::String(b)) => match (likeness::ratio(a, b) * 100.0).floor() / 100.0 {
            ratio if ratio >= 0.5 => written(Tolerance::Similar(ratio)),
            _ => ignore,
        },
        _ => ignore,
    }
}

/// A key or a glob as YAML reads it inside `{}` and `[]`.
fn key(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}
