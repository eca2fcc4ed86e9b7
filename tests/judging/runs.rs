//! Runs and rules written down in a line each.

use gait::config::document::Document;
use gait::config::suite::Suite;
use gait::kernel::error::Result;
use gait::kernel::json::tree;
use gait::regress::allowed::Allowed;
use gait::regress::compare::{self, Comparison};
use gait::regress::run::Call;
use gait::regress::tolerance::Rules;
use serde_json::Value;

/// A call; the id is its tool's.
pub fn call(tool: &str, args: &str) -> Call {
    answered(tool, args, "ok", "{}")
}

pub fn answered(tool: &str, args: &str, status: &str, result: &str) -> Call {
    Call {
        id: tool.to_owned(),
        tool: tool.to_owned(),
        args: tree::parse(args.as_bytes()).unwrap(),
        status: Some(status.to_owned()),
        result: Some(tree::parse(result.as_bytes()).unwrap()),
        loose: false,
    }
}

pub fn json(tool: &str, args: &Value, status: &str, result: &Value) -> Call {
    answered(tool, &args.to_string(), status, &result.to_string())
}

/// A `gait.yaml` with this `match` block, its lines indented as needed.
pub fn suite(block: &str) -> Result<Suite> {
    let block: String = block.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!("fixtures:\n  - name: a\n    runpack: a.zip\n    match:\n{block}");
    Suite::of(Document::parse("gait.yaml", text).unwrap())
}

/// Rules as `gait.yaml` has them.
pub fn rules(block: &str) -> Rules {
    let suite = suite(block).unwrap_or_else(|error| panic!("{block}: {error}"));
    assert!(suite.warnings.is_empty(), "{:?}", suite.warnings);
    Rules::of(suite.fixtures[0].settings.rules.as_ref().unwrap())
}

pub fn compared(block: &str, baseline: &[Call], candidate: &[Call]) -> Comparison {
    let rules = if block.is_empty() { Rules::plain() } else { rules(block) };
    compare::compare(baseline, candidate, &rules, &Allowed::default())
}

/// The reason codes, sorted, each once, joined by commas.
pub fn codes(comparison: &Comparison) -> String {
    let mut codes: Vec<&str> = comparison.reasons().collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(",")
}

/// All rules that accepted something.
pub fn accepted(comparison: &Comparison) -> Vec<String> {
    let calls = comparison.calls.iter();
    calls.flat_map(|call| call.accepted.iter().flatten().chain(&call.rule).cloned()).collect()
}
