//! Generated spellings of paths and hosts against a folder and an egress policy, and conditions on arguments.

use crate::kit::{call, decide, policy, refused, verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

const FOLDER: &str = "
default_verdict: block
rules:
- {name: r, effect: allow, match: {tool_names: [t]}, endpoint: {path_allowlist: [/srv/data/**], path_denylist: [/srv/data/secret/**]}}
- {name: a, effect: allow, match: {tool_names: [a], args: {$.path: {under: /srv/data, not_under: /srv/data/secret}}}}
";

/// Where a path leads, one name after the other; `None` above the root counts as the root.
fn resolved(path: &str) -> Vec<String> {
    let mut at: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(at.pop()),
            name => at.push(name.to_owned()),
        }
    }
    at
}

fn inside(path: &str) -> bool {
    let at = resolved(path);
    path.starts_with('/')
        && at.starts_with(&["srv".to_owned(), "data".to_owned()])
        && at.get(2).is_none_or(|name| name != "secret")
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("..".to_owned()), 1 => Just(".".to_owned()), 1 => Just(String::new()), 2 => Just("secret".to_owned()),
        2 => Just("srv".to_owned()), 2 => Just("data".to_owned()), 1 => Just("Data".to_owned()), 1 => Just("data.".to_owned()),
        1 => Just("%2e%2e".to_owned()), 1 => Just("%252e%252e".to_owned()), 1 => Just(".. ".to_owned()), 1 => Just("...".to_owned()),
        1 => Just("a\\..\\..\\..\\b".to_owned()), 1 => Just("a%2f..%2f..%2f..%2fb".to_owned()), 1 => Just("..\u{0}".to_owned()),
        2 => "[a-z]{1,6}",
    ]
}

/// Who takes `\` for a separator before, after or without taking escapes off ends up elsewhere each time.
#[test]
fn separators_and_escapes_are_read_in_any_order() {
    for path in [
        "/srv/data/%2e%2e/Data/a\\..\\..\\..\\b/../srv/data",
        "/srv/data/a\\../x%5cy/%2e%2e/%2e%2e/z",
        "/srv/data/a%2fb/../%2e%2e/z",
    ] {
        let target = call("t", json!({}), json!([{"kind": "path", "value": path}]));
        for call in [target, call("a", json!({"path": path}), json!([]))] {
            assert_eq!(verdict(&policy(FOLDER), &call), "block", "{path:?}");
        }
    }
}

/// Escapes inside escapes, deeper than anybody takes them off.
#[test]
fn what_has_no_end_of_readings_is_allowed_nowhere_and_denied_wherever_something_is() {
    let escaped = |layers: usize| format!("/srv/data/%{}2e/x", "25".repeat(layers));
    for (path, lists, says) in [
        (escaped(3), "path_allowlist: [/srv/data/**]", "allow"),
        (escaped(3), "path_denylist: [/etc/**]", "allow"),
        (escaped(9), "path_allowlist: [/srv/data/**]", "block"),
        (escaped(9), "path_denylist: [/etc/**]", "block"),
        (escaped(9), "egress_classes: [net.dns]", "allow"),
    ] {
        let rule = format!("{{name: r, effect: allow, endpoint: {{{lists}}}}}");
        let policy = policy(&format!("default_verdict: block\nrules: [{rule}]"));
        let target = call("t", json!({}), json!([{"kind": "path", "value": path}]));
        assert_eq!(verdict(&policy, &target), says, "{path} {lists}");
    }
}

#[test]
fn dots_and_blanks_may_be_a_name_and_may_climb() {
    for path in
        ["/srv/data/./secret/.. ", "/srv/data/secret\\..\t", "/srv/data/.. /Data/secret/.../.. /data", "/srv/data/..."]
    {
        let target = call("t", json!({}), json!([{"kind": "path", "value": path}]));
        for call in [target, call("a", json!({"path": path}), json!([]))] {
            assert_eq!(verdict(&policy(FOLDER), &call), "block", "{path:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leaves_the_folder(parts in prop::collection::vec(segment(), 0..8), lead in prop_oneof![Just("/srv/data/"), Just("/srv/data"), Just("/"), Just("")]) {
        let path = format!("{lead}{}", parts.join("/"));
        prop_assume!(!path.trim().is_empty());
        let policy = policy(FOLDER);
        let target = verdict(&policy, &call("t", json!({}), json!([{"kind": "path", "value": path}])));
        let arg = verdict(&policy, &call("a", json!({"path": path}), json!([])));
        // What a program may make of it: as it is, with the other separator, and decoded.
        let slashed = |path: &str| path.replace('\\', "/");
        let decoded = |path: &str| path.replace("%252e", ".").replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
        let cleaned = |path: &str| format!("/{}", resolved(path.trim()).join("/"));
        let mut readings = vec![path.clone(), path.replace(".. ", "..")];
        for text in [path.clone(), slashed(&path)] {
            readings.extend([decoded(&text), slashed(&decoded(&text)), decoded(&cleaned(&text)), text]);
        }
        let cut = path.split('\u{0}').next().unwrap_or_default().to_owned();
        if !readings.iter().all(|path| inside(path.trim())) || !inside(&cut) {
            prop_assert_eq!(target, "block", "{:?}", path);
            prop_assert_eq!(arg, "block", "{:?}", path);
        }
    }

    #[test]
    fn legal_paths_pass(names in prop::collection::vec("[a-zA-Z0-9_][a-zA-Z0-9_. -]{0,8}[a-z0-9]", 1..6), noise in 0..4) {
        prop_assume!(names[0] != "secret");
        let joined = names.join("/");
        let path = match noise {
            0 => format!("/srv/data/{joined}"),
            1 => format!("/srv//data/./{joined}"),
            2 => format!("/srv/data/{joined}/../x"),
            _ => format!("/tmp/../srv/data/{joined}/"),
        };
        let policy = policy(FOLDER);
        prop_assert_eq!(verdict(&policy, &call("t", json!({}), json!([{"kind": "path", "value": path}]))), "allow", "{:?}", path);
        prop_assert_eq!(verdict(&policy, &call("a", json!({"path": path}), json!([]))), "allow", "{:?}", path);
    }

    #[test]
    fn no_host_is_taken_for_another(evil in host(), good in good(), shape in 0..SHAPES.len(), kind in prop_oneof![Just("url"), Just("host")]) {
        let value = SHAPES[shape].replace("EVIL", &evil).replace("GOOD", &good);
        let policy = policy(EGRESS);
        let outcome = verdict(&policy, &call("t", json!({}), json!([{"kind": kind, "value": value}])));
        prop_assert_eq!(outcome, "block", "{:?}", value);
    }

    #[test]
    fn legal_hosts_pass(good in good(), shape in 0..LEGAL.len()) {
        let (kind, shape) = LEGAL[shape];
        let value = shape.replace("GOOD", &good);
        let policy = policy(EGRESS);
        let outcome = verdict(&policy, &call("t", json!({}), json!([{"kind": kind, "value": value}])));
        prop_assert_eq!(outcome, "allow", "{:?}", value);
    }
}

const EGRESS: &str = "
default_verdict: block
rules:
- {name: r, effect: allow, match: {tool_names: [t]}, endpoint: {domain_allowlist: [api.good.example, '*.in.good.example', '2001:db8::1'], domain_denylist: [no.in.good.example, 169.254.169.254]}}
";

/// Spellings that lead to EVIL, or may, whatever else they hold.
const SHAPES: [&str; 22] = [
    "http://EVIL/",
    "https://EVIL",
    "HTTP://EVIL:80/x",
    "http://GOOD@EVIL/",
    "http://GOOD:x@EVIL/",
    "http://EVIL\\@GOOD/",
    "http://GOOD\\@EVIL/",
    "http://EVIL/@GOOD",
    "http://EVIL?@GOOD/",
    "http://EVIL#@GOOD/",
    "//EVIL/GOOD",
    "EVIL",
    "EVIL:443",
    "http:EVIL",
    "http:/EVIL",
    "http:///EVIL",
    "https://EVIL./",
    "http://u:GOOD@EVIL",
    "http://EVIL%2f.GOOD/",
    "http://EVIL／.GOOD/",
    "ftp://EVIL/GOOD",
    "mailto:x@EVIL",
];
const LEGAL: [(&str, &str); 8] = [
    ("url", "https://GOOD/"),
    ("url", "http://GOOD:8080/a?b#c"),
    ("url", "HTTPS://GOOD./x"),
    ("url", "https://user:pw@GOOD/"),
    ("host", "GOOD"),
    ("host", "GOOD:443"),
    ("url", "wss://GOOD/s"),
    ("url", "https://GOOD/a/../b%20c"),
];

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("evil.example".to_owned()),
        Just("api.good.example.evil.example".to_owned()),
        Just("xapi.good.example".to_owned()),
        Just("good.example".to_owned()),
        Just("in.good.example".to_owned()),
        Just("no.in.good.example".to_owned()),
        Just("NO.in.good.example.".to_owned()),
        Just("api.g\u{43e}od.example".to_owned()),
        Just("api.good.example..".to_owned()),
        Just("169.254.169.254".to_owned()),
        Just("0xa9fea9fe".to_owned()),
        Just("2852039166".to_owned()),
        Just("0251.0376.0251.0376".to_owned()),
        Just("[::ffff:169.254.169.254]".to_owned()),
        Just("[::1]".to_owned()),
        Just("[2001:db8::2]".to_owned()),
        Just("api\u{3002}good.example".to_owned()),
        Just("evil.example\u{2044}.in.good.example".to_owned()),
        Just("a.in.good.example\u{0}".to_owned()),
        "[a-z]{3,8}\\.(com|example)",
    ]
}

fn good() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("api.good.example".to_owned()),
        Just("API.Good.Example".to_owned()),
        "[a-m]{1,6}x\\.in\\.good\\.example",
        "[a-m]{1,4}1\\.[a-m]{2,4}\\.in\\.good\\.example",
    ]
}

#[test]
fn addresses_in_every_spelling() {
    let policy = policy(EGRESS);
    for (kind, value) in
        [("host", "[2001:DB8:0:0::1]:443"), ("url", "https://[2001:db8::0001]/"), ("host", "2001:db8::1")]
    {
        assert_eq!(
            verdict(&policy, &call("t", json!({}), json!([{"kind": kind, "value": value}]))),
            "allow",
            "{value}"
        );
    }
    let stated = json!([{"kind": "url", "value": "https://evil.example/", "endpoint_domain": "api.good.example"}]);
    assert_eq!(verdict(&policy, &call("t", json!({}), stated)), "block");
}

const ARGS: &str = "
default_verdict: require_approval
rules:
- {name: big, priority: 1, effect: block, match: {tool_names: [pay], args: {$.amount: {gt: 9007199254740992}}}}
- {name: neg, priority: 2, effect: block, match: {tool_names: [pay], args: {$.currency: {not_in: [EUR, USD]}}}}
- {name: one, priority: 3, effect: block, match: {tool_names: [pay], args: {'$.items[*].sku': {eq: 7}}}}
- {name: ok, priority: 9, effect: allow, match: {tool_names: [pay], args: {$.amount: {gte: 0.1, lte: 100}, $.note: {regex: '[a-z ]+'}, $.force: {exists: false}}}}
";

#[test]
fn arguments_are_compared_by_type_and_digit() {
    let policy = policy(ARGS);
    let decided = |args: Value| {
        let value = call("pay", args, json!([]));
        let outcome = decide(&policy, &value);
        (outcome.verdict.word(), outcome.matched_rule().to_owned())
    };
    let is = |args: Value, verdict: &'static str, rule: &str| {
        assert_eq!(decided(args.clone()), (verdict, rule.to_owned()), "{args}")
    };
    is(json!({"amount": 9_007_199_254_740_993_u64, "currency": "EUR"}), "block", "big");
    is(json!({"amount": 1e300, "currency": "EUR"}), "block", "big");
    is(json!({"amount": "12", "currency": "EUR"}), "block", "big");
    is(json!({"amount": 5, "currency": "GBP"}), "block", "neg");
    is(json!({"amount": 5}), "block", "neg");
    is(json!({"amount": 5, "currency": "EUR", "items": [{"sku": 1}, {"sku": "7"}]}), "block", "one");
    is(json!({"amount": 0.1, "currency": "EUR", "note": "fine so far"}), "allow", "ok");
    is(json!({"amount": 100.000_000_1, "currency": "EUR", "note": "x"}), "require_approval", "");
    is(json!({"amount": 5, "currency": "EUR", "note": "fine\nnot"}), "require_approval", "");
    is(json!({"amount": 5, "currency": "EUR", "note": "x", "force": false}), "require_approval", "");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (rule, says) in [
        ("endpoint: {path_denylist: ['/x/[']}", "malformed pattern"),
        ("endpoint: {path_allowlist: [/a/**], path_denylist: [/a/**]}", "path \"/a/**\" is allowed and denied"),
        ("match: {args: {$.a: {gt: 5, lt: 5}}}", "nothing lies between"),
        ("match: {args: {$.a: {eq: 1, ne: 1}}}", "excludes every value"),
        ("match: {args: {$.a: {under: /x/y, not_under: /x}}}", "excludes every folder"),
        ("match: {args: {$.a: {regex: '('}}}", "no regular expression"),
        ("match: {args: {$.a: {above: 1}}}", "unknown condition"),
        ("match: {args: {a: {eq: 1}}}", "begins with `$`"),
        ("match: {tool_name: [x]}", "did you mean `tool_names`"),
        ("priority: '5'", "whole number"),
        ("priority: 1.5", "whole number"),
    ] {
        let error = refused(&format!("rules:\n- name: r\n  effect: allow\n  {rule}\n"));
        assert!(error.contains(says) && error.starts_with("p.yaml:"), "{rule}: {error}");
        assert!(error.contains('|'), "a snippet: {error}");
    }
}
