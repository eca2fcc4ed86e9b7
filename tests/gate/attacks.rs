//! Spellings, types and files that once let a call through, or stopped one that was in order.

use crate::kit::{Place, call, intent, policy, refused, verdict};
use gait::config::document::Document;
use gait::gate::approval::Approval;
use gait::gate::format;
use gait::gate::parse;
use gait::gate::token::Token;
use serde_json::{Value, json};

fn target(endpoint: &str, kind: &str, value: &str) -> &'static str {
    let policy =
        policy(&format!("default_verdict: block\nrules:\n- {{name: r, effect: allow, endpoint: {{{endpoint}}}}}\n"));
    verdict(&policy, &call("t", json!({}), json!([{"kind": kind, "value": value}])))
}

const DENIED: &str = "domain_denylist: [evil.example, 10.0.0.1, '[2001:db8::1]', bücher.example, final.example.]";

#[test]
fn a_host_is_denied_in_every_spelling_that_some_reader_takes_for_it() {
    for value in [
        "http://ev\til.example/",
        "\u{1}http://evil.example",
        "http://evil.example\u{0}.good.example",
        "http://evil\u{3002}example",
        "http://ｅｖｉｌ.example",
        "http://ev\u{ad}il.example",
        "http://evil%E3%80%82example",
        "http://evil.example%2f.good.example",
        "http://evil.example%00.good.example",
        "http://evil.example;.good.example",
        "http://good.example%40evil.example",
        "http://evil.example%5c@good.example",
        "http://u@evil.example:@good.example:80",
        "http://evil.example:80:80/",
        "http://evil.example../",
        "blob:http://evil.example/1",
        "jdbc:postgresql://evil.example/db",
        "http://１0.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[::10.0.0.1]",
        "http://[64:ff9b::a00:1]",
        "http://[2001:DB8:0::1]:80/",
        "http://xn--bcher-kva.example/",
        "http://B\u{dc}CHER.example/",
        "http://final.example/",
    ] {
        assert_eq!(target(DENIED, "url", value), "block", "{value:?}");
        assert_eq!(target(DENIED, "host", value), "block", "{value:?}");
    }
    for value in
        ["https://good.example/?u=http://evil.example#x", "http://u:p@good.example/@evil.example", "ftp://1.2.3.4"]
    {
        assert_eq!(target(DENIED, "url", value), "allow", "{value:?}");
    }
    for (patterns, value, verdict) in [
        ("['*.evil.example']", "http://a%2fb.evil.example", "block"),
        ("['*.?vil.example']", "http://a.evil.example", "block"),
        ("['*.?vil.example']", "http://a.b.devil.example", "allow"),
    ] {
        assert_eq!(target(&format!("domain_denylist: {patterns}"), "url", value), verdict, "{patterns} {value}");
    }
    let stated = json!([{"kind": "other", "value": "x", "endpoint_domain": "evil.example."}]);
    let policy = policy(&format!("rules:\n- {{name: r, effect: allow, endpoint: {{{DENIED}}}}}\n"));
    assert_eq!(verdict(&policy, &call("t", json!({}), stated)), "block");
}

#[test]
fn a_user_that_another_reader_takes_for_the_host_is_not_allowed() {
    let allowed = "domain_allowlist: [good.example]";
    for value in [
        "http://u@evil.example:@good.example:80",
        "http://evil.example%5c@good.example",
        "http://evil.example%2F@good.example",
    ] {
        assert_eq!(target(allowed, "url", value), "block", "{value}");
    }
    assert_eq!(target(allowed, "url", "http://u:p%40ss@good.example/"), "allow");
    // What is no URL leads nowhere that is known; an address alone is one.
    assert_eq!(target(allowed, "url", "http://good.example/%zz"), "block");
    assert_eq!(target("domain_allowlist: ['::1']", "host", "::1"), "allow");
    let layers = format!("http://%{}41.example", "25".repeat(40_000));
    assert_eq!(target(allowed, "url", &layers), "block");
    for long in
        [layers, format!("http://{}evil.example", "a@".repeat(40_000)), "a:".repeat(40_000) + "http://evil.example"]
    {
        assert_eq!(target(DENIED, "url", &long), "block", "{}", &long[..20]);
    }
    assert_eq!(target(DENIED, "url", &format!("https://good.example/{}", "a:".repeat(40_000))), "allow");
}

#[test]
fn a_path_is_no_other_place_once_decoded_cut_or_matched() {
    let folder = "path_allowlist: [/srv/**]";
    for value in [
        "/srv/../etc%00/../../srv/x",
        "/srv/../etc%2500/../../srv/x",
        "/srv/%c0%ae%c0%ae/etc",
        "/srv/..;/etc",
        "/srv/a%0Ab",
    ] {
        assert_eq!(target(folder, "path", value), "block", "{value}");
    }
    for (patterns, value) in
        [("'*'", ".."), ("'*/x'", "../x"), ("/srv/*", "/srv/."), ("/srv/*/x", "/srv//x"), ("/srv/*", "/srv/")]
    {
        assert_eq!(target(&format!("path_allowlist: [{patterns}]"), "path", value), "block", "{patterns} {value}");
    }
    for (patterns, value) in
        [("'./data/*'", "./data/x"), ("../x/*", "../x/y"), ("/srv/*", "/srv/./x"), ("/srv/*/", "/srv/a/")]
    {
        assert_eq!(target(&format!("path_allowlist: [{patterns}]"), "path", value), "allow", "{patterns} {value}");
    }
    let secret = "path_denylist: [/srv/secret/**]";
    for value in ["/srv/secret./x", "/srv/secret /x", "/srv/secret%00/x", "/srv/secret\u{0}", "/srv/secret::$DATA"] {
        assert_eq!(target(secret, "path", value), "block", "{value:?}");
    }
    // One of them climbs, the other is a name.
    assert_eq!(target(secret, "path", "/srv/x/.. /secret/.../y"), "block");
    // A drive is no name with a stream behind it.
    assert_eq!(target("path_denylist: ['C:/secret/**']", "path", "C:/secret./x"), "block");
}

fn on_args(effect: &str, condition: &str, args: Value) -> bool {
    let rest = if effect == "block" { "allow" } else { "block" };
    let text = format!(
        "default_verdict: {rest}\nrules:\n- {{name: r, effect: {effect}, match: {{args: {{$.x: {condition}}}}}}}\n"
    );
    verdict(&policy(&text), &call("t", args, json!([]))) == effect
}

#[test]
fn a_negative_condition_does_not_hold_of_another_type() {
    for condition in ["{ne: a}", "{not_in: [a, b]}", "{not_under: /srv}"] {
        for value in [
            json!({}),
            json!({"x": null}),
            json!({"x": ["a"]}),
            json!({"x": {"a": 1}}),
            json!({"x": 5}),
            json!({"x": true}),
        ] {
            assert!(!on_args("allow", condition, value.clone()), "{condition} {value}");
        }
        assert!(on_args("allow", condition, json!({"x": "c"})), "{condition}");
    }
    assert!(on_args("allow", "{not_in: [1, a]}", json!({"x": 2})));
    assert!(on_args("allow", "{ne: true}", json!({"x": false})));
}

#[test]
fn a_value_inside_a_list_may_be_the_one_that_is_stopped() {
    for value in [json!(["a"]), json!({"k": ["b", "a"]}), json!("a")] {
        assert!(on_args("block", "{eq: a}", json!({"x": value})), "{value}");
        assert!(on_args("block", "{in: [a]}", json!({"x": value})), "{value}");
        assert!(value.is_string() || !on_args("allow", "{eq: a}", json!({"x": value})), "{value}");
    }
    assert!(!on_args("block", "{eq: a}", json!({"x": ["b"]})));
}

#[test]
fn exponents_of_any_size_are_compared() {
    let text = "default_verdict: block\nrules:\n- {name: r, effect: allow, match: {args: {$.x: {eq: 1}}}}\n";
    let call = r#"{"tool_name":"t","args":{"x":1e-99999999999999999999},"context":{"identity":"u","workspace":"w","risk_class":"low"}}"#;
    let intent = gait::gate::intent::Intent::parse(call.as_bytes()).unwrap();
    let time = gait::kernel::clock::Timestamp::date(2026, 1, 1);
    assert_eq!(gait::gate::evaluate::evaluate(&policy(text), &intent, &time).verdict.word(), "block");
    assert!(
        refused("rules: [{name: r, effect: allow, match: {args: {$.x: {regex: 'a)|(?:b'}}}}]")
            .contains("no regular expression")
    );
}

#[test]
fn times_of_a_call_are_read_as_loosely_as_its_digest_needs() {
    let at = |time: &str| {
        let mut value = call("t", json!({}), json!([]));
        value["created_at"] = time.into();
        intent(&value).created_at.to_string()
    };
    assert_eq!(at("2024-05-01T10:00:00,1239Z"), "2024-05-01T10:00:00.1239Z");
    assert_eq!(at("2024-05-01T10:00:00+24:00"), "2024-04-30T10:00:00Z");
    assert_eq!(at("2024-05-01T10:00:00-24:00"), "2024-05-02T10:00:00Z");
}

#[test]
fn a_scheme_that_begins_like_another_is_none() {
    let value = call("t", json!({}), json!([{"kind": "url", "value": "postgresx://a:b:80"}]));
    assert_eq!(intent(&value).targets[0].endpoint_domain, "");
}

fn one_line(rules: usize) -> String {
    let rule = |at: usize| json!({"name": format!("rüle {at}"), "priority": at, "effect": "allow", "match": {"tool_names": [format!("t{at}")]}});
    json!({"rules": (0..rules).map(rule).collect::<Vec<_>>()}).to_string()
}

#[test]
fn numbers_of_a_long_line_and_of_a_block_are_read_as_written() {
    let policy = policy(&one_line(300));
    assert_eq!(policy.rules[299].priority, 299);
    let texts = policy_of(
        "rules:\n- name: r\n  effect: allow\n  broker_reference: >-\n    1.0\n  violations:\n  - |- # text\n    1.50\n  -\n    1.50\n",
    );
    assert_eq!((texts.0.as_str(), texts.1), ("1.0", vec!["1.5".to_owned(), "1.50".to_owned()]));
}

fn policy_of(text: &str) -> (String, Vec<String>) {
    let policy = policy(text);
    (policy.rules[0].broker_reference.clone(), policy.rules[0].violations.clone())
}

#[test]
fn what_is_formatted_is_read_again() {
    let given = policy(r#"{"rules": [{"name": "1e400", "effect": "allow", "violations": ["-1E999"]}]}"#);
    let text = format::text(&given);
    let again = parse::policy(&Document::parse("p.yaml", text).unwrap()).unwrap();
    assert_eq!(given.digest().unwrap(), again.digest().unwrap());
    let place = Place::new();
    place.file("p.json", one_line(1500));
    let (code, said) = place.run("policy fmt p.json --write");
    assert_eq!(code, 6, "{said}");
    assert!(said["error"].as_str().unwrap().contains("no policy of more than 1048576 is read"), "{said}");
    assert_eq!(place.run("policy validate p.json").0, 0);
}

#[test]
fn a_kill_switch_that_cannot_be_applied_stops_everything() {
    let place = Place::new();
    place.file("p.yaml", "default_verdict: allow\n");
    let targets = json!([{"kind": "url", "value": "http://Evil.example./x"}, {"kind": "path", "value": "/srv/./a"}]);
    place.file("i.json", call("pay", json!({}), targets).to_string());
    std::fs::create_dir(place.path(".gait")).unwrap();
    for (state, exit) in [
        ("", 3),
        ("{}", 3),
        ("stop: # - {name: x, all: true}", 0),
        ("stop: []", 0),
        ("stop: [{name: x, tools: ['pay[']}]", 3),
        ("stop: [{name: x, tools: [other]}]", 0),
        ("stop: [{name: x, targets: [EVIL.example]}]", 3),
        ("stop: [{name: x, targets: ['/srv/**']}]", 3),
    ] {
        place.file(".gait/kill_switch.yaml", state);
        let (code, said) = place.run("gate eval --policy p.yaml --intent i.json");
        assert_eq!(code, exit, "{state:?}: {said}");
    }
}

#[test]
fn a_flag_that_only_tells_is_no_value_of_another() {
    let place = Place::new();
    place.file("p.yaml", "default_verdict: block\n").file("i.json", call("t", json!({}), json!([])).to_string());
    for flag in ["--trace-out", "--approval-token-ref", "--intent", "--policy"] {
        let out =
            place.command(&format!("gate eval --policy p.yaml --intent i.json {flag} --explain")).output().unwrap();
        assert_eq!(out.status.code(), Some(6), "{flag}");
    }
}

#[test]
fn nothing_in_a_token_is_an_absent_member() {
    let place = Place::new();
    for text in ["null", "{}", r#"{"token_id": null, "scope": null, "expires_at": null, "signature": null}"#] {
        let token = Token::<Approval>::open(place.file("t.json", text).path("t.json").to_str().unwrap()).unwrap();
        assert_eq!(token.proven(&[]).unwrap().unwrap_err(), "approval_token_invalid", "{text}");
    }
}

#[test]
fn what_is_doubtful_about_a_decision_is_told_with_it() {
    let place = Place::new();
    let context = r#""context": {"identity": "u", "workspace": "w", "risk_class": "high"}"#;
    let targets = r#""targets": [{"kind": "path", "value": "/a"}]"#;
    place.file(
        "i.json",
        format!(r#"{{"tool_name": "spread", {context}, {targets}, "args": {{"n": 9007199254740993}}}}"#),
    );
    place.file("p.yaml", "rules: [{name: r, effect: allow, min_approvals: 1}]");
    let (code, said) = place.run("gate eval --policy p.yaml --intent i.json");
    let warnings = said["warnings"].to_string();
    assert_eq!(code, 0, "{said}");
    for what in ["guessed from the tool's name", "larger than a double", "without the approvals"] {
        assert!(warnings.contains(what), "{what}: {warnings}");
    }
    place.file("i.json", format!("{{{context}}}")).file("p.yaml", "fail_closed: {enabled: true}");
    let (code, said) = place.run("gate eval --policy p.yaml --intent i.json");
    assert_eq!((code, &said["reason_codes"]), (6, &json!(["fail_closed_intent_invalid"])));
    let minted = "delegate mint --delegator a --delegate b --scope * --ttl 1h --scope-class";
    assert_eq!((place.run(&format!("{minted} x:y")).0, place.run(&format!("{minted} x")).0), (6, 0));
}
