//! What a rule is about, key by key, and what a matched rule comes to: in process, no file.

use crate::kit::{call, decide, intent, policy, verdict};
use gait::gate::explain;
use gait::gate::policy::Policy;
use gait::kernel::clock::Timestamp;
use serde_json::{Value, json};

/// A call that says everything about itself.
fn full() -> Value {
    let targets = json!([
        { "kind": "url", "value": "https://a.example/x", "operation": "write", "sensitivity": "Secret" },
        { "kind": "path", "value": "/srv/x", "operation": "read" },
    ]);
    let mut call = call("t", json!({"n": 1}), targets);
    call["context"]["workspace"] = json!("/w/a");
    call["arg_provenance"] = json!([{ "arg_path": "$.n", "source": "external" }]);
    call["skill_provenance"] = json!({ "skill_name": "s", "source": "registry", "publisher": "Acme" });
    let link =
        |from: &str, to: &str| json!({ "delegator_identity": from, "delegate_identity": to, "scope_class": "c" });
    let chain = json!([link("ann", "bob"), link("bob", "cid")]);
    call["delegation"] = json!({ "requester_identity": "dan", "scope_class": "w", "chain": chain });
    call
}

fn without(mut call: Value, key: &str) -> Value {
    call.as_object_mut().unwrap().remove(key);
    call
}

/// The key that keeps a rule of this match from being about a call, or nothing.
fn failed(effect: &str, matching: &str, call: &Value) -> Option<String> {
    let policy = policy(&format!("rules: [{{name: r, effect: {effect}, match: {{{matching}}}}}]"));
    let (intent, at) = (intent(call), Timestamp::date(2026, 1, 1));
    let outcome = decide(&policy, call);
    let story = explain::explain(&policy, &intent, &at, &outcome);
    let [rule] = story.rules.as_slice() else { panic!() };
    assert_eq!(rule.matched, rule.failed.is_none());
    assert_eq!(rule.matched, outcome.matched_rule() == "r", "{matching}");
    // What was wanted is told with the key that failed, where the match has that key.
    let named = rule.failed.as_ref().is_some_and(|key| matching.contains(key) || key.starts_with("args"));
    assert_eq!(rule.wanted.is_some(), named, "{matching}");
    rule.failed.clone()
}

#[test]
fn every_key_of_a_match_holds_or_is_named() {
    for (key, good, bad) in [
        ("tool_names", "[x, t]", "[x]"),
        ("risk_classes", "[high, low]", "[high]"),
        ("identities", "[u]", "[U]"),
        ("workspace_prefixes", "[/x/, /w/]", "[/x/, w]"),
        ("target_kinds", "[path]", "[host]"),
        ("target_values", "[/srv/x]", "[/srv]"),
        ("endpoint_classes", "[fs.read]", "[fs.write]"),
        ("data_classes", "[secret]", "[public]"),
        ("destination_kinds", "[url]", "[queue]"),
        ("destination_values", "['https://a.example/x']", "['https://a.example/']"),
        ("destination_operations", "[write]", "[delete]"),
        ("skill_publishers", "[acme]", "[acm]"),
        ("skill_sources", "[registry]", "[git]"),
        ("provenance_sources", "[external]", "[user]"),
        ("allowed_delegator_identities", "[bob]", "[cid]"),
        ("allowed_delegate_identities", "[dan]", "[ann]"),
        ("allowed_delegate_identities", "[bob]", "[Dan]"),
        ("delegation_scopes", "[w]", "[v]"),
        ("delegation_scopes", "[c]", "[ww]"),
        ("max_delegation_depth", "2", "1"),
        ("max_delegation_depth", "3", "0"),
    ] {
        for effect in ["allow", "dry_run", "require_approval", "block"] {
            assert_eq!(failed(effect, &format!("{key}: {good}"), &full()), None, "{key}");
            assert_eq!(failed(effect, &format!("{key}: {bad}"), &full()), Some(key.to_owned()), "{key}");
            // Keys that hold do not save one that does not.
            let both = format!("tool_names: [t], args: {{$.n: {{eq: 1}}}}, {key}: {bad}");
            let both = if key == "tool_names" { both.replacen("tool_names: [t], ", "", 1) } else { both };
            assert_eq!(failed(effect, &both, &full()), Some(key.to_owned()), "{both}");
        }
        let absent = match key {
            "skill_publishers" | "skill_sources" => ("skill_provenance", key),
            "provenance_sources" => ("arg_provenance", key),
            key if key.contains("deleg") => ("delegation", "require_delegation"),
            key if key.contains("target") || key.contains("destination") || key.contains("classes") => ("targets", key),
            _ => continue,
        };
        if key != "risk_classes" {
            assert_eq!(
                failed("allow", &format!("{key}: {good}"), &without(full(), absent.0)),
                Some(absent.1.to_owned())
            );
        }
    }
    assert_eq!(failed("allow", "require_delegation: true", &full()), None);
    let plain = without(full(), "delegation");
    assert_eq!(failed("allow", "require_delegation: true", &plain), Some("require_delegation".into()));
    assert_eq!(failed("allow", "require_delegation: false", &plain), None);
    assert_eq!(failed("block", "args: {$.n: {eq: 2}}", &full()), Some("args.$.n.eq".into()));
}

#[test]
fn target_keys_hold_of_one_target_or_of_every() {
    for (matching, one, every) in [
        ("target_kinds: [url]", None, Some("target_kinds")),
        ("target_kinds: [url, path]", None, None),
        ("target_kinds: [url, path], destination_operations: [read]", None, Some("destination_operations")),
        ("target_values: [/srv/x], target_kinds: [url]", None, Some("target_kinds")),
        ("endpoint_classes: [net.http]", None, Some("endpoint_classes")),
    ] {
        assert_eq!(failed("allow", matching, &full()).as_deref(), one, "{matching}");
        assert_eq!(
            failed("allow", &format!("every_target: true, {matching}"), &full()).as_deref(),
            every,
            "{matching}"
        );
    }
    let none = without(full(), "targets");
    assert_eq!(failed("allow", "every_target: true", &none), Some("every_target".into()));
    assert_eq!(failed("allow", "every_target: true", &full()), None);
    assert_eq!(failed("allow", "tool_names: [t]", &none), None);
}

#[test]
fn a_workspace_that_climbs_is_where_it_ends_up() {
    let matched = |effect: &str, prefix: &str, workspace: &str| {
        let mut call = full();
        call["context"]["workspace"] = json!(workspace);
        failed(effect, &format!("workspace_prefixes: ['{prefix}']"), &call).is_none()
    };
    for (prefix, workspace, proceeds, stopped) in [
        ("/w/", "/w/a", true, true),
        ("/w/", "/w", false, false),
        ("/w/", "/x/w/", false, false),
        ("/w/", "/w/../x", false, true),
        ("/x/", "/w/../x", true, true),
        ("/x/", "/w/../x/y", true, true),
        ("/w/", "/w/a/..", true, true),
        ("/w/", "/w/a..b", true, true),
    ] {
        for (effect, want) in
            [("allow", proceeds), ("dry_run", proceeds), ("require_approval", stopped), ("block", stopped)]
        {
            assert_eq!(matched(effect, prefix, workspace), want, "{effect} {prefix} {workspace}");
        }
    }
}

/// Verdict, reasons, violations.
fn says(policy: &Policy, call: &Value) -> (&'static str, String, String) {
    let outcome = decide(policy, call);
    (outcome.verdict.word(), outcome.reason_codes.join(","), outcome.violations.join(","))
}

fn is(policy: &Policy, call: &Value, verdict: &str, reasons: &str, violations: &str) {
    let (have, reason, violation) = says(policy, call);
    assert_eq!((have, reason.as_str(), violation.as_str()), (verdict, reasons, violations), "{call}");
}

#[test]
fn fail_closed_blocks_what_does_not_say_enough() {
    let closed = |fields: &str| {
        policy(&format!("default_verdict: allow\nfail_closed: {{enabled: true, risk_classes: [low], {fields}}}"))
    };
    let all = closed("required_fields: [targets, arg_provenance, endpoint_class, delegation]");
    is(&all, &full(), "allow", "default_allow", "");
    for (key, what) in [
        ("targets", "missing_targets"),
        ("arg_provenance", "missing_arg_provenance"),
        ("delegation", "missing_delegation"),
    ] {
        is(&all, &without(full(), key), "block", &format!("fail_closed_{what}"), what);
        is(&closed(""), &without(full(), key), "allow", "default_allow", "");
    }
    let unknown = call(
        "t",
        json!({}),
        json!([{"kind": "bucket", "value": "b"}, {"kind": "path", "value": "/p", "operation": "read"}]),
    );
    is(&closed(""), &unknown, "block", "fail_closed_endpoint_class_unknown", "endpoint_class_unknown");
    is(
        &closed("required_fields: [endpoint_class]"),
        &unknown,
        "block",
        "fail_closed_endpoint_class_unknown,fail_closed_missing_endpoint_class",
        "endpoint_class_unknown,missing_endpoint_class",
    );
    // A class guessed from a part of the name counts as unknown where hints are distrusted.
    let guessed = call("spread", json!({}), json!([{"kind": "path", "value": "/p"}]));
    is(&closed(""), &guessed, "allow", "default_allow", "");
    is(
        &closed("distrust_hints: true"),
        &guessed,
        "block",
        "fail_closed_endpoint_class_unknown",
        "endpoint_class_unknown",
    );
    is(&closed("distrust_hints: true"), &full(), "allow", "default_allow", "");
    // Other risk classes are not covered; without a list critical and high are.
    let high = policy("default_verdict: allow\nfail_closed: {enabled: true, required_fields: [targets]}");
    for (class, verdict) in [("low", "allow"), ("medium", "allow"), ("high", "block"), ("critical", "block")] {
        let mut call = call("t", json!({}), json!([]));
        call["context"]["risk_class"] = json!(class);
        assert_eq!(says(&high, &call).0, verdict, "{class}");
    }
    let off = policy("default_verdict: allow\nfail_closed: {risk_classes: [low], required_fields: [targets]}");
    is(&off, &call("t", json!({}), json!([])), "allow", "default_allow", "");
}

#[test]
fn tainted_data_goes_nowhere_unasked() {
    let flow = |effect: &str, more: &str| {
        policy(&format!("rules: [{{name: r, effect: {effect}, dataflow: {{enabled: true{more}}}}}]"))
    };
    let tainted = |source: &str, targets: Value| {
        let mut call = call("t", json!({"n": 1}), targets);
        call["arg_provenance"] = json!([{ "arg_path": "$.n", "source": source }]);
        call
    };
    let to = |kind: &str, value: &str| json!([{ "kind": kind, "value": value, "operation": "put" }]);
    let (reason, violation) = ("dataflow_tainted_destination,matched_rule_r", "tainted_dataflow");
    for kind in ["host", "url", "bucket", "queue", "topic"] {
        let call = tainted("external", to(kind, "https://v.example"));
        is(&flow("allow", ""), &call, "require_approval", reason, violation);
        is(&flow("allow", ", action: block"), &call, "block", reason, violation);
        // Never softer than the rule itself.
        is(&flow("block", ""), &call, "block", reason, violation);
    }
    for call in [
        tainted("user", to("url", "https://v.example")),
        tainted("external", to("path", "/v")),
        tainted("external", json!([])),
    ] {
        is(&flow("allow", ""), &call, "allow", "matched_rule_r", "");
    }
    is(&flow("allow", ""), &tainted("tool_output", to("queue", "v")), "require_approval", reason, violation);
    is(
        &flow("allow", ", tainted_sources: [user]"),
        &tainted("user", to("queue", "v")),
        "require_approval",
        reason,
        violation,
    );
    is(
        &flow("allow", ", tainted_sources: [user]"),
        &tainted("external", to("queue", "v")),
        "allow",
        "matched_rule_r",
        "",
    );
    for (list, hit, miss) in [
        ("destination_kinds: [path]", to("path", "/v"), to("url", "https://v.example")),
        ("destination_values: [v]", to("bucket", "v"), to("bucket", "w")),
        (
            "destination_operations: [put]",
            to("path", "/v"),
            json!([{"kind": "path", "value": "/v", "operation": "get"}]),
        ),
        (
            "destination_kinds: [bucket], destination_values: [v], destination_operations: [put]",
            to("bucket", "v"),
            json!([{"kind": "bucket", "value": "v"}, {"kind": "path", "value": "v", "operation": "put"}, {"kind": "bucket", "value": "w", "operation": "put"}]),
        ),
    ] {
        let policy = flow("allow", &format!(", {list}"));
        is(&policy, &tainted("external", hit), "require_approval", reason, violation);
        is(&policy, &tainted("external", miss), "allow", "matched_rule_r", "");
    }
    // What approval it takes is told with the verdict.
    assert_eq!(decide(&flow("allow", ""), &tainted("external", to("queue", "v"))).min_approvals, 1);
    assert_eq!(decide(&flow("allow", ""), &tainted("user", to("queue", "v"))).min_approvals, 0);
}

#[test]
fn each_constraint_of_an_endpoint_has_its_reason() {
    let net = |value: &str| json!([{"kind": "url", "value": value}]);
    let path = |value: &str| json!([{"kind": "path", "value": value, "operation": "read"}]);
    let rm = json!([{"kind": "path", "value": "/a/x", "operation": "delete"}]);
    for (endpoint, targets, found) in [
        ("path_allowlist: [/a/**]", path("/a/x"), ""),
        ("path_allowlist: [/a/**]", path("/b"), "endpoint_path_not_allowlisted"),
        ("path_allowlist: [/a/**]", net("https://a.example"), ""),
        ("path_denylist: [/a/**]", path("/a/x"), "endpoint_path_denied"),
        ("path_denylist: [/a/**]", path("/b"), ""),
        (
            "path_denylist: [/a/**], path_allowlist: [/b/**]",
            path("/a/x"),
            "endpoint_path_denied,endpoint_path_not_allowlisted",
        ),
        ("domain_allowlist: [a.example]", net("https://a.example"), ""),
        ("domain_allowlist: [a.example]", net("https://b.example"), "endpoint_domain_not_allowlisted"),
        ("domain_allowlist: [a.example]", path("/a"), ""),
        ("domain_denylist: [a.example]", net("https://a.example"), "endpoint_domain_denied"),
        ("domain_denylist: [a.example]", net("https://b.example"), ""),
        ("egress_classes: [net.dns]", net("https://a.example"), "endpoint_egress_class_not_allowed"),
        ("egress_classes: [net.http]", net("https://a.example"), ""),
        ("egress_classes: [net.dns]", path("/a"), ""),
        ("enabled: true", rm.clone(), ""),
    ] {
        let both = if found.is_empty() { String::new() } else { format!("endpoint_constraint_violation,{found}") };
        let reasons = if found.is_empty() { "matched_rule_r".to_owned() } else { format!("{both},matched_rule_r") };
        let mut sorted: Vec<&str> = reasons.split(',').collect();
        sorted.sort_unstable();
        let mut violated: Vec<&str> = both.split(',').collect();
        violated.sort_unstable();
        for (action, stops) in [("", "block"), (", action: require_approval", "require_approval")] {
            let policy = policy(&format!("rules: [{{name: r, effect: allow, endpoint: {{{endpoint}{action}}}}}]"));
            let verdict = if found.is_empty() { "allow" } else { stops };
            is(&policy, &call("t", json!({}), targets.clone()), verdict, &sorted.join(","), &violated.join(","));
        }
    }
    // What destroys is one more thing, whatever else was found.
    let softer = policy("rules: [{name: r, effect: allow, endpoint: {destructive_action: require_approval}}]");
    let (reasons, violations) = (
        "endpoint_constraint_violation,endpoint_destructive_operation,matched_rule_r",
        "destructive_operation,endpoint_constraint_violation",
    );
    is(&softer, &call("t", json!({}), rm.clone()), "require_approval", reasons, violations);
    is(&softer, &call("t", json!({}), path("/a")), "allow", "matched_rule_r", "");
    let harder = policy(
        "rules: [{name: r, effect: require_approval, endpoint: {path_allowlist: [/a/**], action: require_approval, destructive_action: block}}]",
    );
    is(&harder, &call("t", json!({}), rm), "block", reasons, violations);
}

#[test]
fn the_first_rule_by_priority_and_name_decides() {
    let policy = policy(
        "default_verdict: dry_run
rules:
- {name: b, priority: 2, effect: block, match: {tool_names: [t]}}
- {name: 'a- B', priority: 2, effect: require_approval, min_approvals: 0, match: {tool_names: [t]}, violations: [z, y]}
- {name: z, priority: 1, effect: allow, match: {tool_names: [u]}}
- {name: y, priority: 3, effect: allow, min_approvals: 2, match: {tool_names: [v]}}
",
    );
    let plain = |tool: &str| call(tool, json!({}), json!([]));
    is(&policy, &plain("t"), "require_approval", "matched_rule_a__b", "y,z");
    is(&policy, &plain("u"), "allow", "matched_rule_z", "");
    is(&policy, &plain("w"), "dry_run", "default_dry_run", "");
    assert_eq!(decide(&policy, &plain("t")).min_approvals, 1);
    assert_eq!(decide(&policy, &plain("v")).min_approvals, 2);
    assert_eq!(decide(&policy, &plain("w")).matched_rule(), "");
}

#[test]
fn a_freeze_window_only_makes_stricter_and_only_what_it_is_about() {
    let frozen = |effect: &str, more: &str| {
        policy(&format!(
            "default_verdict: {effect}\nfreeze_windows: [{{name: y, start: 2025-12-01T00:00:00Z, end: 2026-02-01T00:00:00Z{more}}}]"
        ))
    };
    let call = call("t", json!({}), json!([]));
    assert_eq!(verdict(&frozen("allow", ""), &call), "block");
    assert_eq!(verdict(&frozen("allow", ", effect: require_approval"), &call), "require_approval");
    assert_eq!(decide(&frozen("allow", ", effect: require_approval"), &call).min_approvals, 1);
    assert_eq!(verdict(&frozen("block", ", effect: require_approval"), &call), "block");
    assert_eq!(verdict(&frozen("allow", ", match: {tool_names: [u]}"), &call), "allow");
    is(&frozen("allow", ", reason_code: x, violation: y"), &call, "block", "default_allow,x", "y");
}
