//! Each rule once green and once red, and what is said about either.

use crate::runs::{accepted, answered, call, codes, compared};
use gait::regress::evidence;
use gait::regress::run::Call;

/// One call of `t` with `args`.
fn one(args: &str) -> Vec<Call> {
    vec![call("t", args)]
}

/// Tools by their first letters, no arguments.
fn tools(names: &str) -> Vec<Call> {
    names.chars().map(|name| call(&name.to_string(), "{}")).collect()
}

#[track_caller]
fn green(block: &str, baseline: &[Call], candidate: &[Call], rule: &str) {
    let found = compared(block, baseline, candidate);
    assert_eq!(codes(&found), "", "{block}\n{}", evidence::tell(&found));
    assert!(accepted(&found).iter().any(|name| name == rule), "{rule} not in {:?}", accepted(&found));
    let listed = evidence::judged(&found).to_string();
    assert!(listed.contains(&serde_json::to_string(rule).unwrap()), "{listed}");
}

#[track_caller]
fn red(block: &str, baseline: &[Call], candidate: &[Call], want: &str) {
    let found = compared(block, baseline, candidate);
    assert_eq!(codes(&found), want, "{block}\n{found:?}");
    assert!(evidence::tell(&found).starts_with("first divergence: "), "{}", evidence::tell(&found));
}

/// A rule, its name, arguments, others it accepts, others it does not.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const PLACES: &[Row] = &[
    (r#"ignore: ["$.id"]"#, "match.ignore: $.id", r#"{"id":1,"x":1}"#, r#"{"x":1}"#, r#"{"id":1,"x":2}"#),
    (
        r#"ignore: ["$..id"]"#,
        "match.ignore: $..id",
        r#"{"a":[{"id":1}]}"#,
        r#"{"a":[{"id":[2]}]}"#,
        r#"{"a":[{"ID":1}]}"#,
    ),
    (
        r#"tools: { t: { args: { "$.items[*].id": ignore } } }"#,
        "match.tools.t.args: $.items[*].id: ignore",
        r#"{"items":[{"id":1},{"id":2}]}"#,
        r#"{"items":[{"id":3},{"id":4}]}"#,
        r#"{"items":[{"id":3}]}"#,
    ),
    (
        r#"tools: { "t*": { args: { "$['a.b']": ignore } } }"#,
        "match.tools.t*.args: $['a.b']: ignore",
        r#"{"a.b":1}"#,
        r#"{"a.b":{"c":2}}"#,
        r#"{"a":{"b":1}}"#,
    ),
    (
        r#"tools: { t: { args: { "$.n[0]": { within: 0.01 } } } }"#,
        "match.tools.t.args: $.n[0]: {within: 0.01}",
        r#"{"n":[1.00]}"#,
        r#"{"n":[1.01]}"#,
        r#"{"n":[1.011]}"#,
    ),
    (
        r#"tools: { t: { args: { "$.n": { within: 1 } } } }"#,
        "match.tools.t.args: $.n: {within: 1}",
        r#"{"n":9007199254740993000001}"#,
        r#"{"n":9007199254740993000002}"#,
        r#"{"n":9007199254740993000003}"#,
    ),
    (
        r#"tools: { t: { args: { "$.p": { norm: path } } } }"#,
        "match.tools.t.args: $.p: {norm: path}",
        r#"{"p":"a/b/c.txt"}"#,
        r#"{"p":"./a//x/..\\b/c.txt"}"#,
        r#"{"p":"../a/b/c.txt"}"#,
    ),
    (
        r#"tools: { t: { args: { "$.u": { norm: uuid } } } }"#,
        "match.tools.t.args: $.u: {norm: uuid}",
        r#"{"u":"order-7c1e0b52-4a0f-4f3e-9d6a-0a1b2c3d4e5f!"}"#,
        r#"{"u":"order-00000000-0000-0000-0000-00000000000F!"}"#,
        r#"{"u":"order-7c1e0b52-4a0f-4f3e-9d6a-0a1b2c3d4e5f0!"}"#,
    ),
    (
        r#"tools: { t: { args: { "$.t": { norm: time } } } }"#,
        "match.tools.t.args: $.t: {norm: time}",
        r#"{"t":"at 2026-10-02T09:00:00Z, once"}"#,
        r#"{"t":"at 2026-11-24 21:40:00.123+01:00, once"}"#,
        r#"{"t":"at 2026-11-24, once"}"#,
    ),
    (
        r#"tools: { t: { args: { "$.w": { norm: whitespace } } } }"#,
        "match.tools.t.args: $.w: {norm: whitespace}",
        r#"{"w":"a b c"}"#,
        r#"{"w":" a\n  b\tc "}"#,
        r#"{"w":"ab c"}"#,
    ),
    (
        r#"tools: { t: { args: { "$.j": { norm: json } } } }"#,
        "match.tools.t.args: $.j: {norm: json}",
        r#"{"j":"{\"a\":1,\"b\":[2]}"}"#,
        r#"{"j":"{ \"b\": [2.0], \"a\": 1 }"}"#,
        r#"{"j":"{\"a\":1,\"b\":[3]}"}"#,
    ),
    (
        r#"tools: { t: { args: { "$.q": { similar: 0.8 } } } }"#,
        "match.tools.t.args: $.q: {similar: 0.8}",
        r#"{"q":"refund policy for broken shoes"}"#,
        r#"{"q":"refund policies for broken shoes"}"#,
        r#"{"q":"delete everything about shoes"}"#,
    ),
];

#[test]
fn places_in_arguments() {
    for (block, rule, baseline, like, unlike) in PLACES {
        green(block, &one(baseline), &one(like), rule);
        red(block, &one(baseline), &one(unlike), "call_changed");
        // Without the rule the accepted one fails too.
        red("bind: true", &one(baseline), &one(like), "call_changed");
    }
}

#[test]
fn a_rule_holds_for_its_tool_only() {
    let block = r#"tools: { "search_*": { args: { "$.q": ignore } } }"#;
    let (a, b) = ([call("search_web", r#"{"q":1}"#)], [call("search_web", r#"{"q":2}"#)]);
    green(block, &a, &b, "match.tools.search_*.args: $.q: ignore");
    red(block, &[call("research", r#"{"q":1}"#)], &[call("research", r#"{"q":2}"#)], "call_changed");
}

#[test]
fn other_kinds_of_values_are_no_numbers_and_no_texts() {
    for (rule, a, b) in
        [("within: 5", "1", r#""1""#), ("norm: json", r#""1""#, "1"), ("similar: 0.1", r#""a""#, r#"["a"]"#)]
    {
        let block = format!(r#"tools: {{ t: {{ args: {{ "$.x": {{ {rule} }} }} }} }}"#);
        red(&block, &one(&format!(r#"{{"x":{a}}}"#)), &one(&format!(r#"{{"x":{b}}}"#)), "call_changed");
    }
}

#[test]
fn order_modes() {
    for (order, candidate, want) in [
        ("strict", "abc", ""),
        ("strict", "acb", "call_moved"),
        ("strict", "ab", "call_missing"),
        ("strict", "abcd", "call_extra"),
        ("unordered", "cab", ""),
        ("unordered", "ca", "call_missing"),
        ("unordered", "cabd", "call_extra"),
        ("subset", "c", ""),
        ("subset", "ca", ""),
        ("subset", "cda", "call_extra"),
        ("subset", "cc", "call_extra"),
        ("superset", "dcabb", ""),
        ("superset", "dca", "call_missing"),
    ] {
        let found = compared(&format!("order: {order}"), &tools("abc"), &tools(candidate));
        assert_eq!(codes(&found), want, "{order} {candidate}: {found:?}");
    }
    green("order: unordered", &tools("ab"), &tools("ba"), "match.order: unordered");
    green("order: subset", &tools("ab"), &tools("b"), "match.order: subset");
    green("order: superset", &tools("ab"), &tools("abc"), "match.order: superset");
    for order in ["subset", "superset", "unordered"] {
        red(&format!("order: {order}"), &one(r#"{"x":1}"#), &one(r#"{"x":2}"#), "call_changed");
    }
}

#[test]
fn extra_calls() {
    green("extra: allow", &tools("ab"), &tools("xab"), "match.extra: allow");
    green("extra: [x, y]", &tools("ab"), &tools("ayb"), "match.extra: [y]");
    red("extra: [x, y]", &tools("ab"), &tools("azb"), "call_extra");
    red("extra: deny", &tools("ab"), &tools("abb"), "call_extra");
    red("{ order: superset, extra: [x] }", &tools("ab"), &tools("abz"), "call_extra");
}

#[test]
fn one_tool_before_the_other() {
    let block = "{ order: superset, before: [[a, 'b*']] }";
    assert_eq!(codes(&compared(block, &tools("ab"), &tools("aab"))), "");
    assert_eq!(codes(&compared(block, &tools("ab"), &tools("bab"))), "order_violated");
    // Even where the recorded run did not keep to it.
    assert_eq!(codes(&compared(block, &tools("b"), &tools("b"))), "order_violated");
    assert_eq!(codes(&compared("{ order: subset, before: [[a, b]] }", &tools("ab"), &tools("b"))), "order_violated");
}

#[test]
fn forbidden_and_counted_tools() {
    assert_eq!(codes(&compared("never: ['del*']", &tools("ab"), &tools("ab"))), "");
    let deletes = [call("a", "{}"), call("delete", "{}")];
    red("never: ['del*']", &deletes, &deletes, "call_forbidden");
    red("{ extra: allow, never: ['del*'] }", &tools("a"), &deletes, "call_forbidden");
    for (count, candidate, want) in [
        ("{ eq: 1 }", "ab", ""),
        ("{ eq: 1 }", "abb", "count_violated"),
        ("{ eq: 1 }", "a", "count_violated"),
        ("{ min: 1, max: 2 }", "abb", ""),
        ("{ min: 2 }", "ab", "count_violated"),
        ("{ max: 1 }", "abb", "count_violated"),
        ("{ eq: 0 }", "a", ""),
    ] {
        let block = format!("order: subset\nextra: allow\ntools: {{ b: {{ count: {count} }} }}");
        let found = compared(&block, &tools("ab"), &tools(candidate));
        assert_eq!(codes(&found), want, "{count} {candidate}");
    }
}

#[test]
fn statuses() {
    let with = |status: &str| vec![answered("t", "{}", status, "{}")];
    red("bind: true", &with("ok"), &with("error"), "status_changed");
    green("tools: { t: { status: any } }", &with("ok"), &with("error"), "match.tools.t.status: any");
    green("tools: { t: { status: ok } }", &with("error"), &with("ok"), "match.tools.t.status: ok");
    red("tools: { t: { status: ok } }", &with("error"), &with("error"), "status_changed");
    let found = compared("order: subset", &[with("error"), with("ok")].concat(), &with("ok"));
    assert_eq!(codes(&found), "", "the status of a call that is not paired does not count: {found:?}");
}

#[test]
fn links_between_calls() {
    let run = |token: &str, used: &str| {
        vec![
            answered("login", "{}", "ok", &format!(r#"{{"session":{{"token":"{token}"}}}}"#)),
            call("t", &format!(r#"{{"auth":"{used}","x":1}}"#)),
        ]
    };
    let rule = "match.bind: result of call 1 login at /session/token";
    green("bind: true", &run("t-1", "t-1"), &run("t-2", "t-2"), rule);
    green("", &run("t-1", "t-1"), &run("t-2", "t-2"), rule);
    red("bind: false", &run("t-1", "t-1"), &run("t-2", "t-2"), "call_changed");
    red("bind: true", &run("t-1", "t-1"), &run("t-2", "t-3"), "call_changed");
    // What stands elsewhere in the result, or comes only later, is no link.
    let mut elsewhere = run("t-9", "t-2");
    elsewhere[0] = answered("login", "{}", "ok", r#"{"session":{"token":"t-9"},"old":"t-2"}"#);
    red("bind: true", &run("t-1", "t-1"), &elsewhere, "call_changed");
    let mut late = run("t-2", "t-2");
    late.swap(0, 1);
    red("order: unordered", &run("t-1", "t-1"), &late, "call_changed");
}

#[test]
fn links_hold_where_a_literal_beside_them_stays() {
    let run = |a: &str, b: &str| {
        let mut calls = vec![
            answered("one", "{}", "ok", &format!(r#"{{"id":"{a}"}}"#)),
            answered("two", "{}", "ok", &format!(r#"{{"id":"{b}"}}"#)),
        ];
        calls.extend((0..3).map(|n| call("t", &format!(r#"{{"first":"{a}","second":"{b}","n":{n}}}"#))));
        calls
    };
    assert_eq!(codes(&compared("bind: true", &run("p", "q"), &run("r", "q"))), "");
    assert_eq!(codes(&compared("order: unordered", &run("p", "q"), &run("r", "s"))), "");
}

#[test]
fn the_first_divergence_comes_first_with_the_rule_that_would_accept_it() {
    let table = [
        (r#"{"x":1}"#, r#"{"x":3}"#, "$.x: 1 became 3", r#"tools: {t: {args: {"$.x": {within: 2}}}}"#),
        (r#"{"x":1.1}"#, r#"{"x":1.4}"#, "$.x: 1.1 became 1.4", "within: 0.2999999999999998}"),
        (r#"{"x":"a b"}"#, r#"{"x":"a  b"}"#, r#"$.x: "a b" became "a  b""#, "{norm: whitespace}"),
        (r#"{"x":[{"y":"kitten"}]}"#, r#"{"x":[{"y":"mitten"}]}"#, r#"$.x[0].y: "kitten""#, "{similar: 0.83}"),
        (r#"{"x":true}"#, r#"{}"#, "$.x: true became nothing", r#"{"$.x": ignore}"#),
    ];
    for (before, after, what, rule) in table {
        let told = evidence::tell(&compared("bind: true", &one(before), &one(after)));
        let mut lines = told.lines();
        assert!(lines.next().unwrap().starts_with(&format!("first divergence: call 1 t, {what}")), "{told}");
        let line = lines.next().unwrap();
        assert!(line.contains(rule), "{told}");
        let block = line.split_once("match: {").unwrap().1.strip_suffix('}').unwrap();
        assert_eq!(codes(&compared(block, &one(before), &one(after))), "", "{block} accepts it");
    }
    for (before, after, rule) in
        [("ab", "ba", "order: unordered"), ("ab", "a", "order: subset"), ("a", "ab", "extra: [b]")]
    {
        let told = evidence::tell(&compared("bind: true", &tools(before), &tools(after)));
        assert!(told.contains(&format!("match: {{{rule}}}")), "{told}");
        assert_eq!(codes(&compared(rule, &tools(before), &tools(after))), "");
    }
    let told = evidence::tell(&compared("before: [[a, b]]", &tools("ab"), &tools("ba")));
    let first = "first divergence: call 1 b: no call of a comes before it, against match.before: [a, b]\n";
    assert!(told.starts_with(first), "{told}");
}
