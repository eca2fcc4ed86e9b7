//! `policy test` with a file of cases: what passes, what fails and how, and files that are refused.

use crate::cli::Gait;
use serde_json::json;

const POLICY: &str = "default_verdict: block
rules:
- name: read
  effect: allow
  match: { tool_names: [read] }
- name: ask <why>
  effect: require_approval
  reason_codes: [ask_first]
  violations: [unasked]
  match: { tool_names: [write] }
";

/// A case of a call of `tool`.
fn case(name: &str, tool: &str, wants: &str) -> String {
    let intent = format!(
        "{{ tool_name: {tool}, args: {{}}, targets: [], context: {{ identity: u, workspace: /w, risk_class: low }} }}"
    );
    format!("- {{ name: '{name}', intent: {intent}, {wants} }}\n")
}

fn place(cases: &str) -> Gait {
    let gait = Gait::new();
    gait.file("t/p.yaml", POLICY).file("t/c.yaml", format!("policy: p.yaml\ncases:\n{cases}"));
    gait
}

fn passing() -> String {
    case("reads", "read", "verdict: allow, matched_rule: read")
        + &case("asks", "write", "verdict: require_approval, reason_codes: [ask_first], violations: [unasked]")
}

fn failing() -> String {
    case("other verdict", "drop", "verdict: allow")
        + &case("other <rule> & \"text\"", "read", "verdict: allow, matched_rule: write")
        + &case("other words", "write", "verdict: require_approval, reason_codes: [x, ask_first], violations: [y]")
        + "- { name: no intent, intent: { tool_name: read }, verdict: block }\n"
        + "- { name: no file, intent: gone.json, verdict: block }\n"
}

#[test]
fn cases_that_hold_pass() {
    let gait = place(&passing());
    insta::assert_snapshot!("passing", gait.run("policy test t/c.yaml").code(0).transcript());
    let said = gait.run("policy test t/c.yaml --json").code(0).json();
    assert_eq!((&said["ok"], &said["passed"], &said["failed"]), (&json!(true), &json!(2), &json!(0)), "{said}");
}

#[test]
fn a_case_that_does_not_hold_fails_with_what_differs() {
    let gait = place(&(passing() + &failing()));
    insta::assert_snapshot!("failing", gait.run("policy test t/c.yaml").code(5).transcript());
    let out = gait.run("policy test t/c.yaml --json --junit out/j.xml").code(5);
    insta::assert_snapshot!("failing_json", serde_json::to_string_pretty(&out.json()["cases"]).unwrap());
    insta::assert_snapshot!("junit", gait.text("out/j.xml"));
    let said = out.json();
    assert_eq!((&said["ok"], &said["passed"], &said["failed"]), (&json!(false), &json!(2), &json!(5)), "{said}");
}

#[test]
fn junit_is_well_formed_and_counts_what_ran() {
    let gait = place(&(passing() + &failing()));
    gait.run("policy test t/c.yaml --junit j.xml").code(5);
    let report = quick_junit::Report::deserialize_from_str(&gait.text("j.xml")).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (7, 5, 0));
    let suite = &report.test_suites[0];
    assert_eq!((suite.name.as_str(), suite.tests, suite.failures), ("gait.policy.c", 7, 5));
    let names: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    let expected = ["reads", "asks", "other verdict", "other <rule> & \"text\"", "other words", "no intent", "no file"];
    assert_eq!(names, expected);
    let quick_junit::TestCaseStatus::NonSuccess { message, .. } = &suite.test_cases[2].status else { panic!() };
    assert_eq!(message.as_deref(), Some("verdict is block, expected allow (default_block)"));
    // Only what the filter leaves is run, and counted.
    gait.run("policy test t/c.yaml --junit j.xml --filter reads").code(0);
    let report = quick_junit::Report::deserialize_from_str(&gait.text("j.xml")).unwrap();
    assert_eq!((report.tests, report.failures), (1, 0));
    gait.run("policy test t/c.yaml --filter nothing").code(6).says(&["no case of t/c.yaml has \"nothing\""]);
}

#[test]
fn a_file_of_cases_that_cannot_be_meant_is_refused_at_its_place() {
    let good = case("a", "read", "verdict: allow");
    for (cases, place_, says) in [
        ("  []\n", "1:1", "no case under `cases`"),
        ("", "1:1", "no case under `cases`"),
        (&*case("a", "read", "verdict: allow, reason: x"), "3:", "unknown key `reason`"),
        (&*case("a", "read", "verdicts: allow"), "3:", "the case has no `verdict`"),
        (&*case("a", "read", "verdict: allowed"), "3:", "expected allow, dry_run, require_approval or block"),
        (&*case("a", "read", "verdict: allow, evaluation_time: soon"), "3:", "soon"),
        (&*case(" ", "read", "verdict: allow"), "3:", "the case has no `name`"),
        ("- { name: a, verdict: allow }", "3:", "the case has no `intent`"),
        ("- { name: a, intent: [], verdict: allow }", "3:", "`intent` has to be a path or an intent"),
        (&*format!("{good}{good}"), "4:", "two cases have the name \"a\""),
        (&*format!("{good}case: 1\n"), "4:1", "unknown key `case`"),
    ] {
        let gait = place(cases);
        gait.run("policy test t/c.yaml --junit j.xml").code(6).says(&[&format!("t/c.yaml:{place_}"), says]);
        assert!(!gait.exists("j.xml"), "{cases}");
    }
    let gait = place(&good);
    gait.file("t/c.yaml", format!("cases:\n{good}"));
    gait.run("policy test t/c.yaml").code(6).says(&["t/c.yaml:2:", "the case has no `policy`"]);
    gait.file("t/c.yaml", format!("policy: gone.yaml\ncases:\n{good}"));
    gait.run("policy test t/c.yaml").code(6).says(&["t/gone.yaml"]);
    gait.run("policy test t/p.yaml").code(6).says(&["name a policy and an intent, or a file of cases"]);
    gait.run("policy test t/p.yaml t/i.json --junit j.xml").code(6);
}

#[test]
fn a_case_may_have_its_own_policy_time_and_intent_file() {
    let gait = place("");
    let frozen =
        "default_verdict: allow\nfreeze_windows: [{name: y, start: 2026-01-01T00:00:00Z, end: 2026-02-01T00:00:00Z}]\n";
    gait.file("t/frozen.yaml", frozen);
    let context = json!({ "identity": "u", "workspace": "/w", "risk_class": "low" });
    gait.file("t/i.json", json!({ "tool_name": "read", "args": {}, "targets": [], "context": context }).to_string());
    let cases = "policy: p.yaml\ncases:
- { name: default, intent: i.json, verdict: allow, matched_rule: read }
- { name: open, policy: frozen.yaml, intent: i.json, verdict: allow, evaluation_time: 2026-02-01T00:00:00Z }
- { name: shut, policy: frozen.yaml, intent: i.json, verdict: block, evaluation_time: 2026-01-31T00:00:00Z }
- { name: told, policy: frozen.yaml, intent: i.json, verdict: block }
";
    gait.file("t/c.yaml", cases);
    gait.run("policy test t/c.yaml --evaluation-time 2026-01-02T00:00:00Z").code(0);
    let said = gait.run("policy test t/c.yaml --evaluation-time 2026-03-02T00:00:00Z --json").code(5).json();
    assert_eq!(said["failed"], 1);
    assert_eq!(said["cases"][3]["faults"], json!(["verdict is allow, expected block (default_allow)"]));
}
