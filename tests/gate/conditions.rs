//! Conditions on arguments where they are hard: values of another type, no value, several values, odd numbers.

use crate::kit::{call, policy, refused, verdict};
use serde_json::{Value, json};

/// What rules under `condition` on `$.a` do to a call with these arguments: let it proceed, stop it.
fn tried(condition: &str, args: &Value) -> (bool, bool) {
    let call = call("t", args.clone(), json!([]));
    let says = |effect: &str, other: &str| {
        let rule = format!("{{name: r, effect: {effect}, match: {{args: {{{condition}}}}}}}");
        let policy = policy(&format!("default_verdict: {other}\nrules: [{rule}]"));
        verdict(&policy, &call) == effect
    };
    (says("allow", "block"), says("block", "allow"))
}

#[track_caller]
fn is(condition: &str, args: Value, proceeds: bool, stopped: bool) {
    assert_eq!(tried(condition, &args), (proceeds, stopped), "{condition} of {args}");
}

/// Conditions, a value that fulfils each, and one that does not.
const EACH: [(&str, &str, &str); 12] = [
    ("eq: 5", "5", "6"),
    ("ne: 5", "6", "5"),
    ("gt: 5", "6", "5"),
    ("gte: 5", "5", "4"),
    ("lt: 5", "4", "5"),
    ("lte: 5", "5", "6"),
    ("in: [a, 5]", "\"a\"", "\"b\""),
    ("not_in: [a, 5]", "\"b\"", "\"a\""),
    ("glob: 'a*'", "\"ab\"", "\"ba\""),
    ("regex: 'a+'", "\"aa\"", "\"aab\""),
    ("under: /srv/x", "\"/srv/x/y\"", "\"/srv/xy\""),
    ("not_under: /srv/x", "\"/srv/xy\"", "\"/srv/x/y\""),
];

#[test]
fn a_plain_value_fulfils_a_condition_or_not_whatever_the_rule_is_for() {
    for (condition, good, bad) in EACH {
        let args = |value: &str| json!({ "a": serde_json::from_str::<Value>(value).unwrap() });
        let condition = format!("$.a: {{{condition}}}");
        is(&condition, args(good), true, true);
        is(&condition, args(bad), false, false);
    }
    is("$.a: {exists: true}", json!({"a": null}), true, true);
    is("$.a: {exists: false}", json!({"a": null}), false, false);
}

#[test]
fn a_value_of_another_type_lets_nothing_proceed_and_stops_what_it_may() {
    for (condition, ..) in EACH {
        let name = condition.split(':').next().unwrap();
        let condition = format!("$.a: {{{condition}}}");
        for value in [json!({}), json!([]), json!(true), json!(null)] {
            is(&condition, json!({ "a": value }), false, !matches!(name, "eq" | "in"));
        }
    }
    for text in ["gt: 5", "gte: 5", "lt: 5", "lte: 5"] {
        is(&format!("$.a: {{{text}}}"), json!({"a": "5"}), false, true);
    }
    for number in ["glob: '5'", "regex: '5'", "under: '5'", "not_under: '5'"] {
        is(&format!("$.a: {{{number}}}"), json!({"a": 5}), false, true);
    }
    // A number as a text is not surely the number, and not surely another.
    for value in ["5", " 5 ", "5.0", "0.5e1"] {
        is("$.a: {eq: 5}", json!({ "a": value }), false, true);
        is("$.a: {ne: 5}", json!({ "a": value }), false, true);
        is("$.a: {in: [4, 5]}", json!({ "a": value }), false, true);
        is("$.a: {not_in: [4, 5]}", json!({ "a": value }), false, true);
    }
    is("$.a: {eq: true}", json!({"a": "true"}), false, true);
    is("$.a: {eq: '5'}", json!({"a": 5}), false, true);
    is("$.a: {eq: 5}", json!({"a": 5.0}), true, true);
    is("$.a: {ne: 5}", json!({"a": 5e0}), false, false);
    is("$.a: {eq: x}", json!({"a": "nan"}), false, false);
}

#[test]
fn where_there_is_no_value_only_its_absence_is_sure() {
    for (condition, ..) in EACH {
        let name = condition.split(':').next().unwrap();
        let negative = matches!(name, "ne" | "not_in" | "not_under");
        is(&format!("$.a: {{{condition}}}"), json!({"b": 1}), false, negative);
    }
    is("$.a: {exists: false}", json!({"b": 1}), true, true);
    is("$.a: {exists: true}", json!({"b": 1}), false, false);
    // All conditions of a place, and all places.
    is("$.a: {gt: 1, lt: 3}", json!({"a": 2}), true, true);
    is("$.a: {gt: 1, lt: 3}", json!({"a": 3}), false, false);
    is("$.a: {gt: 1}, $.b: {lt: 3}", json!({"a": 2, "b": 3}), false, false);
}

#[test]
fn of_several_values_all_have_to_let_proceed_and_one_stops() {
    for (path, args) in [
        ("'$.a[*]'", json!({"a": [5, 6]})),
        ("'$.*'", json!({"a": 5, "b": 6})),
        ("'$.a[*].n'", json!({"a": [{"n": 5}, {"n": 6}, {"m": 7}]})),
        ("'$..n'", json!({"a": {"n": 5}, "b": [{"n": 6}]})),
    ] {
        is(&format!("{path}: {{eq: 5}}"), args.clone(), false, true);
        is(&format!("{path}: {{lt: 7}}"), args.clone(), true, true);
        is(&format!("{path}: {{gt: 6}}"), args.clone(), false, false);
        is(&format!("{path}: {{ne: 5}}"), args, false, true);
    }
    is("$.a.b: {eq: 5}", json!({"a": {"b": 5}, "b": 6}), true, true);
    is("$.a.b: {eq: 6}", json!({"a": {"b": 5}, "b": 6}), false, false);
    is("'$.a[1]': {eq: 6}", json!({"a": [5, 6]}), true, true);
    is("'$.a[1]': {eq: 5}", json!({"a": [5, 6]}), false, false);
}

#[test]
fn a_path_that_may_be_read_in_two_ways_is_taken_for_the_worse() {
    for value in ["/srv/x/../y", "/srv/x/%2e%2e/y", "/srv/x/..\\y", "/srv/x/.. /y"] {
        let proceeds_outside = value == "/srv/x/../y";
        is("$.a: {under: /srv/x}", json!({ "a": value }), false, true);
        is("$.a: {not_under: /srv/x}", json!({ "a": value }), false, true);
        // A segment of dots and blanks is allowed nowhere.
        is("$.a: {under: [/srv/x, /srv/y]}", json!({ "a": value }), !value.contains(".. /"), true);
        is("$.a: {under: /srv/y}", json!({ "a": value }), proceeds_outside, true);
    }
    is("$.a: {under: /}", json!({"a": "/anything"}), true, true);
    is("$.a: {under: /srv/x}", json!({"a": "/srv/x"}), true, true);
    is("$.a: {under: /srv/x}", json!({"a": "/srv/x/\u{0}y"}), false, true);
}

#[test]
fn numbers_are_compared_as_written_however_large() {
    let compared = |condition: &str, number: &str| {
        let rule = format!("{{name: r, effect: allow, match: {{args: {{$.a: {{{condition}}}}}}}}}");
        let policy = policy(&format!("default_verdict: block\nrules: [{rule}]"));
        let text = call("t", json!({"a": "NUMBER"}), json!([])).to_string().replace("\"NUMBER\"", number);
        let intent = gait::gate::intent::Intent::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let at = gait::kernel::clock::Timestamp::date(2026, 1, 1);
        gait::gate::evaluate::evaluate(&policy, &intent, &at).verdict.word() == "allow"
    };
    for (condition, number, holds) in [
        ("lt: 1", "5e-99999999999999999999", true),
        ("gte: 1", "5e-99999999999999999999", false),
        ("lt: 1", "0.00001e-9223372036854775808", true),
        ("gt: 0", "5e-400", true),
        ("lt: 0", "-5e-400", true),
        ("eq: 0", "0e5", true),
        ("eq: 0", "-0.0", true),
        ("eq: 100", "1e+2", true),
        ("eq: 100", "1E2", true),
        ("eq: 0.1", "0.10000000000000000001", false),
        ("gt: 0.1", "0.10000000000000000001", true),
        ("gt: -2", "-10", false),
        ("lt: -2", "-10", true),
        ("gt: -1", "1", true),
        ("gt: 1", "-1", false),
        ("gt: 9007199254740992", "9007199254740993", true),
        ("gt: 9007199254740993", "9007199254740993", false),
    ] {
        assert_eq!(compared(condition, number), holds, "{number} {condition}");
    }
}

#[test]
fn conditions_that_exclude_each_other_are_refused() {
    for (conditions, says) in [
        ("eq: 5, gt: 5", "excludes every value"),
        ("eq: 5, in: [1, 2]", "excludes every value"),
        ("in: [1, 2], gt: 2", "excludes every value"),
        ("eq: a, regex: 'b+'", "excludes every value"),
        ("eq: 5, exists: false", "exists"),
        ("gt: 5, lt: 4", "nothing lies between"),
        ("gte: 5, lt: 5", "nothing lies between"),
    ] {
        let error =
            refused(&format!("rules: [{{name: r, effect: allow, match: {{args: {{$.a: {{{conditions}}}}}}}}}]"));
        assert!(error.contains(says), "{conditions}: {error}");
    }
    for fine in [
        "gte: 5, lte: 5",
        "in: [1, 2], gte: 2",
        "eq: ab, glob: 'a*'",
        "eq: 5, exists: true",
        "under: /a, not_under: /a/b",
    ] {
        policy(&format!("rules: [{{name: r, effect: allow, match: {{args: {{$.a: {{{fine}}}}}}}}}]"));
    }
}

#[test]
fn what_lies_deeper_than_conditions_look_lets_nothing_proceed_and_stops_what_it_may() {
    let nested = |levels| (0..levels).fold(json!("secret"), |inner, _| json!([inner]));
    let args = |levels| json!({"a": nested(levels), "b": 1});
    for (condition, ..) in EACH {
        is(&format!("$.a: {{{condition}}}"), args(300), false, true);
    }
    is("$.b: {eq: 1}", args(300), false, true);
    is("$..a: {eq: secret}", args(250), false, true);
}
