//! Calls of two runs paired one to one, when their ids say nothing about each other.

use crate::kernel::error::Result;
use crate::kernel::json::delta::Difference;
use crate::kernel::json::tree::Json;
use crate::runpack::calls::{self, CallChange, Change, Side};
use crate::runpack::lane::Record;
use crate::runpack::read::Pack;
use similar::{Algorithm, DiffOp};
use std::collections::HashMap;

/// One call of either side, or one of both; positions from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub kind: Kind,
    pub baseline: Option<usize>,
    pub candidate: Option<usize>,
}

/// How two calls were paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Same tool, same arguments, same order.
    Same,
    /// Same tool, other arguments.
    Changed,
    /// Same tool and arguments, elsewhere.
    Moved,
    /// Only the baseline has it.
    Missing,
    /// Only the candidate has it.
    Extra,
}

/// What makes a call: its tool and its canonical arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call<'a> {
    pub tool: &'a str,
    pub args: &'a [u8],
}

/// Pairs every call exactly once: equal ones in order first, then equal ones out of order, then calls of the same tool
/// in order. Sorted by baseline position, what only the candidate has behind its predecessor.
pub fn align(baseline: &[Call<'_>], candidate: &[Call<'_>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for op in similar::capture_diff_slices(Algorithm::Myers, baseline, candidate) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => pairs.extend((0..len).map(|at| Pair {
                kind: Kind::Same,
                baseline: Some(old_index + at),
                candidate: Some(new_index + at),
            })),
            other => {
                left.extend(other.old_range());
                right.extend(other.new_range());
            }
        }
    }
    let moved = match_up(&mut left, &mut right, |at| &baseline[at], |at| &candidate[at]);
    pairs.extend(moved.into_iter().map(|(a, b)| Pair { kind: Kind::Moved, baseline: Some(a), candidate: Some(b) }));
    let changed = match_up(&mut left, &mut right, |at| baseline[at].tool, |at| candidate[at].tool);
    pairs.extend(changed.into_iter().map(|(a, b)| Pair { kind: Kind::Changed, baseline: Some(a), candidate: Some(b) }));
    pairs.extend(left.into_iter().map(|at| Pair { kind: Kind::Missing, baseline: Some(at), candidate: None }));
    pairs.extend(right.into_iter().map(|at| Pair { kind: Kind::Extra, baseline: None, candidate: Some(at) }));
    pairs.sort_by_key(|pair| (pair.baseline.or(pair.candidate), pair.baseline.is_none()));
    pairs
}

/// Takes out of both lists, in order, the positions whose keys are equal.
fn match_up<K: std::hash::Hash + Eq>(
    left: &mut Vec<usize>,
    right: &mut Vec<usize>,
    left_key: impl Fn(usize) -> K,
    right_key: impl Fn(usize) -> K,
) -> Vec<(usize, usize)> {
    let mut waiting: HashMap<K, std::collections::VecDeque<usize>> = HashMap::new();
    for &at in right.iter() {
        waiting.entry(right_key(at)).or_default().push_back(at);
    }
    let mut pairs = Vec::new();
    left.retain(|&at| match waiting.get_mut(&left_key(at)).and_then(std::collections::VecDeque::pop_front) {
        Some(other) => {
            pairs.push((at, other));
            false
        }
        None => true,
    });
    let mut used: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
    used.sort_unstable();
    right.retain(|at| used.binary_search(at).is_err());
    pairs
}

/// Where the status of a call differs.
pub const STATUS: &str = "/status";
const TOOL: &str = "/tool_name";
/// A digest only follows what it stands for.
const DIGEST: &str = "/args_digest";

/// The calls of two packs that differ once they are aligned, explained. Results come from the recording and are not
/// compared, their status is.
pub fn changed_calls(baseline: &Pack, candidate: &Pack) -> Result<Vec<CallChange>> {
    let (left, right) = (statuses(baseline), statuses(candidate));
    let mut changes = Vec::new();
    for pair in align(&of(baseline), &of(candidate)) {
        let side = |pack, at: Option<usize>| Side::of(pack, [at, None]);
        let (a, b) = (side(baseline, pair.baseline), side(candidate, pair.candidate));
        let status = |side: &Side<'_>, statuses: &HashMap<&str, &str>| {
            let record = side.records[0]?;
            statuses.get(record.intent_id.as_ref()).map(|status| Json::String((*status).to_owned()))
        };
        let (before, after) = (status(&a, &left), status(&b, &right));
        if pair.kind == Kind::Same && before == after {
            continue;
        }
        let id = a.records[0].or(b.records[0]).map(|record| record.intent_id.to_string()).unwrap_or_default();
        let mut change = calls::between(&id, a, b)?;
        if pair.kind == Kind::Moved {
            change.kind = Change::Moved;
        }
        let listed = change.differences.len();
        change.differences.retain(|difference| difference.path != DIGEST);
        change.differences_total -= listed - change.differences.len();
        if before != after {
            // However many places differ, this one is listed: it decides by itself.
            let place = change.differences.iter().position(|difference| difference.path == TOOL);
            let difference = Difference { path: STATUS.to_owned(), left: before, right: after };
            change.differences.insert(place.unwrap_or(change.differences.len()), difference);
            change.differences_total += 1;
        }
        changes.push(change);
    }
    Ok(changes)
}

fn of(pack: &Pack) -> Vec<Call<'_>> {
    fn call<'p>(record: &'p Record<'static>) -> Call<'p> {
        Call { tool: &record.label, args: record.content().unwrap_or_default() }
    }
    pack.intents.iter().map(call).collect()
}

/// The status of each call that has a result; the last one counts.
fn statuses(pack: &Pack) -> HashMap<&str, &str> {
    pack.results.iter().map(|record| (record.intent_id.as_ref(), record.label.as_ref())).collect()
}
