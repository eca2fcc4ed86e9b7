//! Differing calls as they are written into `details.calls`, with the reason each one counts.

use crate::kernel::json::tree::Json;
use crate::runpack::calls::{CallChange, Change};
use serde_json::{Value, json};

/// Most calls written into a result.
pub const WRITTEN: usize = 50;

/// The reason code of one differing call.
pub fn reason(call: &CallChange) -> &'static str {
    match call.kind {
        Change::Missing => "call_missing",
        Change::Extra => "call_extra",
        Change::Moved => "call_moved",
        Change::Changed if call.differences.iter().all(|difference| difference.path == "/status") => "status_changed",
        Change::Changed => "call_changed",
    }
}

/// `details.calls`: kind, tool, positions from 1, reason, and the differing places with both values.
pub fn details(calls: &[CallChange]) -> Value {
    let call = |call: &CallChange| {
        let differences: Vec<Value> = call
            .differences
            .iter()
            .map(|difference| {
                let mut written = json!({ "path": difference.path });
                for (key, value) in [("baseline", &difference.left), ("candidate", &difference.right)] {
                    if let Some(value) = value {
                        written[key] = exact(value);
                    }
                }
                written
            })
            .collect();
        let mut written = json!({
            "kind": call.kind, "tool": call.tool_name, "reason": reason(call), "differences": differences,
        });
        for (key, index) in [("baseline_index", call.index_left), ("candidate_index", call.index_right)] {
            if let Some(index) = index {
                written[key] = index.into();
            }
        }
        written
    };
    calls.iter().take(WRITTEN).map(call).collect()
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
