//! A run as what its agent did: calls in order, each with its arguments and what came of it.

use crate::kernel::error::Result;
use crate::kernel::json::tree::{self, Json};
use crate::mcp::candidate::UNMATCHED;
use crate::runpack::read::Pack;
use std::collections::{HashMap, HashSet};

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub id: String,
    pub tool: String,
    /// An object; empty where none is recorded.
    pub args: Json,
    /// None: the call has no result.
    pub status: Option<String>,
    pub result: Option<Json>,
    /// In a candidate: the recording had no answer. In its baseline: nobody asked for it.
    pub loose: bool,
}

/// The calls of `pack`, in the order they were made. Of several results with one id the last counts.
pub fn of(pack: &Pack) -> Result<Vec<Call>> {
    let results: HashMap<&str, _> = pack.results.iter().map(|record| (record.intent_id.as_ref(), record)).collect();
    let body = |body: &[u8]| tree::parse(body);
    let mut calls = Vec::with_capacity(pack.intents.len());
    for intent in &pack.intents {
        let result = results.get(intent.intent_id.as_ref());
        calls.push(Call {
            id: intent.intent_id.to_string(),
            tool: intent.label.to_string(),
            args: intent.content().map(body).transpose()?.unwrap_or(Json::Object(Vec::new())),
            status: result.map(|record| record.label.to_string()),
            result: result.and_then(|record| record.content()).map(body).transpose()?,
            loose: false,
        });
    }
    Ok(calls)
}

/// Marks what did not find its counterpart when the agent of `candidate` ran against `baseline`.
pub fn mark_loose(baseline: &mut [Call], candidate: &mut [Call]) {
    let recorded: HashSet<&str> = baseline.iter().map(|call| call.id.as_str()).collect();
    for call in &mut *candidate {
        call.loose = call.id.starts_with(UNMATCHED) && !recorded.contains(call.id.as_str());
    }
    let asked: HashSet<&str> = candidate.iter().map(|call| call.id.as_str()).collect();
    for call in baseline {
        call.loose = !asked.contains(call.id.as_str());
    }
}
