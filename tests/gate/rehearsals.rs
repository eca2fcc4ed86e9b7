//! Policies side by side, one call told in a line, and what a policy's writer is warned of.

use crate::kit::{Place, call, has, policy};
use serde_json::{Value, json};

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("calls/deep")).unwrap();
    for (name, tool) in [("calls/a.json", "a"), ("calls/deep/b.JSON", "b"), ("c.json", "c")] {
        place.file(name, call(tool, json!({}), json!([])).to_string());
    }
    place.file("calls/notes.txt", "no call");
    place
}

fn rules(a: &str, b: &str) -> String {
    format!(
        "default_verdict: require_approval
rules:
- {{name: a, effect: {a}, match: {{tool_names: [a]}}}}
- {{name: b, effect: {b}, match: {{tool_names: [b]}}}}
"
    )
}

fn simulated(place: &Place, baseline: &str, candidate: &str) -> Value {
    place.file("old.yaml", baseline).file("new.yaml", candidate);
    let (code, said) =
        place.run("policy simulate --policy new.yaml --baseline old.yaml --fixtures c.json,calls,./c.json");
    assert_eq!((code, &said["fixtures_total"]), (0, &json!(3)), "{said}");
    said
}

#[test]
fn two_policies_differ_by_call_and_the_worst_is_the_recommendation() {
    let place = place();
    let old = rules("allow", "block");
    for (new, recommendation, changed) in [
        (rules("allow", "block"), "enforce", &[][..]),
        (rules("require_approval", "block"), "enforce", &["calls/a.json"]),
        (rules("block", "block"), "require_approval", &["calls/a.json"]),
        (rules("allow", "allow"), "observe", &["calls/deep/b.JSON"]),
        (rules("block", "allow"), "observe", &["calls/a.json", "calls/deep/b.JSON"]),
        (rules("allow", "dry_run"), "enforce", &["calls/deep/b.JSON"]),
        // The same verdict by another rule, for another reason or with another violation.
        (old.replace("name: a", "name: a2"), "enforce", &["calls/a.json"]),
        (old.replace("name: a,", "name: a, reason_codes: [x],"), "enforce", &["calls/a.json"]),
        (old.replace("name: a,", "name: a, violations: [x],"), "enforce", &["calls/a.json"]),
    ] {
        let said = simulated(&place, &old, &new);
        let paths: Vec<&str> = said["changed"]
            .as_array()
            .map_or(vec![], |list| list.iter().map(|c| c["fixture_path"].as_str().unwrap()).collect());
        assert_eq!((said["recommendation"].as_str().unwrap(), paths.as_slice()), (recommendation, changed), "{new}");
        let count = if changed.is_empty() { Value::Null } else { json!(changed.len()) };
        assert_eq!(said["changed_fixtures"], count);
        let summary = format!("policy simulate fixtures=3 changed={} recommendation={recommendation}", changed.len());
        assert_eq!(said["summary"], summary);
    }
    let said = simulated(&place, &old, &rules("block", "block"));
    assert_eq!(
        said["baseline_verdicts"],
        json!([{"verdict": "allow", "count": 1}, {"verdict": "block", "count": 1}, {"verdict": "require_approval", "count": 1}])
    );
    assert_eq!(
        said["candidate_verdicts"],
        json!([{"verdict": "block", "count": 2}, {"verdict": "require_approval", "count": 1}])
    );
    let one = &said["changed"][0];
    let told = |key: &str| one[key].clone();
    assert_eq!(
        (told("baseline_verdict"), told("candidate_verdict"), told("changed")),
        (json!("allow"), json!("block"), json!(true))
    );
    assert_eq!(
        (told("baseline_reason_codes"), told("candidate_matched_rule")),
        (json!(["matched_rule_a"]), json!("a"))
    );
}

#[test]
fn calls_that_are_not_there_are_an_error() {
    let place = place();
    place.file("p.yaml", "default_verdict: allow").file("bad.json", "{}");
    std::fs::create_dir(place.path("none")).unwrap();
    for fixtures in ["gone", "calls/notes.txt", "none", "gone.json", "bad.json", "c.json,bad.json"] {
        let (code, said) =
            place.run(&format!("policy simulate --policy p.yaml --baseline p.yaml --fixtures {fixtures}"));
        assert_eq!((code, said.get("recommendation")), (6, None), "{fixtures}: {said}");
    }
}

#[test]
fn a_summary_is_cut_between_characters() {
    let place = Place::new();
    place.file("i.json", call("t", json!({}), json!([])).to_string());
    let summary = |reason: &str| {
        place.file("p.yaml", format!("rules: [{{name: r, effect: allow, reason_codes: ['{reason}']}}]"));
        place.run("policy test p.yaml i.json").1["summary"].as_str().unwrap().to_owned()
    };
    let whole = summary("x");
    assert_eq!(whole, "policy test verdict=allow reasons=x violations=none");
    let room = 240 - whole.len() + 1;
    assert_eq!(summary(&"x".repeat(room)).len(), 240);
    let cut = summary(&"x".repeat(room + 1));
    assert_eq!((cut.len(), cut.ends_with("...(+1)")), (240, true), "{cut}");
    for lead in ["", "x"] {
        let cut = summary(&format!("{lead}{}", "é".repeat(200)));
        assert!((239..=240).contains(&cut.len()) && cut.contains("é...(+"), "{cut}");
    }
}

#[test]
fn a_doubtful_policy_is_remarked_on() {
    let warned = |rules: &str| policy(&format!("rules:\n{rules}")).warnings.join("\n");
    let limit = |scope: &str| format!("rate_limit: {{requests: 1, window: hour, scope: {scope}}}");
    for (rules, says) in [
        (
            "- {name: a, effect: allow, match: {tool_names: [a]}}\n- {name: a, effect: allow}",
            "p.yaml:3: the name \"a\" is used by two rules".to_owned(),
        ),
        (
            "- {name: a, effect: allow, min_approvals: 1}",
            "p.yaml:2: rule \"a\" lets calls proceed without the approvals".to_owned(),
        ),
        (
            "- {name: a, effect: allow, match: {delegation_scopes: [w]}}",
            "p.yaml:2: rule \"a\" takes a call's own word for its delegation".to_owned(),
        ),
        (
            "- {name: a, effect: dry_run, match: {max_delegation_depth: 0}}",
            "no token is asked for without require_delegation".to_owned(),
        ),
        ("- {name: a, effect: dry_run, min_approvals: 2}", "lets calls proceed without the approvals".to_owned()),
        (
            "- {name: a, effect: allow, match: {workspace_prefixes: [/srv/app]}}",
            "also fits /srv/app-other: end it with /".to_owned(),
        ),
        (
            "- {name: a, effect: allow}\n- {name: b, effect: allow}",
            "p.yaml:3: rule \"b\" never decides: \"a\" matches the same calls before it".to_owned(),
        ),
        (
            "- {name: a, effect: allow}\n- {name: b, effect: block}",
            "with the effect allow at the same priority, its name alone goes first".to_owned(),
        ),
        (
            &format!(
                "- {{name: a, effect: allow, match: {{tool_names: [a]}}, {}}}\n- {{name: b, effect: allow, {}}}",
                limit("tool"),
                limit("tool")
            ),
            "rules \"a\" and \"b\" share one counter".to_owned(),
        ),
    ] {
        let warnings = warned(rules);
        assert!(warnings.contains(&says), "{rules}: {warnings}");
    }
    for rules in [
        "- {name: a, effect: require_approval, min_approvals: 2}",
        "- {name: a, effect: block, match: {delegation_scopes: [w]}}",
        "- {name: a, effect: allow, match: {require_delegation: true, delegation_scopes: [w]}}",
        "- {name: a, effect: allow, match: {workspace_prefixes: [/srv/app/, app]}}",
        "- {name: a, effect: allow, match: {tool_names: [a]}}\n- {name: b, effect: block, match: {tool_names: [b]}}",
        &format!(
            "- {{name: a, effect: allow, match: {{tool_names: [a]}}, {}}}\n- {{name: b, effect: allow, {}}}",
            limit("tool"),
            limit("identity")
        ),
        "- {name: a, effect: allow, match: {tool_names: [a]}, rate_limit: {requests: 0}}\n- {name: b, effect: allow, rate_limit: {requests: 0}}",
    ] {
        assert_eq!(warned(rules), "", "{rules}");
    }
    let later = warned("- {name: a, priority: 1, effect: allow}\n- {name: b, priority: 2, effect: block}");
    assert!(later.ends_with("matches the same calls before it"), "{later}");
}

#[test]
fn simulation_enforces_nothing_and_tells_what_would_have_been() {
    let place = place();
    for (effect, stops) in [("allow", false), ("dry_run", false), ("require_approval", true), ("block", true)] {
        place.file("p.yaml", format!("rules: [{{name: r, effect: {effect}, violations: [v]}}]"));
        let (code, said) = place.run("gate eval --policy p.yaml --intent c.json --simulate");
        assert_eq!(
            (code, &said["simulate_mode"], &said["simulated_verdict"]),
            (0, &json!(true), &json!(effect)),
            "{said}"
        );
        assert_eq!(said["verdict"], if stops { "allow" } else { effect }, "{said}");
        assert_eq!(said.get("would_have_blocked"), stops.then_some(&json!(true)), "{said}");
        assert_eq!(has(&said, &format!("simulated_{effect}")), stops, "{said}");
        assert!(has(&said, "simulate_mode_non_enforcing"));
        // What was violated is told where nothing else says that the call was not stopped for it.
        assert_eq!(said.get("violations").is_none(), stops, "{said}");
    }
}
