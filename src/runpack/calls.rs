//! What changed in which call: the first differing calls of two packs, place by place.

use crate::kernel::error::Result;
use crate::kernel::json::delta::{self, Difference};
use crate::kernel::json::tree::{self, Json};
use crate::runpack::compare::{self, Lanes, Pair, Privacy, Seen};
use crate::runpack::lane::{Lane, Record};
use crate::runpack::read::Pack;
use serde::Serialize;
use std::collections::HashMap;

/// How many differing calls are explained.
pub const EXPLAINED: usize = 50;
/// How many differences are listed per call.
const LISTED: usize = 100;

/// How a call differs, the left pack being the measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Both packs have it.
    Changed,
    /// Only the left pack has the intent.
    Missing,
    /// Only the right pack has the intent.
    Extra,
    /// Both packs have it, at another place among the calls.
    Moved,
}

/// A call that differs. Paths of differences: `/tool_name`, `/args/..`, `/status`, `/result/..`, and the digests
/// `/args_digest` and `/result_digest` where the content they stand for is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallChange {
    pub kind: Change,
    pub intent_id: String,
    /// Position of the intent in the left pack, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_left: Option<usize>,
    /// Position of the intent in the right pack, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_right: Option<usize>,
    /// Empty when neither pack has an intent for the result.
    pub tool_name: String,
    pub differences: Vec<Difference>,
    /// All differences, also those beyond the first hundred.
    pub differences_total: usize,
}

/// A differing call before its records are read: on each side, its intent and its result.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub intent_id: Box<str>,
    pub left: [Option<Seen>; 2],
    pub right: [Option<Seen>; 2],
}

/// Both lanes, in the order of [`Wanted`].
pub const LANES: [Lane; 2] = [Lane::Intents, Lane::Results];

/// The first `limit` of the differing calls, in the order of the left pack, then of the right one.
pub fn first(pairs: &[Pair<'_>], limit: usize) -> Vec<Wanted> {
    let at = |seen: Option<Seen>| seen.map_or(u32::MAX, |seen| seen.at);
    let key = |pair: &Pair<'_>| [pair.left[0], pair.right[0], pair.left[1], pair.right[1]].map(at);
    let mut keyed: Vec<([u32; 4], usize)> = pairs.iter().enumerate().map(|(place, pair)| (key(pair), place)).collect();
    if keyed.len() > limit {
        keyed.select_nth_unstable(limit);
        keyed.truncate(limit);
    }
    keyed.sort_unstable();
    let pairs = keyed.iter().map(|&(_, place)| &pairs[place]);
    pairs.map(|p| Wanted { intent_id: p.intent_id.into(), left: p.left, right: p.right }).collect()
}

/// The records that were read again, by lane and position.
pub type Found = [HashMap<u32, Record<'static>>; 2];

/// A call as one side has it: its intent and its result, and where the intent stands, from 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Side<'r> {
    pub records: [Option<&'r Record<'static>>; 2],
    pub at: Option<usize>,
}

impl<'r> Side<'r> {
    /// The call whose intent and result stand at these places (from 0) of a pack.
    pub fn of(pack: &'r Pack, places: [Option<usize>; 2]) -> Self {
        let record = |lane: usize| places[lane].map(|at| &pack.lane(LANES[lane])[at]);
        Self { records: [record(0), record(1)], at: places[0] }
    }
}

/// Explains one differing call from the records that were read again.
pub fn explain(wanted: &Wanted, left: &Found, right: &Found) -> Result<CallChange> {
    fn side(found: &Found, seen: [Option<Seen>; 2]) -> Side<'_> {
        let record = |lane: usize| seen[lane].and_then(|seen| found[lane].get(&seen.at));
        Side { records: [record(0), record(1)], at: seen[0].map(|seen| seen.at as usize) }
    }
    between(&wanted.intent_id, side(left, wanted.left), side(right, wanted.right))
}

/// How a call differs between the sides, place by place.
pub fn between(intent_id: &str, left: Side<'_>, right: Side<'_>) -> Result<CallChange> {
    let (a, b) = (left.records, right.records);
    let has = |records: &[Option<&Record<'static>>; 2]| (records[0].is_some(), records.iter().any(Option::is_some));
    // What counts is the intent; only where neither side has one, the result.
    let kind = match (has(&a), has(&b)) {
        ((true, _), (false, _)) | ((false, true), (false, false)) => Change::Missing,
        ((false, _), (true, _)) | ((false, false), (false, true)) => Change::Extra,
        _ => Change::Changed,
    };
    let tool = a[0].or(b[0]);
    let mut found = delta::delta(&whole(&a)?, &whole(&b)?, LISTED);
    for (body, digest) in [("/args", "/args_digest"), ("/result", "/result_digest")] {
        let inside = |path: &str| path.strip_prefix(body).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if found.differences.iter().any(|difference| inside(&difference.path)) {
            let before = found.differences.len();
            found.differences.retain(|difference| difference.path != digest);
            found.total -= before - found.differences.len();
        }
    }
    Ok(CallChange {
        kind,
        intent_id: intent_id.to_owned(),
        index_left: left.at.map(|at| at + 1),
        index_right: right.at.map(|at| at + 1),
        tool_name: tool.map(|record| record.label.to_string()).unwrap_or_default(),
        differences: found.differences,
        differences_total: found.total,
    })
}

/// Intent and result as one value; the names of their fields do not meet.
fn whole(records: &[Option<&Record<'static>>; 2]) -> Result<Json> {
    let mut members = Vec::new();
    let names = [["args", "args_digest", "tool_name"], ["result", "result_digest", "status"]];
    for (record, [body, digest, label]) in records.iter().zip(names) {
        let Some(record) = record else { continue };
        if let Some(bytes) = record.content() {
            members.push((body.to_owned(), tree::parse(bytes)?));
        }
        members.push((digest.to_owned(), Json::String(record.digest.to_string())));
        members.push((label.to_owned(), Json::String(record.label.to_string())));
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Json::Object(members))
}

/// The first `limit` differing calls of two packs in memory, and how many there are.
pub fn changed_calls(left: &Pack, right: &Pack, limit: usize) -> Result<(Vec<CallChange>, usize)> {
    let lanes = |pack| Lanes::of(pack, Privacy::Full);
    let (a, b) = (lanes(left)?, lanes(right)?);
    let pairs = compare::differing(&a, &b);
    let places = |seen: [Option<Seen>; 2]| seen.map(|seen| seen.map(|seen| seen.at as usize));
    let explain = |w: &Wanted| between(&w.intent_id, Side::of(left, places(w.left)), Side::of(right, places(w.right)));
    let calls = first(&pairs, limit).iter().map(explain).collect::<Result<_>>()?;
    Ok((calls, pairs.len()))
}
