//! Pairing is the best there is: against all ways there are on small runs, and in time on large ones.

use crate::runs::{call, json, rules};
use gait::kernel::clock::Stopwatch;
use gait::regress::align;
use gait::regress::assign::assign;
use gait::regress::features::{self, Names};
use gait::regress::links::Links;
use gait::regress::run::Call;
use gait::regress::tolerance::Rules;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

/// The least sum of giving each row a column of its own.
fn least(costs: &[Vec<i64>], row: usize, taken: &mut Vec<bool>, free: usize) -> i64 {
    let Some(line) = costs.get(row) else { return 0 };
    let mut best = i64::MAX;
    if free > 0 {
        best = least(costs, row + 1, taken, free - 1);
    }
    for column in 0..line.len() {
        if !taken[column] {
            taken[column] = true;
            best = best.min(line[column] + least(costs, row + 1, taken, free));
            taken[column] = false;
        }
    }
    best
}

fn costs() -> impl Strategy<Value = Vec<Vec<i64>>> {
    (1..6_usize, 1..6_usize)
        .prop_flat_map(|(rows, columns)| prop::collection::vec(prop::collection::vec(0..20_i64, columns), rows))
}

type Small = Vec<(u8, u8)>;

fn small() -> impl Strategy<Value = Small> {
    prop::collection::vec((0..2_u8, 0..6_u8), 0..6)
}

fn run(calls: &Small) -> Vec<Call> {
    calls.iter().map(|(tool, n)| call(&tool.to_string(), &format!(r#"{{"n":{n}}}"#))).collect()
}

/// How many pairs of equal calls there can be at most, in order or not; equal is not transitive here.
fn most(left: &[(u8, u8)], right: &[(u8, u8)], ordered: bool) -> usize {
    let Some((first, rest)) = left.split_first() else { return 0 };
    let mut best = most(rest, right, ordered);
    for (at, other) in right.iter().enumerate() {
        if first.0 == other.0 && first.1.abs_diff(other.1) <= 1 {
            let left_over = if ordered { right[at + 1..].to_vec() } else { [&right[..at], &right[at + 1..]].concat() };
            best = best.max(1 + most(rest, &left_over, ordered));
        }
    }
    best
}

fn aligned(left: &[Call], right: &[Call], rules: &Rules, ordered: bool) -> Vec<align::Pair> {
    let (links, mut names) = (Links::default(), Names::default());
    let left = features::of(left, rules, &links, &mut names);
    let right = features::of(right, rules, &links, &mut names);
    align::align(&left, &right, ordered)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_assignment_costs_the_least(costs in costs()) {
        let (rows, columns) = (costs.len(), costs[0].len());
        let found = assign(rows, columns, |row, column| costs[row][column]);
        let mut used: Vec<usize> = found.iter().flatten().copied().collect();
        let sum: i64 = found.iter().enumerate().filter_map(|(row, column)| Some(costs[row][(*column)?])).sum();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), rows.min(columns));
        prop_assert_eq!(sum, least(&costs, 0, &mut vec![false; columns], rows.saturating_sub(columns)));
    }

    #[test]
    fn as_many_equal_pairs_as_there_can_be(left in small(), right in small()) {
        let rules = rules(r#"tools: { "*": { args: { "$.n": { within: 1 } } } }"#);
        for ordered in [true, false] {
            let pairs = aligned(&run(&left), &run(&right), &rules, ordered);
            let equal = pairs.iter().filter(|pair| match (pair.baseline, pair.candidate) {
                (Some(a), Some(b)) => left[a].0 == right[b].0 && left[a].1.abs_diff(right[b].1) <= 1 && (pair.in_order || !ordered),
                _ => false,
            });
            prop_assert!(equal.count() >= most(&left, &right, ordered), "{:?} {:?}", ordered, pairs);
        }
    }
}

#[test]
fn parallel_calls_go_to_their_nearest() {
    // Taken one after the other, the first would get what only the second is like.
    let left = [call("t", r#"{"a":1,"b":1,"c":1}"#), call("t", r#"{"a":1,"b":1,"c":2}"#)];
    let right = [call("t", r#"{"a":1,"b":9,"c":2}"#), call("t", r#"{"a":1,"b":9,"c":1}"#)];
    for ordered in [true, false] {
        let pairs = aligned(&left, &right, &Rules::plain(), ordered);
        assert_eq!(pairs.iter().map(|pair| pair.candidate).collect::<Vec<_>>(), [Some(1), Some(0)]);
    }
}

/// How long pairing five hundred calls with five hundred may take in a release build.
const IN_TIME: Duration = Duration::from_millis(50);

/// Five hundred calls of one tool, `seed` deciding what is in them.
fn large(seed: u64, same: bool) -> Vec<Call> {
    let mut state = seed;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..500)
        .map(|at| {
            let id = if same { at } else { next(1 << 30) };
            let args = json!({ "id": id, "kind": next(3), "amount": next(1000) as f64 / 10.0, "to": { "name": next(50), "city": next(9) },
                "tags": [next(5), next(5)], "note": format!("note {}", next(100)) });
            json("t", &args, "ok", &json!({}))
        })
        .collect()
}

/// Five hundred calls that differ in one text only.
fn texts(seed: usize) -> Vec<Call> {
    let text = |at| format!("what is the refund policy number {} for shoes of size {}", at * seed % 499, at % 40);
    (0..500).map(|at| json("t", &json!({ "note": text(at) }), "ok", &json!({}))).collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "the numbers are what it is for")]
fn five_hundred_by_five_hundred_in_time() {
    let reversed: Vec<Call> = large(1, true).into_iter().rev().collect();
    let mut edited = large(1, true);
    edited.swap(10, 400);
    edited.remove(200);
    edited[300] = call("t", r#"{"id":-1}"#);
    let plain = Rules::plain();
    let ruled = rules(
        r#"{ ignore: ["$..city"], tools: { t: { args: { "$.amount": { within: 5 }, "$.note": { similar: 0.9 } } } } }"#,
    );
    for (what, baseline, candidate) in [
        ("edited", large(1, true), edited),
        ("reversed", large(1, true), reversed),
        ("strangers", large(1, true), large(2, false)),
        ("half alike", large(1, true), large(2, true)),
        ("texts", texts(7), texts(11)),
    ] {
        for (kind, rules) in [("plain", &plain), ("ruled", &ruled)] {
            for ordered in [true, false] {
                let once = || {
                    let watch = Stopwatch::start();
                    let pairs = aligned(&baseline, &candidate, rules, ordered);
                    assert_eq!(pairs.iter().filter(|pair| pair.baseline.is_some()).count(), 500);
                    watch.elapsed()
                };
                // Others use the machine too: what it takes is what it takes at best.
                let tries = if cfg!(debug_assertions) { 1 } else { 20 };
                let mut elapsed = Duration::MAX;
                for _ in 0..tries {
                    elapsed = elapsed.min(once());
                    if elapsed < IN_TIME {
                        break;
                    }
                }
                assert!(cfg!(debug_assertions) || elapsed < IN_TIME, "{what} {kind} {ordered}: {elapsed:?}");
                eprintln!("500 x 500, {what}, {kind}, ordered {ordered}: {elapsed:?}");
            }
        }
    }
}
